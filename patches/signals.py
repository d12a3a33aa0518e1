"""What patches tell the apps above them, always inside the transaction they tell of.

patch_happened: an event row of a patch was written.
    Arguments: `event` (PatchEvent, with its patch and actor loaded), `quiet` (bool: it came from an
    import or demonstration, of which nobody is to be notified).
"""

from django.dispatch import Signal

patch_happened = Signal()
