"""Versions of a patch: kept, compared with the one before, and the talk about lines in them."""
