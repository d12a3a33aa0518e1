"""What votes tells the apps above it, always inside the transaction it tells of.

votes_changed: a vote was cast, described anew or taken back, or the numbers were counted anew.
    Arguments: `problem` (Problem, with its number; sent for every problem whose page shows it).
"""

from django.dispatch import Signal

votes_changed = Signal()
