"""The tables of the tracker itself, and what is corrected where only a part of it leaves."""

from __future__ import annotations

import re
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Q

from accounts.transfer.registry import BadRow, Part, Row, Stored, Table, registry
from tracker.models import (
    Attachment,
    BulkChange,
    BulkChangeItem,
    Clock,
    ClockSetting,
    Comment,
    Component,
    Event,
    Maintainership,
    Problem,
    Product,
    Release,
    ReleaseStatus,
    attachment_path,
)
from tracker.policies import visible
from tracker.text_index.models import Frequency, FrequencyChange, IndexedText, Posting
from tracker.text_index.rebuilding import rebuild, vacuum
from tracker.transfer.groups import regroup_rows, wrong_heads

NOBODY_REFERS: Final = "no other row and no address names it"
# Stands in a history where the number of a problem was that is not in the archive.
ELSEWHERE: Final = 0
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def declare() -> None:
    """Called once, when the app is ready."""
    registry.add(*_products(), *_problems(), *_talk(), *_work())
    registry.rewrite(Problem, regroup_rows)
    registry.rewrite(Event, _hide_numbers)
    registry.leave_out(
        "the index of the texts, made anew from them",
        *(Posting, IndexedText, Frequency, FrequencyChange),
    )
    registry.after_loading.append(_check_problems)
    registry.after_commit["Indexing the texts"] = _index_all


def _products() -> list[Table]:
    return [
        Table(
            "products", Product, key=("slug",), within=_the_product,
            public=("id", "slug", "title", "description", "is_active", "created_at"),
        ),
        Table(
            "components", Component, key=("product", "slug"), within="product",
            public=(
                *("id", "product", "slug", "title", "description", "list_address"),
                "is_active",
            ),
        ),
        Table(
            "maintainerships", Maintainership, left_out={"id": NOBODY_REFERS}, within="component",
            public=("component", "person"),
        ),
        Table(
            "releases", Release, key=("product", "name"), within="product",
            public=(
                "id", "product", "name", "released_on", "is_supported", "position", "branch",
            ),
        ),
        Table("clock_settings", ClockSetting, left_out={"id": NOBODY_REFERS}, within="product"),
    ]  # fmt: skip


def _problems() -> list[Table]:
    return [
        Table(
            "problems", Problem, key=("number",), within=_the_problems,
            public=(
                "number", "product", "component", "kind", "severity", "synopsis", "description",
                "how_to_repeat", "release", "architecture", "hardware", "fixed_in", "state",
                "is_open", "resolution", "duplicate_of", "head", "reporter", "assignee",
                "origin", "origin_author", "created_at", "changed_at", "closed_at", "version",
                "people", "waiting", "heat",
            ),
        ),
    ]  # fmt: skip


def _talk() -> list[Table]:
    return [
        Table(
            "comments", Comment, key=("id",), within="problem",
            public=("id", "problem", "author", "text", "door", "origin_author", "created_at"),
        ),
        Table(
            "attachments", Attachment, key=("id",), within="problem",
            left_out={"file": "follows from sha256"}, prepare=_place_file,
            files=(Stored("file", size="size", is_public=True),),
            public=(
                "id", "problem", "comment", "uploader", "name", "content_type", "size", "sha256",
                "created_at",
            ),
        ),
        Table(
            "events", Event, key=("id",), within="problem", prepare=_check_event,
            public=(
                "id", "problem", "actor", "kind", "door", "changes", "comment", "attachment",
                "note", "at",
            ),
        ),
    ]  # fmt: skip


def _work() -> list[Table]:
    return [
        Table(
            "release_statuses", ReleaseStatus, left_out={"id": NOBODY_REFERS}, within="problem",
            public=("problem", "release", "status", "set_at"),
        ),
        Table("clocks", Clock, left_out={"id": NOBODY_REFERS}, within="problem"),
        Table("bulk_changes", BulkChange, key=("id",), within=_nothing),
        Table("bulk_change_items", BulkChangeItem, left_out={"id": NOBODY_REFERS},
              within=_nothing),
    ]  # fmt: skip


def _the_product(part: Part) -> Q:
    return Q(slug=part.product) if part.product else Q()


def _the_problems(part: Part) -> Q:
    """By a look at each problem's product: with a join SQLite, for each person whose reports it
    wants, reads all problems of the product instead of the few of the person."""
    seen = visible(AnonymousUser()) if part.is_public else Q()
    return seen & (part.has(Problem, "product") if part.product else Q())


def _nothing(part: Part) -> Q:
    """What was done to many problems at once is not undone for some of them."""
    return Q(pk__in=[])


def _hide_numbers(part: Part, rows: list[Row]) -> None:
    """History names no problem that is not in the archive."""
    changes = [c for row in rows for c in row["changes"] if c["field"] == "duplicate_of"]
    named = {c[side] for c in changes for side in ("old", "new") if c[side]}
    if not named:
        return
    kept = set(part.rows(Problem).filter(pk__in=named).values_list("pk", flat=True))
    for change in changes:
        for side in ("old", "new"):
            if change[side] and change[side] not in kept:
                change[side] = ELSEWHERE


def check_sha256(field: str, digits: str) -> None:
    """Raises `BadRow` for what cannot be the name of a file."""
    if not _SHA256.fullmatch(digits):
        raise BadRow(f"{field} must be 64 lower-case hexadecimal digits")


def _place_file(attachment: Attachment) -> None:
    check_sha256("sha256", attachment.sha256)
    if not attachment.name.strip(". ") or re.search(r"[/\\\x00-\x1f\x7f]", attachment.name):
        raise BadRow(f"name {attachment.name!r} is no plain file name")
    attachment.file.name = attachment_path(attachment, attachment.name)


def _check_event(event: Event) -> None:
    changes: Any = event.changes
    if not isinstance(changes, list) or not all(
        isinstance(each, dict) and isinstance(each.get("field"), str) and {"old", "new"} <= {*each}
        for each in changes
    ):
        raise BadRow('changes must be a list of {"field": …, "old": …, "new": …}')


def _check_problems() -> list[str]:
    """What no single row can tell. Raises `BadRow`."""
    misplaced = Problem.objects.exclude(component__product=F("product")).order_by("pk").first()
    if misplaced is not None:
        raise BadRow(f"the component of #{misplaced.pk} is none of its product")
    wrong = wrong_heads()
    if wrong:
        raise BadRow(f"the head of #{wrong[0]} is not where its chain of duplicates ends")
    return []


def _index_all() -> None:
    """Each batch is a transaction of its own; what an end in the middle leaves is done later."""
    rebuild()
    vacuum()
