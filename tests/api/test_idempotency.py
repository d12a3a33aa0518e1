"""The same request twice, at once, or after a connection that broke: done once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.dispatch import Signal

from accounts.models import IdempotentRequest, Person
from tests.api.calls import Caller, document, fields_of, report_of
from tracker.models import Attachment, Comment, Event, Problem, Product
from tracker.signals import problem_happened

pytestmark = pytest.mark.django_db


def test_a_retry_gets_the_first_answer_and_makes_nothing(
    product: Product, reporter: Person
) -> None:
    caller = Caller(reporter)
    first = caller.post("problems/", report_of(), Idempotency_Key="k")
    again = caller.post("problems/", report_of(), Idempotency_Key="k")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Location"] == first.headers["Location"]
    assert Problem.objects.count() == 1


def test_without_a_key_two_requests_make_two(product: Product, reporter: Person) -> None:
    caller = Caller(reporter)
    caller.post("problems/", report_of())
    caller.post("problems/", report_of())
    assert Problem.objects.count() == 2


def test_the_same_words_in_another_order_are_the_same_request(
    product: Product, reporter: Person
) -> None:
    caller = Caller(reporter)
    caller.post("problems/", report_of(), Idempotency_Key="k")
    turned = dict(reversed(report_of().items()))
    assert caller.post("problems/", turned, Idempotency_Key="k").status_code == 201
    assert Problem.objects.count() == 1


def test_a_key_with_another_body_or_at_another_address_is_refused(
    product: Product, reporter: Person
) -> None:
    caller = Caller(reporter)
    number = caller.post("problems/", report_of(), Idempotency_Key="k").json()["number"]
    other = caller.post("problems/", report_of(synopsis="Other"), Idempotency_Key="k")
    assert "new key" in document(other, 422)["detail"]
    path = f"problems/{number}/comments/"
    document(caller.post(path, {"text": "x"}, Idempotency_Key="k"), 422)
    assert (Problem.objects.count(), Comment.objects.count()) == (1, 0)


def test_the_keys_of_two_people_are_two(
    product: Product, reporter: Person, outsider: Person
) -> None:
    Caller(reporter).post("problems/", report_of(), Idempotency_Key="k")
    assert Caller(outsider).post("problems/", report_of(), Idempotency_Key="k").json()[
        "reporter"
    ] == "otto"  # fmt: skip


def test_an_error_is_not_kept(product: Product, reporter: Person) -> None:
    caller = Caller(reporter)
    fields_of(caller.post("problems/", report_of(synopsis=""), Idempotency_Key="k"))
    assert not IdempotentRequest.objects.exists()
    assert caller.post("problems/", report_of(), Idempotency_Key="k").status_code == 201


def test_comments_and_files_are_made_once_too(problem: Problem, outsider: Person) -> None:
    caller = Caller(outsider)
    for _ in range(2):
        said = caller.post(
            f"problems/{problem.pk}/comments/", {"text": "Me too."}, Idempotency_Key="a"
        )
        sent = caller.upload(f"problems/{problem.pk}/attachments/", Idempotency_Key="b")
        assert (said.status_code, sent.status_code) == (201, 201)
    assert (Comment.objects.count(), Attachment.objects.count()) == (1, 1)


def test_another_file_under_the_same_key_is_refused(problem: Problem, outsider: Person) -> None:
    caller = Caller(outsider)
    path = f"problems/{problem.pk}/attachments/"
    caller.upload(path, b"one", Idempotency_Key="b")
    document(caller.upload(path, b"two", Idempotency_Key="b"), 422)
    assert Attachment.objects.count() == 1


def test_a_key_that_is_too_long_is_refused(product: Product, reporter: Person) -> None:
    errors = fields_of(Caller(reporter).post("problems/", report_of(), Idempotency_Key="k" * 256))
    assert set(errors) == {"Idempotency-Key"}


def at_once(work: Callable[[], None], count: int) -> None:
    """Run `work` in so many threads, each with a connection of its own."""
    barrier = threading.Barrier(count)

    def run() -> None:
        barrier.wait()
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_six_at_once_make_one_problem_and_get_the_same_answer(
    product: Product, reporter: Person
) -> None:
    caller = Caller(reporter)
    answers: list[Any] = []

    def send() -> None:
        sender = same_token(caller)
        answers.append(sender.post("problems/", report_of(), Idempotency_Key="k"))

    at_once(send, 6)
    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.content for answer in answers}) == 1
    assert (Problem.objects.count(), Event.objects.count()) == (1, 1)


def same_token(caller: Caller) -> Caller:
    """Another client with the same token: Django's test client is for one thread."""
    other = Caller()
    other.headers = dict(caller.headers)
    return other


@pytest.mark.django_db(transaction=True)
def test_a_connection_killed_in_the_middle_keeps_nothing_and_the_retry_makes_it_once(
    product: Product, reporter: Person
) -> None:
    caller = Caller(reporter)
    with happening(problem_happened, kill_this_connection):
        broken = caller.post("problems/", report_of(), Idempotency_Key="k")
    assert document(broken, 503)["status"] == 503
    assert int(broken.headers["Retry-After"]) > 0
    connection.close()
    assert not Problem.objects.exists()
    assert not IdempotentRequest.objects.exists()
    assert caller.post("problems/", report_of(), Idempotency_Key="k").status_code == 201
    assert Problem.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_request_that_fails_does_the_work_instead(
    product: Product, reporter: Person
) -> None:
    caller = Caller(reporter)
    first_is_inside, answers = threading.Event(), []

    def fail_the_first(**kwargs: Any) -> None:
        if not first_is_inside.is_set():
            first_is_inside.set()
            kill_this_connection()

    def first() -> None:
        answers.append(caller.post("problems/", report_of(), Idempotency_Key="k").status_code)
        connections.close_all()

    with happening(problem_happened, fail_the_first):
        thread = threading.Thread(target=first)
        thread.start()
        assert first_is_inside.wait(10)
        other = same_token(caller).post("problems/", report_of(), Idempotency_Key="k")
        thread.join()
    assert (answers, other.status_code) == ([503], 201)
    assert Problem.objects.count() == 1


@contextmanager
def happening(signal: Signal, receiver: Callable[..., None]) -> Iterator[None]:
    """Let `receiver` hear `signal` for as long as the block lasts."""
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def kill_this_connection(**kwargs: Any) -> None:
    """As if the database went away now: PostgreSQL ends the backend, SQLite is interrupted."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    else:
        raise OperationalError("disk I/O error")
