"""What the tracker tells the apps above it, always inside the transaction it tells of.

problem_happened: an event row was written.
    Arguments: `event` (Event, with its problem, actor and comment loaded), `quiet` (bool: the event
    came from an import or a repair, of which nobody is to be notified).
votes_moved: the duplicate groups of these problems are no longer what they were.
    Arguments: `problems` (list of Problem, whose numbers must be counted anew).
bulk_changed: some problems were changed together, each with a quiet `problem_happened` of its own.
    Sent once for each of the transactions that one bulk change takes.
    Arguments: `bulk_change` (BulkChange), `items` (list of BulkChangeItem, problem and event
    loaded).
maintainers_changed: other people maintain a component.
    Arguments: `component` (Component).
problems_imported: a batch of an import was stored.
    Arguments: `numbers` (list of int: all that came or got comments), `new` (list of Problem: those
    that came).
"""

from django.dispatch import Signal

problem_happened = Signal()
votes_moved = Signal()
bulk_changed = Signal()
maintainers_changed = Signal()
problems_imported = Signal()
