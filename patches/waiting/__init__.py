"""Patches that wait: for whom, since when, how many people for them, and the lists of them."""
