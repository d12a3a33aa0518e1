"""Whether a problem is in a release: computed from what was said of it, and explained.

`lines` puts the releases of a product in order, `answers` gives the answers for one problem with
their reasons, `conditions` the same for all problems at once as a condition of a query, and
`counts` how many problems a release has. `docs/versions.md` states the rules.
"""

from tracker.versions.answers import Answer, Verdict, answering, verdicts
from tracker.versions.conditions import affected_in, fixed_in, newly_fixed_in
from tracker.versions.counts import affected_counts
from tracker.versions.lines import Lines

__all__ = [
    "Answer",
    "Lines",
    "Verdict",
    "affected_counts",
    "affected_in",
    "answering",
    "fixed_in",
    "newly_fixed_in",
    "verdicts",
]
