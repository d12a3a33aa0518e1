"""Digests: when they come due, what they tell, how they are written."""
