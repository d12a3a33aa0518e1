"""Duplicate groups of which only a part leaves, and the check of those that came in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Q

from accounts.transfer.registry import Part, Row
from tracker.models import Problem


@dataclass(frozen=True)
class Regrouped:
    """The pointers of a problem in the archive, whose group has lost members."""

    duplicate_of: int | None
    head: int | None


def regrouped(part: Part) -> dict[int, Regrouped]:
    """number -> the pointers it has in this part, for each problem of a group that is cut."""
    if "groups" not in part.memory:
        part.memory["groups"] = _regroup(part)
    found: dict[int, Regrouped] = part.memory["groups"]
    return found


def _regroup(part: Part) -> dict[int, Regrouped]:
    kept = part.rows(Problem).order_by()
    outside = Problem.objects.exclude(pk__in=kept.values("pk"))
    # Groups with members on both sides: a head outside, or a member outside whose head is inside.
    below = outside.filter(pk__in=kept.exclude(head=None).values("head"))
    above = outside.filter(head__in=kept.values("pk"))
    heads = {*below.values_list("pk", flat=True), *above.values_list("head_id", flat=True)}
    # A chain may lead out and back in below a head that is outside as well.
    members: dict[int, int | None] = {}
    for head in sorted(h for h in heads if h is not None):
        group = kept.filter(Q(pk=head)) | kept.filter(head=head)
        members.update(group.values_list("pk", "duplicate_of"))
    pointers = {n: target if target in members else None for n, target in members.items()}
    return {n: Regrouped(pointers[n], end_of(n, pointers)) for n in members}


def end_of(number: int, pointers: Mapping[int, int | None]) -> int | None:
    """Where the chain of duplicates from `number` ends; None when it is none, or runs round."""
    seen = {number}
    here = pointers.get(number)
    last = None
    while here is not None:
        if here in seen:
            return None
        seen.add(here)
        last, here = here, pointers.get(here)
    return last


def regroup_rows(part: Part, rows: list[Row]) -> None:
    """Write the pointers as they are among the problems of the archive."""
    changed = regrouped(part)
    for row in rows:
        pointers = changed.get(row["number"])
        if pointers is not None:
            row["duplicate_of"], row["head"] = pointers.duplicate_of, pointers.head


def members_by_head(groups: Mapping[int, Regrouped]) -> dict[int, list[int]]:
    """head -> the numbers of its group, itself among them; a duplicate -> itself alone."""
    found = {number: [number] for number in groups}
    for number, pointers in groups.items():
        if pointers.head is not None:
            found[pointers.head].append(number)
    return found


def wrong_heads() -> list[int]:
    """The duplicates whose head is not the end of their chain, by number."""
    rows: Iterable[tuple[int, int | None, int | None]] = (
        Problem.objects.exclude(duplicate_of=None)
        .order_by("pk")
        .values_list("pk", "duplicate_of", "head")
    )
    pointers: dict[int, int | None] = {}
    heads: dict[int, int | None] = {}
    for number, target, head in rows:
        pointers[number], heads[number] = target, head
    return [number for number in pointers if end_of(number, pointers) != heads[number]]
