"""GMM for few labels."""
