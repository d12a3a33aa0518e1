"""Archives of a part: what the public may see, and one product."""

from __future__ import annotations

import math
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from accounts.models import Role
from accounts.transfer.registry import registry
from patches.models import Patch
from patches.policies import visible_patches
from patches.waiting import demand
from tests.people import make_person
from tests.problems import make_problem, make_product
from tests.transfer.archives import bytes_of, empty_instance, exported, rows_of
from tests.transfer.filling import fill, person
from tracker.changes import ProblemChange
from tracker.models import Door, Problem
from tracker.services import attach, change, comment
from tracker.transfer.loading import import_archive
from votes import saved_searches
from votes.recounting import find_wrong
from votes.services import cast_vote

pytestmark = pytest.mark.django_db


def by_number(folder: Path) -> dict[int, dict[str, Any]]:
    return {row["number"]: row for row in rows_of(folder, "problems")}


def numbered(synopsis: str) -> int:
    return Problem.objects.get(synopsis=synopsis).pk


def everything(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows, with heats rounded as far as two ways of adding agree."""
    found = {table.name: rows_of(folder, table.name) for table in registry.in_order()}
    for row in found["problems"]:
        row["heat"] = round(row["heat"], 9)
    return found


def test_a_confidential_problem_changes_nothing_in_a_public_archive(tmp_path: Path) -> None:
    """Neither what is said of it, nor what it adds to others, nor who had to do with it."""
    product = make_product("base")
    rita, tom = make_person("rita"), make_person("tom", Role.TRIAGER)
    first = make_problem(product, rita)
    change(first, tom, ProblemChange(severity="major"), Door.WEB)
    before = exported(tmp_path / "before", is_public=True)
    insider = make_person("insider")
    secret = make_problem(product, insider, is_confidential=True)
    comment(secret, rita, "The word is xyzzy.", Door.WEB)
    attach(secret, insider, ContentFile(b"xyzzy", "xyzzy.txt"), Door.WEB)
    cast_vote(secret, tom, Door.WEB)
    change(secret, tom, ProblemChange(duplicate_of=first.pk), Door.WEB)
    first.refresh_from_db()
    assert first.people == 1
    saved_searches.save(insider, "mine", "xyzzy")
    assert everything(exported(tmp_path / "after", is_public=True)) == everything(before)


def test_nothing_points_to_a_confidential_problem(tmp_path: Path) -> None:
    fill()
    folder = exported(tmp_path / "public", is_public=True)
    secret, other = numbered("A secret hole"), numbered("Another secret hole")
    problems = by_number(folder)
    assert not problems.keys() & {secret, other}
    assert len(problems) == Problem.objects.filter(is_confidential=False).count()
    of_secret = problems[numbered("Stops at once")]
    assert (of_secret["resolution"], of_secret["duplicate_of"]) == ("duplicate", None)
    assert of_secret["head"] is None
    for table in registry.in_order():
        for row in rows_of(folder, table.name):
            assert row.get("problem") not in {secret, other}
    named = [
        each[side]
        for row in rows_of(folder, "events") for each in row["changes"]
        if each["field"] == "duplicate_of" for side in ("old", "new")
    ]  # fmt: skip
    assert 0 in named
    assert not {secret, other} & set(named)


def test_a_chain_through_a_confidential_problem_is_cut(tmp_path: Path) -> None:
    """a -> b -> (c) -> d: b is the head of a, and d counts its own."""
    product, tom = make_product(), make_person("tom", Role.TRIAGER)
    a, b, d = (make_problem(product) for _ in "abd")
    c = make_problem(product, is_confidential=True)
    for problem, target in ((c, d), (b, c), (a, b)):
        change(problem, tom, ProblemChange(duplicate_of=target.pk), Door.WEB)
    d.refresh_from_db()
    assert d.people == 3
    problems = by_number(exported(tmp_path / "public", is_public=True))
    pointers = {n: (row["duplicate_of"], row["head"]) for n, row in problems.items()}
    assert pointers == {a.pk: (b.pk, b.pk), b.pk: (None, None), d.pk: (None, None)}
    assert {n: row["people"] for n, row in problems.items()} == {a.pk: 1, b.pk: 2, d.pk: 1}
    assert problems[b.pk]["heat"] > problems[a.pk]["heat"]


def test_the_public_gets_no_address_and_nothing_that_is_private(tmp_path: Path) -> None:
    fill()
    make_person("lurker")
    folder = exported(tmp_path / "public", is_public=True)
    whole = b"".join(bytes_of(folder).values())
    for word in (b"@example.org", b"secret hole", b"how to break in", b"Nobody may read this",
                 b"Europe/Berlin", b"is:open author:me", b"discounted", b"lurker",
                 b"nobody may read", b"Close the hole", b"Kept from the public"):  # fmt: skip
        assert word not in whole, word
    tables = {path.stem for path in folder.glob("*.jsonl")}
    assert not tables & {"subscriptions", "digest_subscriptions", "account_events", "last_looks"}
    assert [row["name"] for row in rows_of(folder, "saved_searches")] == ["urgent"]
    assert set(rows_of(folder, "people")[0]) == {"handle", "is_active"}
    assert {row["handle"] for row in rows_of(folder, "people")} >= {"rita", "mara", "tom", "dora"}
    assert len(rows_of(folder, "attachments")) == 4
    assert [row["title"] for row in rows_of(folder, "patches")] == list(
        visible_patches(None).order_by("pk").values_list("title", flat=True)
    )
    assert not tables & {"review_requests", "patch_looks", "maintainers_files"}


def test_the_public_archive_is_what_an_outsider_sees(tmp_path: Path, client: Any) -> None:
    """Every problem and comment that the API shows to somebody signed out, and no other."""
    fill()
    folder = exported(tmp_path / "public", is_public=True)
    shown = client.get("/api/v1/problems/?state=any&sort=newest&limit=100").json()["results"]
    problems = by_number(folder)
    assert {row["number"] for row in shown} == problems.keys()
    for row in shown:
        mine = problems[row["number"]]
        same = ("synopsis", "state", "resolution", "duplicate_of", "assignee", "reporter",
                "severity", "architecture", "version", "product")  # fmt: skip
        assert {name: row[name] for name in same} == {name: mine[name] for name in same}
    comments = [
        entry["id"]
        for number in sorted(problems)
        for entry in client.get(f"/api/v1/problems/{number}/comments/?limit=100").json()["results"]
    ]
    assert sorted(comments) == [row["id"] for row in rows_of(folder, "comments")]


def test_one_product_moves_to_an_instance_of_its_own(tmp_path: Path) -> None:
    fill()
    tom = person("tom")
    ports = make_problem(make_product("other"), make_person("only-there"))
    first = Problem.objects.earliest("pk")
    change(ports, tom, ProblemChange(duplicate_of=first.pk), Door.WEB)
    out = StringIO()
    call_command("export", str(tmp_path / "base"), product="base", stdout=out)
    empty_instance()
    (remark,) = import_archive(tmp_path / "base")
    assert "Nobody here is an administrator" in remark
    counted = demand.counts(Patch.objects.values_list("pk", flat=True))
    assert {each.pk: each.demand for each in Patch.objects.all()} == counted
    assert max(counted.values()) > 1
    assert bytes_of(exported(tmp_path / "again", product="base")) == bytes_of(tmp_path / "base")
    assert set(Problem.objects.values_list("product__slug", flat=True)) == {"base"}
    assert Problem.objects.filter(is_confidential=True).count() == 2
    assert list(find_wrong()) == []
    handles = {row["handle"] for row in rows_of(tmp_path / "base", "people")}
    assert "only-there" not in handles
    assert {"rita", "mara", "nina"} <= handles


def test_numbers_of_another_product_are_not_named(tmp_path: Path) -> None:
    tom = make_person("tom", Role.TRIAGER)
    mine, other = make_problem(make_product("mine")), make_problem(make_product("other"))
    change(mine, tom, ProblemChange(duplicate_of=other.pk), Door.WEB)
    folder = exported(tmp_path / "mine", product="mine")
    assert by_number(folder)[mine.pk]["duplicate_of"] is None
    changes = rows_of(folder, "events")[-1]["changes"]
    assert {"field": "duplicate_of", "old": None, "new": 0} in changes
    head = by_number(exported(tmp_path / "other", product="other"))[other.pk]
    assert head["people"] == 1
    assert math.isfinite(head["heat"])


def test_pages_of_an_imported_product_tell_of_no_number_elsewhere(
    tmp_path: Path, client: Any
) -> None:
    tom = make_person("tom", Role.TRIAGER)
    mine, other = make_problem(make_product("mine")), make_problem(make_product("other"))
    change(mine, tom, ProblemChange(duplicate_of=other.pk), Door.WEB)
    folder = exported(tmp_path / "mine", product="mine")
    empty_instance()
    import_archive(folder)
    for page in (f"/{mine.pk}", f"/{mine.pk}/history"):
        text = client.get(page).content.decode()
        assert "a problem that you cannot see" in text
        assert "#0" not in text
