"""An import while people report: numbers never collide, and two imports store each row once."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.people import make_person
from tests.problems import make_problem, make_product
from tests.test_vote_races import all_at_once
from tracker.importing import storing
from tracker.models import Event, Problem

pytestmark = pytest.mark.django_db(transaction=True)


def export(folder: Path, first: int, count: int) -> Path:
    path = folder / "export.csv"
    rows = [f"{number},Bug {number},NEW" for number in range(first, first + count)]
    path.write_text("\n".join(["Bug ID,Summary,Status", *rows, ""]))
    return path


def import_once(path: Path) -> None:
    call_command("import_problems", path, product="Suite", stdout=StringIO())


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "BATCH", 10)


def test_reports_that_come_in_meanwhile_take_no_number_of_the_file(tmp_path: Path) -> None:
    product, reporter = make_product("base"), make_person()
    # The file's first number is the next one that a report would get.
    first = make_problem(product, reporter).pk + 1
    path = export(tmp_path, first, 80)

    def report_some() -> list[int]:
        return [make_problem(product, reporter).pk for _ in range(15)]

    _, one, two = all_at_once([lambda: import_once(path), report_some, report_some])
    assert isinstance(one, list)
    assert isinstance(two, list)
    assert len({*one, *two}) == 30
    # A report that was quicker than the import keeps its number; the row of the file gets another.
    assert Problem.objects.exclude(origin="").count() == 80
    assert make_problem(product, reporter).pk > first + 79


def test_two_imports_of_one_file_at_once_store_each_row_once(tmp_path: Path) -> None:
    path = export(tmp_path, 1000, 60)
    all_at_once([lambda: import_once(path)] * 2)
    assert sorted(Problem.objects.values_list("pk", flat=True)) == list(range(1000, 1060))
    assert Event.objects.count() == 60
