"""Pages over the store for people who prefer clicking: served on this machine, or written as files to host."""
