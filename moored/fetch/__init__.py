"""What comes over the network once and stays in the cache folder, pinned by its sum: models and example data."""
