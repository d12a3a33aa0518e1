"""Mails about patches: whom they reach, how soon, and in what words."""
