"""The words of every problem, found again: one index for SQLite and PostgreSQL alike."""
