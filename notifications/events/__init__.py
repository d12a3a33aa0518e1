"""Mails about what happened to problems: whom they reach, how soon, and in what words."""
