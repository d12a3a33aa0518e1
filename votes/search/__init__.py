"""The search language of the one box: its grammar, what its words mean, and what it found."""
