"""Asking for reviews, and what those who are asked answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Person, Role
from accounts.policies import Denied
from patches import deciding
from patches.models import Patch, PatchEvent, ReviewRequest
from patches.owners import requests
from patches.owners.asked import asked_about
from tests.conftest import sign_in
from tests.patches.test_owners import asked, set_file, touching
from tests.patching import diff, make_patch
from tests.people import make_person
from tests.problems import make_problem
from tests.test_vote_races import all_at_once
from tracker.changes import Conflict
from tracker.models import Door, Product

pytestmark = pytest.mark.django_db


@pytest.fixture
def patch(product: Product) -> Patch:
    """A patch about which glen and pia were asked."""
    make_person("glen")
    make_person("pia")
    make_person("doro")
    set_file(product, "sys\tglen, pia\nshare\tdoro\n")
    return touching(product, "sys/a.c", author=make_person("anna"))


def person(handle: str) -> Person:
    return Person.objects.get(handle=handle)


def states(patch: Patch) -> dict[str, str]:
    return dict(patch.review_requests.values_list("person__handle", "state"))


def happened(patch: Patch, kind: PatchEvent.Kind) -> int:
    return patch.events.filter(kind=kind).count()


def test_asking_again_is_asking_once(patch: Patch, committer: Person, outsider: Person) -> None:
    for _ in range(2):
        request = requests.ask(patch, committer, outsider, Door.WEB)
        assert (request.reason, request.asked_by) == ("Asked by cleo.", committer)
    requests.ask_owners(patch, Door.WEB)
    assert asked(patch) == ["glen", "otto", "pia"]
    assert happened(patch, PatchEvent.Kind.ASKED) == 3


def test_whom_it_makes_no_sense_to_ask(patch: Patch, product: Product, committer: Person) -> None:
    machine = make_person("builder", Role.MACHINE)
    closed = make_person("closed", is_active=False)
    for useless in (machine, closed, person("anna")):
        with pytest.raises(Conflict, match=useless.handle):
            requests.ask(patch, committer, useless, Door.WEB)
    secret = make_patch(fixes=[make_problem(product, is_confidential=True)], author=committer)
    with pytest.raises(Conflict, match="may not see"):
        requests.ask(secret, committer, person("doro"), Door.WEB)
    with pytest.raises(Denied):
        requests.ask(patch, person("doro"), person("glen"), Door.WEB)
    requests.decline(patch, person("glen"), Door.WEB)
    with pytest.raises(Conflict, match="not theirs"):
        requests.ask(patch, committer, person("glen"), Door.WEB)
    deciding.decline(patch, committer, Door.WEB, note="Too late.")
    with pytest.raises(Conflict, match="declined"):
        requests.ask(patch, committer, person("doro"), Door.WEB)
    with pytest.raises(Conflict, match="Nobody need look"):
        requests.decline(patch, person("pia"), Door.WEB)
    assert asked(patch) == ["glen", "pia"]


def test_claiming_shows_who_has_it_and_leaves_it_open_to_others(
    patch: Patch, committer: Person, outsider: Person
) -> None:
    for who in (person("glen"), committer, committer):
        requests.claim(patch, who, Door.WEB)
    assert states(patch) == {"glen": "claimed", "pia": "open", "cleo": "claimed"}
    assert happened(patch, PatchEvent.Kind.CLAIMED) == 2
    with pytest.raises(Denied):
        requests.claim(patch, outsider, Door.WEB)
    with pytest.raises(Conflict, match="your own"):
        requests.claim(make_patch(patch.product, committer), committer, Door.WEB)


def test_putting_off_lasts_fourteen_days_and_ends_with_a_claim(
    patch: Patch, outsider: Person
) -> None:
    before = timezone.now()
    request = requests.snooze(patch, person("glen"))
    assert request.snoozed_until is not None
    assert timedelta(days=14) <= request.snoozed_until - before < timedelta(days=14, minutes=5)
    assert requests.claim(patch, person("glen"), Door.WEB).snoozed_until is None
    with pytest.raises(Conflict, match="not asked"):
        requests.snooze(patch, outsider)
    with pytest.raises(Conflict, match="1 to 90"):
        requests.snooze(patch, person("glen"), days=0)


def test_what_is_not_mine_goes_to_another_owner_of_the_same_files(patch: Patch) -> None:
    following = requests.decline(patch, person("glen"), Door.MAIL)
    assert following is not None
    assert following.person == person("pia")
    assert states(patch) == {"glen": "declined", "pia": "open"}
    again = requests.decline(patch, person("glen"), Door.MAIL)
    assert again == following
    (event,) = patch.events.filter(kind=PatchEvent.Kind.PASSED_ON)
    assert (event.actor, event.person, event.door) == (person("glen"), person("pia"), "mail")


def test_an_owner_who_came_since_is_asked_before_others(patch: Patch) -> None:
    requests.decline(patch, person("pia"), Door.WEB)
    set_file(patch.product, "sys\tglen, pia, doro\n")
    following = requests.decline(patch, person("glen"), Door.WEB)
    assert following is not None
    assert following.person == person("doro")
    assert following.reason == "Passed on by glen: named for sys (line 1)."
    assert happened(patch, PatchEvent.Kind.ASKED) == 3


def test_an_owner_of_other_files_takes_nothing_over(product: Product, patch: Patch) -> None:
    both = touching(product, "sys/a.c", "share/b.c")
    requests.decline(both, person("glen"), Door.WEB)
    assert requests.decline(both, person("pia"), Door.WEB) is None
    assert states(both) == {"glen": "declined", "pia": "declined", "doro": "open"}


def test_without_another_owner_the_best_suggestion_is_asked_and_then_nobody(
    patch: Patch, committer: Person
) -> None:
    zoe = make_person("zoe")
    earlier = make_patch(patch.product, zoe, text=diff("sys/a.c"))
    deciding.integrate(earlier, committer, Door.WEB)
    requests.decline(patch, person("glen"), Door.WEB)
    following = requests.decline(patch, person("pia"), Door.WEB)
    assert following is not None
    assert following.person == zoe
    said = f"Passed on by pia: changed lines 10–16 of sys/a.c in patch {earlier.pk}."
    assert following.reason == said
    assert requests.decline(patch, zoe, Door.WEB) is None
    last = patch.events.latest("id")
    assert (last.kind, last.person, last.data) == ("passed on", None, {"to": ""})


def test_who_claimed_it_has_it_when_another_passes_it_on(patch: Patch, committer: Person) -> None:
    requests.claim(patch, committer, Door.WEB)
    following = requests.decline(patch, person("glen"), Door.WEB)
    assert following is not None
    assert following.person == committer


@pytest.mark.django_db(transaction=True)
def test_deeds_of_many_at_once_happen_once() -> None:
    cleo = make_person("cleo", Role.COMMITTER)
    otto, glen = make_person("otto"), make_person("glen")
    patch = make_patch()
    requests.ask(patch, cleo, glen, Door.WEB)
    calls: list[Callable[[], object]] = [
        lambda: requests.ask(patch, cleo, otto, Door.WEB),
        lambda: requests.claim(patch, cleo, Door.WEB),
        lambda: requests.decline(patch, glen, Door.WEB),
    ]
    for result in all_at_once(calls * 2):
        assert result is None or isinstance(result, ReviewRequest)
    assert states(patch) == {"glen": "declined", "otto": "open", "cleo": "claimed"}
    kinds = ["asked", "claimed", "passed on"]
    assert [happened(patch, PatchEvent.Kind(kind)) for kind in kinds] == [2, 1, 1]


# Pages

TABLE = """
                 anyone outsider asked author committer
