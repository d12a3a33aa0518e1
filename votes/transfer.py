"""The tables of votes for the archive, and the numbers that follow from them."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import Final

from django.db.models import Q

from accounts.transfer.registry import Part, Row, Table, registry
from tracker.models import Problem
from tracker.transfer.groups import members_by_head, regrouped
from votes.models import LastLook, NoLonger, SavedSearch, Vote
from votes.recounting import find_wrong
from votes.services import tally

NOBODY_REFERS: Final = "no other row and no address names it"
MOST_NAMED: Final = 5


def declare() -> None:
    """Called once, when the app is ready."""
    registry.add(
        Table(
            "votes", Vote, left_out={"id": NOBODY_REFERS}, within="problem",
            # Whose vote counts is for triagers to know.
            public=("problem", "person", "cast_at", "release", "architecture", "note"),
        ),
        Table(
            "no_longer", NoLonger, left_out={"id": NOBODY_REFERS}, within="problem",
            public=("problem", "release", "architecture", "said_at"),
        ),
        Table("last_looks", LastLook, within="person", of_people=True),
        Table(
            "saved_searches", SavedSearch, key=("id",), within=_searches,
            left_out={"feed_key": "a secret that opens a private feed; a new one is made"},
            public=("id", "owner", "name", "query", "is_shared", "created_at", "changed_at"),
        ),
    )  # fmt: skip
    registry.rewrite(Problem, _count_anew)
    registry.after_loading.append(_compare_numbers)


def _searches(part: Part) -> Q:
    """A search spans products, so it stays behind where one product leaves."""
    return Q(pk__in=[]) if part.product else Q(is_shared=True)


def _count_anew(part: Part, rows: list[Row]) -> None:
    """The numbers of a group that leaves without some of its members are those of the rest."""
    groups = part.memory.setdefault("members", members_by_head(regrouped(part)))
    cut = {row["number"]: row for row in rows if row["number"] in groups}
    # A duplicate's votes are its own and those of its head's group.
    counts_for = defaultdict(list)
    for number in cut:
        for member in groups[number]:
            counts_for[member].append(number)
    columns = ("problem", "problem__is_confidential", "person", "status", "cast_at")
    votes = Vote.objects.filter(problem__in=list(counts_for)).values_list(*columns)
    said = defaultdict(list)
    for number, is_hidden, *vote in votes:
        for group in counts_for[number]:
            # As `tracker.duplicates.adds_up` has it.
            if group == number or not is_hidden or cut[group].get("is_confidential"):
                said[group].append(tuple(vote))
    for number, row in cut.items():
        row["people"], row["waiting"], row["heat"] = tally(said[number])


def _compare_numbers() -> list[str]:
    """The numbers came as they were, to the last bit; say so where the votes say otherwise."""
    wrong = [f"#{each.number}" for each in islice(find_wrong(), MOST_NAMED + 1)]
    if not wrong:
        return []
    names = ", ".join(wrong[:MOST_NAMED]) + (" and more" if len(wrong) > MOST_NAMED else "")
    remark = (
        f"The numbers of {names} are not those of their votes: they stood so, or "
        "VOTE_HALF_LIFE_DAYS was another one there. Run `manage.py recount_votes`."
    )
    return [remark]
