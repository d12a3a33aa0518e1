"""manage.py evaluate_similar measures what it says, on files as they come."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Person
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change

pytestmark = pytest.mark.django_db

START = datetime(2024, 1, 1, tzinfo=UTC)
# Day by day: a pair of zebras, a pair of okapis that share no word, and a third zebra.
SYNOPSES = ["Zebra panics at night", "Okapi stops", "Zebra panic by night", "Beast halts",
            "Night zebra panics"]  # fmt: skip


@pytest.fixture
def old_reports(product: Product, reporter: Person) -> list[Problem]:
    found = []
    for day, synopsis in enumerate(SYNOPSES):
        problem = make_problem(product, reporter, synopsis=synopsis, description=f"Report {day}.")
        at = START + timedelta(days=day)
        Problem.objects.filter(pk=problem.pk).update(created_at=at, origin=f"ZOO-{day}")
        found.append(problem)
    return found


def evaluate(**options: Any) -> str:
    out = StringIO()
    call_command("evaluate_similar", product="base", stdout=out, stderr=out, **options)
    return out.getvalue()


def pairs_file(folder: Path, *pairs: str) -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join(["Issue id,Duplicate id", *pairs]))
    return path


def recalls(said: str) -> list[float]:
    return [float(value) for value in re.findall(r"recall@\d+ ([.\d]+)", said)]


def test_each_younger_member_of_a_group_asks_once(
    old_reports: list[Problem], tmp_path: Path
) -> None:
    path = pairs_file(tmp_path, "ZOO-0,ZOO-2", "ZOO-4,ZOO-2", "ZOO-3,ZOO-1", "ZOO-1,ZOO-77")
    said = evaluate(pairs=path, title_only=True, misses=True)
    assert "3 queries by the synopsis alone, of 3 reports" in said
    assert "1 pairs name a report that is not here" in said
    assert recalls(said) == [0.667] * 4
    assert "MRR 0.667" in said
    assert f"Not among the first 20: #{old_reports[3].pk}." in said


def test_a_report_that_is_only_younger_is_no_candidate(
    old_reports: list[Problem], tmp_path: Path
) -> None:
    """The first to ask has one candidate that is right, though both others are more like it."""
    Problem.objects.filter(pk=old_reports[1].pk).update(synopsis="A zebra was seen")
    path = pairs_file(tmp_path, "ZOO-1,ZOO-0")
    assert recalls(evaluate(pairs=path, title_only=True)) == [1.0] * 4


def test_pairs_may_name_numbers_and_be_linked_by_a_stranger(
    old_reports: list[Problem], tmp_path: Path
) -> None:
    path = pairs_file(tmp_path, f"{old_reports[0].pk},ZOO-99", f"ZOO-99,{old_reports[2].pk}")
    assert "1 queries" in evaluate(pairs=path)


def test_without_a_file_what_is_marked_here_is_known_and_does_not_help(
    old_reports: list[Problem], triager: Person
) -> None:
    before = [evaluate_marked(old_reports, triager)]
    assert before == [[1.0] * 4]


def evaluate_marked(reports: list[Problem], triager: Person) -> list[float]:
    change(reports[2], triager, ProblemChange(duplicate_of=reports[0].pk), Door.WEB)
    return recalls(evaluate())


def test_some_queries_can_be_chosen_by_chance_the_same_each_time(
    old_reports: list[Problem], tmp_path: Path
) -> None:
    path = pairs_file(tmp_path, "ZOO-0,ZOO-2", "ZOO-4,ZOO-2", "ZOO-3,ZOO-1")
    first, second = (evaluate(pairs=path, queries=2, seed=3, misses=True) for _ in range(2))
    assert "2 queries" in first
    assert first.splitlines()[-1] == second.splitlines()[-1]


def test_what_is_not_there_is_named(product: Product, tmp_path: Path) -> None:
    make_product("ports")
    with pytest.raises(CommandError, match="no product 'bsd' here; there are: base, ports"):
        call_command("evaluate_similar", product="bsd")
    with pytest.raises(CommandError, match=r"none\.csv cannot be read"):
        evaluate(pairs=tmp_path / "none.csv")
    (tmp_path / "three.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(CommandError, match="must have two columns"):
        evaluate(pairs=tmp_path / "three.csv")
    with pytest.raises(CommandError, match="names two public problems"):
        evaluate(pairs=pairs_file(tmp_path, "1001,1002"))
    with pytest.raises(CommandError, match="nothing to measure"):
        evaluate()


@pytest.mark.parametrize("header", ["Summary,Issue id,Status,Created", "with Description"])
def test_a_set_of_titles_alone_is_imported_and_measured(tmp_path: Path, header: str) -> None:
    make_person("rita")
    has_column = header.startswith("with")
    lines = ["Summary,Issue id,Status,Created" + (",Description" if has_column else "")]
    for day, synopsis in enumerate(SYNOPSES):
        lines.append(f"{synopsis},{50 + day},NEW,2024-01-0{day + 1}" + ("," if has_column else ""))
    path = tmp_path / "titles.csv"
    path.write_text("\n".join(lines))
    call_command("import_problems", str(path), product="base", format="bugzilla", stdout=StringIO())
    said = evaluate(pairs=pairs_file(tmp_path, "50,52", "54,50"))
    assert recalls(said) == [1.0] * 4
