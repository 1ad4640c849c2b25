"""One step each. Modules here hold decorated functions and nothing else: then they reach Dask workers by value."""
