"""Worlds with a known truth, and coverage in them."""
