"""manage.py index_problems: it finds every way in which the index can be wrong, and mends it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from accounts.models import Person
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.models import Door, Problem, Product
from tracker.services import comment
from tracker.tasks import count_term_frequencies, index_missing_problems
from tracker.text_index.entries import EDITION
from tracker.text_index.keys import key_of
from tracker.text_index.models import Frequency, FrequencyChange, IndexedText, Posting


def index_problems(**options: bool) -> str:
    out = StringIO()
    call_command("index_problems", stdout=out, **options)
    return out.getvalue()


def lose_a_word() -> None:
    Posting.objects.filter(term=key_of("zebra")).delete()


def keep_a_word() -> None:
    row = IndexedText.objects.order_by("pk")[0]
    Posting.objects.create(term=7, shelf=row.shelf, problem=row.problem_id, weight=5)


def weigh_wrongly() -> None:
    Posting.objects.filter(term=key_of("zebra")).update(weight=3)


def change_the_text() -> None:
    problem = Problem.objects.order_by("pk")[0]
    Problem.objects.filter(pk=problem.pk).update(synopsis="Quagga")


def hide() -> None:
    problem = Problem.objects.order_by("pk")[0]
    Problem.objects.filter(pk=problem.pk).update(is_confidential=True)


def leave_a_stray() -> None:
    Posting.objects.create(term=7, shelf=2, problem=999_999, weight=5)


def miscount() -> None:
    Frequency.objects.filter(term=key_of("zebra")).update(problems=9)


def forget_a_problem() -> None:
    IndexedText.objects.order_by("pk")[0].delete()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "spoil",
    [lose_a_word, keep_a_word, weigh_wrongly, change_the_text, hide, leave_a_stray, miscount,
     forget_a_problem],
)  # fmt: skip
def test_what_stands_wrong_is_found_and_mended(
    product: Product, reporter: Person, spoil: Callable[[], None]
) -> None:
    for text in ("Zebra fails", "Zebra and okapi"):
        comment(make_problem(product, reporter, synopsis=text), reporter, "A yak", Door.WEB)
    assert "2 problems: the index says what their text does." in index_problems(check=True)
    spoil()
    with pytest.raises(CommandError, match="is wrong in"):
        index_problems(check=True)
    index_problems()
    assert "the index says" in index_problems(check=True)


@pytest.mark.django_db
def test_the_tasks_bring_an_old_index_up_to_date(problem: Problem) -> None:
    IndexedText.objects.update(edition=EDITION - 1)
    index_missing_problems()
    count_term_frequencies()
    assert IndexedText.objects.get().edition == EDITION
    assert not FrequencyChange.objects.exists()
    index_problems(check=True)


@pytest.mark.django_db
def test_where_nothing_is_missing_the_task_only_counts(
    problem: Problem, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        index_missing_problems()


@pytest.mark.django_db(transaction=True)
def test_reports_at_the_same_time_do_not_wait_for_each_others_words() -> None:
    product, person = make_product("base"), make_person("rita")
    make_problem(product, person, synopsis="Zebra fails")
    done: list[int] = []

    def report() -> None:
        try:
            for _ in range(3):
                done.append(make_problem(product, person, synopsis="Zebra fails").pk)
                count_term_frequencies()
        finally:
            connection.close()

    threads = [threading.Thread(target=report) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 6
    count_term_frequencies()
    assert Frequency.objects.get(term=key_of("zebra")).problems == 7
    index_problems(check=True)


@pytest.mark.django_db(transaction=True)
def test_a_report_does_not_wait_for_one_that_is_not_stored_yet() -> None:
    """On PostgreSQL; SQLite has one writer anyway."""
    if connection.vendor != "postgresql":
        return
    product, person = make_product("base"), make_person("rita")
    done = threading.Event()

    def report() -> None:
        try:
            make_problem(product, person, synopsis="Zebra fails")
            done.set()
        finally:
            connection.close()

    with transaction.atomic():
        make_problem(product, make_person("sam"), synopsis="Zebra fails")
        thread = threading.Thread(target=report)
        thread.start()
        thread.join(60)
        assert done.is_set()
