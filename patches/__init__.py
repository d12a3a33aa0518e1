"""Patches and their way into the branches."""