GET  reviewers       302      403   403    200       200
POST ask             302      403   403    302       302
POST claim           302      403   302    403       302
POST snooze          302      409   302    409       409
POST not-mine        302      409   302    409       409
GET  ask             405      405   405    405       405
GET  claim           405      405   405    405       405
GET  snooze          405      405   405    405       405
GET  not-mine        405      405   405    405       405
"""


def test_who_gets_what_from_each_address(client: Client, patch: Patch, committer: Person) -> None:
    otto = make_person("otto")
    roles = [None, otto, person("glen"), person("anna"), committer]
    for line in TABLE.strip().splitlines()[1:]:
        method, deed, *statuses = line.split()
        for role, status in zip(roles, statuses, strict=True):
            ReviewRequest.objects.filter(patch=patch).exclude(person=person("glen")).delete()
            ReviewRequest.objects.filter(patch=patch).update(state="open")
            client.logout()
            if role:
                sign_in(client, role)
            address = f"/patches/{patch.pk}/reviewers" + ("" if deed == "reviewers" else f"/{deed}")
            answer = getattr(client, method.lower())(address, {"handle": "@DORO"})
            assert answer.status_code == int(status), (line, role)


def test_a_confidential_patch_has_no_such_addresses_for_others(
    client: Client, product: Product, outsider: Person
) -> None:
    secret = make_patch(fixes=[make_problem(product, is_confidential=True)],
                        author=make_person("cleo", Role.COMMITTER))  # fmt: skip
    sign_in(client, outsider)
    for deed in ("ask", "claim", "snooze", "not-mine"):
        assert client.post(f"/patches/{secret.pk}/reviewers/{deed}").status_code == 404
    assert client.get(f"/patches/{secret.pk}/reviewers").status_code == 404


def test_the_page_says_who_was_asked_why_and_that_nobody_has_it(
    client: Client, patch: Patch
) -> None:
    sign_in(client, person("glen"))
    shown = client.get(f"/patches/{patch.pk}/").content.decode()
    assert "Named for sys (line 1)." in shown
    for button in ("I will review it", "Put off for 14 days", "Not mine"):
        assert button in shown
    client.post(f"/patches/{patch.pk}/reviewers/snooze")
    assert "put off until" in client.get(f"/patches/{patch.pk}/").content.decode()
    client.post(f"/patches/{patch.pk}/reviewers/not-mine")
    assert "Nobody has it now" not in client.get(f"/patches/{patch.pk}/").content.decode()
    requests.decline(patch, person("pia"), Door.WEB)
    client.logout()
    shown = client.get(f"/patches/{patch.pk}/").content.decode()
    assert "Nobody has it now" in shown
    assert "Not mine" not in shown
    alone = touching(patch.product, "bin/a.c")
    assert "Nobody was asked" in client.get(f"/patches/{alone.pk}/").content.decode()


def test_asking_by_a_handle_that_nobody_has_says_so(
    client: Client, patch: Patch, committer: Person
) -> None:
    answer = sign_in(client, committer).post(f"/patches/{patch.pk}/reviewers/ask", {"handle": "x"})
    assert answer.status_code == 400
    assert "There is nobody here with the handle “x”." in answer.content.decode()


def test_who_could_look_at_it_themselves_is_not_told_to_ask_themselves(
    client: Client, patch: Patch, committer: Person
) -> None:
    for author in (committer, make_person("zoe")):
        earlier = make_patch(patch.product, author, text=diff("sys/a.c"))
        deciding.integrate(earlier, make_person("", Role.COMMITTER), Door.WEB)
    shown = sign_in(client, committer).get(f"/patches/{patch.pk}/reviewers").content.decode()
    assert "You could, too" in shown
    assert 'name="handle" value="zoe"' in shown
    assert 'name="handle" value="cleo"' not in shown


@pytest.mark.parametrize("count", [1, 30])
def test_showing_who_was_asked_takes_as_many_queries_for_many_as_for_one(
    patch: Patch, committer: Person, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        requests.ask(patch, committer, make_person(), Door.WEB)
    committer.roles  # noqa: B018 - read once for a page
    with django_assert_num_queries(2):
        shown = asked_about(patch, committer)
        assert len([each.person.handle for each in shown.requests]) == count + 2
