"""Limits, counted in a real Redis, and what happens without one."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from pytest_django.fixtures import Settings

from accounts.api import limits
from accounts.models import Person
from tests import services
from tests.api.calls import Caller, document, report_of
from tests.people import make_person
from tracker.models import Problem, Product

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with services.redis() as url:
        yield url


@pytest.fixture
def counted(
    redis_url: str,
    settings: Settings,
    limits_of_their_own: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """The settings, with a Redis that counts, in an hour that does not end during the test."""
    monkeypatch.setattr(limits, "time", SimpleNamespace(time=lambda: 1_800_000_300.0))
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": redis_url}}
    return settings


def test_who_reports_too_much_is_told_when_to_come_back(
    counted: Settings, product: Product, reporter: Person, outsider: Person
) -> None:
    counted.API_RATES = {"report": (2, 3600)}
    caller = Caller(reporter)
    answers = [caller.post("problems/", report_of()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 3600
    assert "2 times in an hour" in document(answers[2], 429)["detail"]
    assert Caller(outsider).post("problems/", report_of()).status_code == 201
    assert caller.get("problems/").status_code == 200


def test_two_tokens_of_one_person_share_the_limit(
    counted: Settings, problem: Problem, outsider: Person
) -> None:
    counted.API_RATES = {"vote": (1, 3600)}
    assert Caller(outsider).put(f"problems/{problem.pk}/vote/").status_code == 200
    document(Caller(outsider).put(f"problems/{problem.pk}/vote/"), 429)


def test_one_address_is_mailed_ten_codes_an_hour_and_no_more(counted: Settings) -> None:
    sent = [ask(email) for email in ["a@example.org", "A@Example.org"] * 5]
    assert sent == [202] * 10
    assert ask("a@example.org") == 429
    assert ask("b@example.org") == 202


def ask(email: str) -> int:
    return int(Caller().post("auth/sign-in/", {"email": email}).status_code)


def test_many_people_may_sign_up_from_one_address_on_one_machine(counted: Settings) -> None:
    answers = [
        Caller().post("auth/sign-up/", {"email": f"p{n}@example.org"}).status_code
        for n in range(60)
    ]
    assert answers == [202] * 60


def test_a_forged_header_does_not_give_a_new_limit(counted: Settings) -> None:
    counted.API_RATES = {"read": (1, 3600)}
    assert Caller().get("server/", X_Forwarded_For="192.0.2.1").status_code == 200
    document(Caller().get("server/", X_Forwarded_For="192.0.2.2"), 429)


def test_behind_a_proxy_each_client_has_its_own_limit(counted: Settings) -> None:
    counted.REST_FRAMEWORK = counted.REST_FRAMEWORK | {"NUM_PROXIES": 1}
    counted.API_RATES = {"read": (1, 3600)}
    for client in ("192.0.2.1", "192.0.2.2", "2001:db8::1"):
        assert Caller().get("server/", X_Forwarded_For=f"10.0.0.1, {client}").status_code == 200
    same_network = "2001:db8::ffff"
    document(Caller().get("server/", X_Forwarded_For=same_network), 429)


def test_a_redis_that_is_down_stops_nobody(settings: Settings, problem: Problem) -> None:
    nowhere = {"LOCATION": "redis://127.0.0.1:1"}
    settings.CACHES = {"default": settings.CACHES["default"] | nowhere}
    settings.API_RATES = {"vote": (1, 3600)}
    caller = Caller(make_person())
    for _ in range(3):
        assert caller.put(f"problems/{problem.pk}/vote/").status_code == 200


def test_a_cache_that_breaks_in_the_middle_stops_nobody(
    counted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "cache", Breaking())
    assert Caller().get("server/").status_code == 200


class Breaking:
    """A cache whose server went away between two questions."""

    def add(self, *args: object, **options: object) -> bool:
        return True

    def incr(self, key: str) -> int:
        raise ConnectionResetError(key)
