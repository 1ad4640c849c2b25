"""Passes over the data, Newton's method, cross products."""
