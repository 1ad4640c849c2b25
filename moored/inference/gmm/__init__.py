"""The published two-step GMM."""
