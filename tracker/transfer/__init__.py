"""Moving out and in: an archive of everything as documented JSON Lines, and back.

`docs/exporting.md` describes the files. What is in them is declared in `accounts.transfer` (the
register) and in the `transfer` of each app.
"""
