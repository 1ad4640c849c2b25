"""Valid inference with imperfect synthetic data, as a pipeline."""

__version__ = "0.1.0"
