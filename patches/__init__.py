"""Patches, from the moment somebody sends one to the decision about it."""
