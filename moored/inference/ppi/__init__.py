"""Prediction-powered inference and its mixtures."""
