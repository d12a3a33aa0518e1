"""How long the lists of patches take with 50,000 patches and 200,000 problems.

    .venv/bin/python bench/patches.py                                 # SQLite, in a fresh folder
    DATABASE_URL=postgres://user@host/empty .venv/bin/python bench/patches.py

Fills the database as `bench/lists.py` does, and then patches with three versions, the newest of
five files; a fifth of them wait, and three of a hundred are confidential. What is printed is what
`bench/lists.py` prints. Of the votes only the counts matter here: `--votes 200000` fills faster.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import lists

FOLDERS = 200
FILES = 5
Rows = Iterator[tuple[Any, ...]]


def fill(patches: int, problems: int) -> None:
    """Each fixes one problem; the later it came the likelier it waits."""
    from django.db import connection, transaction

    from tracker.models import Problem

    chance = random.Random(2)
    places = dict(Problem.objects.values_list("pk", "component"))
    products = dict(Problem.objects.values_list("pk", "product"))
    people = dict(Problem.objects.values_list("pk", "people"))
    fixed = [chance.randrange(1, problems + 1) for _ in range(patches)]
    with transaction.atomic():
        lists.insert("patches_patch", *_patches(chance, fixed, products, people))
        numbers = range(1, patches + 1)
        lists.insert("patches_patchfix", ["patch_id", "problem_id", "added_at"],
                     ((n, fixed[n - 1], lists.NOW) for n in numbers))  # fmt: skip
        lists.insert("patches_patchcomponent", ["patch_id", "component_id"],
                     ((n, places[fixed[n - 1]]) for n in numbers))  # fmt: skip
        lists.insert("patches_patchversion", *_versions(patches))
        lists.insert("patches_patchcommit", *_commits(patches))
        lists.insert("patches_patchfile", *_files(chance, patches))
        lists.insert("patches_reviewrequest", *_requests(chance, patches))
        lists.insert("patches_rating", *_ratings(chance, patches))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _patches(
    chance: random.Random, fixed: list[int], products: dict[int, int], people: dict[int, int]
) -> tuple[list[str], Rows]:
    from django.db import connection

    columns = [
        "number", "product_id", "title", "description", "target", "author_id", "author_name",
        "submitter_id", "is_confidential", "state", "is_waiting", "turn", "turn_since",
        "is_reviewed", "latest", "content_since", "demand", "waited", "stage", "created_at",
        "changed_at", "decided_at", "decision", "commit",
    ]  # fmt: skip

    # No time at all, as each database has it.
    span = 0 if connection.vendor == "sqlite" else timedelta()

    def row(number: int, problem: int) -> tuple[Any, ...]:
        share = number / len(fixed)
        created = lists.NOW - timedelta(days=730 * (1 - share))
        waits = chance.random() < 0.4 * share
        turn = chance.choice(["reviewers", "reviewers", "author", "committer"])
        reviewed = not waits or turn != "reviewers" or chance.random() < 0.3
        author = chance.randrange(1, lists.PEOPLE + 1)
        return (
            number, products[problem], " ".join(chance.choices(lists.WORDS, k=6)), "why " * 50,
            "" if chance.random() < 0.9 else "stable/15", author, "", author,
            chance.random() < 0.03, "waiting" if waits else "integrated", waits,
            turn if waits else "nobody", created + (lists.NOW - created) * chance.random(),
            reviewed, 3, 1, people[problem], span, 2 if not reviewed and share < 0.8 else 0,
            created, created + (lists.NOW - created) * chance.random(),
            None if waits else lists.NOW, "", "",
        )  # fmt: skip

    return columns, (row(number, problem) for number, problem in enumerate(fixed, start=1))


def _versions(patches: int) -> tuple[list[str], Rows]:
    columns = [
        "id", "patch_id", "number", "kind", "door", "note", "message_id", "base_commit", "file",
        "sha256", "size", "original", "content", "content_since", "commits_count", "files_count",
        "added", "removed", "changes_by", "changes", "created_at",
    ]  # fmt: skip
    rows = (
        (3 * n + v, n, v, "diff", "web", "", "", "", "none", f"{3 * n + v:064x}", 1, "",
         f"{n:064x}", 1, 1, FILES, 10, 5, "range-diff", "x" * 500, lists.NOW)
        for n in range(1, patches + 1) for v in (1, 2, 3)
    )  # fmt: skip
    return columns, rows


def _commits(patches: int) -> tuple[list[str], Rows]:
    columns = [
        "id", "version_id", "position", "subject", "message", "author_name", "author_email",
        "patch_id", "offset", "length",
    ]  # fmt: skip
    return columns, (
        (3 * n + v, 3 * n + v, 1, "", "", "", "", "", 0, 1)
        for n in range(1, patches + 1) for v in (1, 2, 3)
    )  # fmt: skip


def _files(chance: random.Random, patches: int) -> tuple[list[str], Rows]:
    columns = [
        "version_id", "commit_id", "position", "path", "old_path", "status", "is_binary",
        "old_mode", "new_mode", "added", "removed", "offset", "length", "hunks",
    ]  # fmt: skip

    def path() -> str:
        return f"sys/part{chance.randrange(FOLDERS)}/file{chance.randrange(100)}.c"

    rows = (
        (3 * n + v, 3 * n + v, i, path(), "", "modified", False, "", "", 2, 1, 0, 1, "[]")
        for n in range(1, patches + 1) for v in (1, 2, 3) for i in range(FILES if v == 3 else 1)
    )  # fmt: skip
    return columns, rows


def _requests(chance: random.Random, patches: int) -> tuple[list[str], Rows]:
    columns = ["patch_id", "person_id", "reason", "state", "asked_at"]
    return columns, (
        (n, chance.randrange(1, 400), "You maintain this.", chance.choice(["open", "claimed"]),
         lists.NOW) for n in range(1, patches + 1) if chance.random() < 0.5
    )  # fmt: skip


def _ratings(chance: random.Random, patches: int) -> tuple[list[str], Rows]:
    columns = [
        "patch_id", "version_id", "person_id", "dimension", "value", "architecture", "hardware",
        "note", "door", "is_current", "at",
    ]  # fmt: skip
    return columns, (
        (n, 3 * n + 3, chance.randrange(1, lists.PEOPLE + 1), "works", 1, f"arch{i}", "", "", "web",
         True, lists.NOW) for n in range(1, patches + 1) for i in range(chance.randrange(3))
    )  # fmt: skip


def pages() -> dict[str, str]:
    """What is measured: name -> address."""
    from patches.models import Patch
    from patches.waiting import listing

    first = Patch.objects.filter(listing.TURNS["first"]).order_by("-demand", "number")
    deep = first[3000]
    cursor = listing.encode((deep.demand, deep.pk, deep.pk), "demand", backwards=False)
    found = {f"{turn}, by demand": f"/patches/?turn={turn}&sort=demand" for turn in listing.TURNS}
    found |= {f"{turn}, by age": f"/patches/?turn={turn}&sort=age" for turn in listing.TURNS}
    return found | {
        "decided, by latest": "/patches/?turn=decided",
        "all, by latest": "/patches/?turn=all&sort=latest",
        "first, by path": "/patches/?sort=path",
        "3,000 down by demand": f"/patches/?cursor={cursor}",
        "board": "/patches/forgotten/",
        "board, by demand": "/patches/forgotten/?sort=demand",
        "one product": "/patches/?product=product1",
        "one component": "/patches/?product=product1&component=part4&turn=all",
        "one author": "/patches/?author=p7&turn=all",
        "one author, decided": "/patches/?author=p7&turn=decided",
        "asked p7": "/patches/?reviewer=p7&turn=all",
        "one folder": "/patches/?path=sys/part7&turn=all",
        "one folder, by path": "/patches/?path=sys/part7&turn=all&sort=path",
        "one file": "/patches/?path=sys/part7/file7.c&turn=all",
        "one problem": "/patches/?problem=150000&turn=all",
        "two words": "/patches/?q=kernel+window",
        "a branch": "/patches/?target=stable/15",
        "Atom feed": "/patches.atom",
        "has:patch": "/problems/?q=has:patch",
        "patch:unreviewed": "/problems/?q=patch:unreviewed",
        "no:patch": "/problems/?q=no:patch",
        "page of a product": "/products/product1/",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--patches", type=int, default=50_000)
    parser.add_argument("--problems", type=int, default=200_000)
    parser.add_argument("--votes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--filled", action="store_true")
    options = parser.parse_args()
    lists.prepare()
    from django.db import connection
    from django.test import Client

    if not options.filled:
        lists.fill(options.problems, options.votes)
        fill(options.patches, options.problems)
    client = Client()
    slow: dict[str, tuple[float, Any]] = {}
    print(f"{connection.vendor:<32}      p50      p95      cpu  queries")
    for name, address in pages().items():
        slow |= lists.measure(name, address, client, options.rounds).slow
    for sql, (took, params) in slow.items():
        lists.explain(sql, took, params)


if __name__ == "__main__":
    main()
