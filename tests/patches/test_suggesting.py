"""Who is suggested as a reviewer, and the reason that is told."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts.models import Person, Role
from patches import deciding
from patches.models import Patch
from patches.owners import blaming, requests
from patches.owners.suggesting import suggest
from patches.reviews import rating, reviewing
from patches.reviews.rating import Said
from tests.patching import diff, make_patch, newest, parsed
from tests.people import make_person
from tests.problems import make_problem
from tracker.models import Door, Product

pytestmark = pytest.mark.django_db


def integrated(
    product: Product, author: Person, text: bytes, days_ago: int = 0, **values: Any
) -> Patch:
    committer = Person.objects.filter(handle="carl").first() or make_person("carl", Role.COMMITTER)
    patch = make_patch(product, author, text=text, **values)
    deciding.integrate(patch, committer, Door.WEB)
    decided = timezone.now() - timedelta(days=days_ago)
    Patch.objects.filter(pk=patch.pk).update(decided_at=decided)
    return patch


def suggested(patch: Patch) -> dict[str, str]:
    return {each.person.handle: each.reason for each in suggest(patch)}


def test_who_changed_and_who_reviewed_these_lines_are_suggested_with_the_reason(
    product: Product,
) -> None:
    zoe, rolf, tina = make_person("zoe"), make_person("rolf"), make_person("tina")
    earlier = make_patch(product, zoe, text=diff("src/a.c", start=40))
    reviewing.send_review(newest(earlier), rolf, Door.WEB, text="Fine.")
    rating.rate(newest(earlier), tina, Door.WEB, Said("quality", 1))
    deciding.integrate(earlier, make_person("carl", Role.COMMITTER), Door.WEB)
    far = integrated(product, make_person("fay"), diff("src/a.c", start=900))
    integrated(product, make_person("other"), diff("src/b.c", start=40))
    make_patch(product, make_person("waiting"), text=diff("src/a.c", start=40))
    patch = make_patch(product, text=diff("src/a.c", start=60))
    reviewed = f"Reviewed patch {earlier.pk}, which touched src/a.c."
    assert suggested(patch) == {
        "zoe": f"Changed lines 40–46 of src/a.c in patch {earlier.pk}.",
        "rolf": reviewed,
        "tina": reviewed,
        "fay": f"Changed src/a.c in patch {far.pk}.",
    }
    assert [each.person.handle for each in suggest(patch, 3)] == ["zoe", "rolf", "tina"]


def test_who_changed_them_lately_and_often_comes_first(product: Product) -> None:
    for handle, days in [("old", 1500), ("often", 400), ("often", 400), ("new", 10)]:
        author = Person.objects.filter(handle=handle).first() or make_person(handle)
        integrated(product, author, diff("src/a.c"), days)
    patch = make_patch(product, text=diff("src/a.c"))
    assert [each.person.handle for each in suggest(patch)] == ["new", "often", "old"]
    integrated(product, Person.objects.get(handle="often"), diff("src/a.c"), 400)
    assert next(each.person.handle for each in suggest(patch)) == "often"


def test_who_is_never_suggested(product: Product) -> None:
    author, asked = make_person("author"), make_person("asked")
    for handle in ("machine", "closed", "kept"):
        make_person(handle, *([Role.MACHINE] if handle == "machine" else []))
    secret = make_problem(product, is_confidential=True)
    for handle in ("author", "asked", "machine", "closed", "kept"):
        integrated(product, Person.objects.get(handle=handle), diff("src/a.c"))
    assert secret.reporter is not None
    integrated(product, secret.reporter, diff("src/a.c"), fixes=[secret])
    Person.objects.filter(handle="closed").update(is_active=False)
    patch = make_patch(product, author, text=diff("src/a.c"))
    requests.ask(patch, Person.objects.get(handle="carl"), asked, Door.WEB)
    assert list(suggested(patch)) == ["kept"]
    hidden = make_patch(product, author, text=diff("src/a.c"), is_confidential=True)
    assert list(suggested(hidden)) == []


@pytest.mark.parametrize("count", [1, 8])
def test_suggesting_takes_as_many_queries_for_many_earlier_patches_as_for_one(
    product: Product, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        integrated(product, make_person(), diff("src/a.c"))
    patch = make_patch(product, text=diff("src/a.c"))
    with django_assert_num_queries(8):
        assert len(suggest(patch)) == min(count, 5)


def test_the_repository_says_who_last_changed_these_lines(
    product: Product, settings: Any, tmp_path: Path
) -> None:
    cache.clear()
    settings.DATA_DIR = tmp_path
    make_person("glen", email="glen@example.org")
    make_person("late", email="late@example.org", email_confirmed_at=None)
    work = tmp_path / "work"
    work.mkdir()

    def git(*args: str, by: str = "glen") -> str:
        address = ["-c", f"user.name={by}", "-c", f"user.email={by.title()}@Example.org"]
        run = ["git", *address, "-C", str(work), *args]
        return subprocess.run(run, check=True, capture_output=True, text=True).stdout

    git("init", "-q", "-b", "main")
    lines = [f"line {n}\n" for n in range(1, 101)]
    for by, start, end in [("late", 1, 100), ("glen", 12, 15), ("nobody", 60, 60)]:
        lines[start - 1 : end] = [f"{by} {n}\n" for n in range(start, end + 1)]
        (work / "a.c").write_text("".join(lines))
        git("add", "a.c")
        git("commit", "-q", "-m", by, by=by)
    commit = git("rev-parse", "HEAD~1")[:12]
    git("branch", "stable", "HEAD~2")
    git("clone", "-q", "--bare", ".", str(tmp_path / "git" / "base.git"))
    patch = make_patch(product, text=diff("a.c", start=10) + diff("new.c"))
    said = f"Changed lines 12–15 of a.c in commit {commit}"
    assert suggested(patch) == {
        "glen": f"{said}, as the main branch has them: the base of the patch is not known."
    }
    based = parsed(diff("a.c", start=10), base_commit=git("rev-parse", "HEAD").strip())
    assert suggested(make_patch(product, text=based)) == {"glen": f"{said}."}
    assert suggested(make_patch(product, text=diff("a.c", start=50))) == {}
    early = parsed(diff("a.c", start=10), base_commit=git("rev-parse", "HEAD~2").strip())
    assert suggested(make_patch(product, text=early)) == {}
    assert suggested(make_patch(product, text=diff("a.c", start=10), target="stable")) == {}
    assert suggested(make_patch(product, text=diff("a.c"), target="--none")) == {}
    blamed = blaming.blamed_for(make_patch(product, text=diff("a.c")), {"a.c": [(58, 64)]})
    assert {(each.address, each.lines) for each in blamed} == {
        ("Nobody@Example.org", (60, 60)),
        ("Late@Example.org", (61, 64)),
    }
