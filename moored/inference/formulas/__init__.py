"""Formulas: read, learned from the rows that count, applied to every source alike."""
