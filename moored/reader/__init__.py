"""What a fit looks like to its reader: labelled frames, words for contrasts, text, pictures and tables."""
