"""Pages of patches."""
