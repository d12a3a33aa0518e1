"""The desk and changes of many through the API."""

from __future__ import annotations

import pytest

from accounts.models import Person, Role
from tests.api.calls import Caller, document, fields_of
from tests.people import make_person
from tests.problems import make_problem
from tests.triage.desks import in_state
from tracker.changes import ProblemChange
from tracker.models import BulkChange, Door, Problem, Product
from tracker.services import change

pytestmark = pytest.mark.django_db

CLOSE = {"change": {"state": "closed", "resolution": "overtaken by events"}}


@pytest.fixture
def three(product: Product, reporter: Person) -> list[Problem]:
    return [make_problem(product, reporter, component="kernel") for _ in range(3)]


def test_the_queue_is_read_page_by_page(
    three: list[Problem], product: Product, triager: Person
) -> None:
    asked = in_state(product, "feedback")
    caller = Caller(triager)
    first = caller.get("triage/?limit=3").json()
    second = caller.get(first["next"].partition("/api/v1/")[2]).json()
    found = [each["problem"]["number"] for each in first["results"] + second["results"]]
    assert found == [*(p.pk for p in three), asked.pk]
    assert [each["section"] for each in second["results"]] == ["feedback"]
    assert (
        caller.get("triage/?section=feedback&product=base").json()["results"] == second["results"]
    )
    assert "Did you mean “base”?" in fields_of(caller.get("triage/?product=bass"))["product"]


def test_the_likely_duplicates_and_the_component_come_with_reasons(
    product: Product, triager: Person
) -> None:
    known = in_state(product, "open", synopsis="em0 drops packets under load", component="net")
    problem = make_problem(product, component="kernel", synopsis="packets dropped by em0")
    answer = Caller(triager).get(f"triage/{problem.pk}/").json()
    assert answer["section"] == "new"
    assert [each["number"] for each in answer["duplicates"]] == [known.pk]
    assert "em0" in answer["duplicates"][0]["words"]
    (suggested,) = answer["components"]
    assert (suggested["component"], suggested["because"]) == ("net", [known.pk])
    assert suggested["reason"] == f"The most similar report is in net: #{known.pk}"


def test_many_are_previewed_changed_and_restored(three: list[Problem], triager: Person) -> None:
    caller = Caller(triager)
    preview = caller.post("bulk-changes/preview/", {"q": "component:kernel", **CLOSE}).json()
    assert preview["matching"] == 3
    shown = preview["problems"]
    assert {"field": "state", "old": "new", "new": "closed"} in shown[0]["changes"]
    picks = [{"number": each["number"], "version": each["version"]} for each in shown]
    change(three[0], triager, ProblemChange(severity="minor"), Door.WEB)
    response = caller.post("bulk-changes/", {"problems": picks, **CLOSE})
    done = response.json()
    assert response.status_code == 201
    assert response.headers["Location"].endswith(f"/api/v1/bulk-changes/{done['id']}/")
    assert done["left_out"] == [
        {"number": three[0].pk, "reason": "tom changed its severity meanwhile."}
    ]
    assert sorted(each["number"] for each in done["problems"]) == [p.pk for p in three[1:]]
    assert caller.get(f"bulk-changes/{done['id']}/").json() == done
    undone = caller.post(f"bulk-changes/{done['id']}/undo/").json()
    assert (undone["undoes"], undone["count"]) == (done["id"], 2)
    assert set(Problem.objects.values_list("state", flat=True)) == {"new"}
    document(caller.post(f"bulk-changes/{done['id']}/undo/"), 409)
    listed = caller.get("bulk-changes/").json()["results"]
    assert [(each["id"], each["count"]) for each in listed] == [(undone["id"], 2), (done["id"], 2)]


def test_a_change_that_is_sent_twice_is_done_once(three: list[Problem], triager: Person) -> None:
    picks = [{"number": p.pk, "version": 1} for p in three]
    caller, body = Caller(triager), {"problems": picks, **CLOSE, "comment": "Long gone."}
    first, again = (caller.post("bulk-changes/", body, Idempotency_Key="k") for _ in range(2))
    assert first.json() == again.json()
    assert BulkChange.objects.count() == 1
    refused = document(caller.post("bulk-changes/", body), 409)
    assert "Nothing was changed." in refused["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (CLOSE, "numbers"),
        ({"numbers": [1]}, ""),
        ({"numbers": [1], "change": {"synopsis": "x"}}, "change.synopsis"),
        ({"numbers": list(range(1, 502)), **CLOSE}, "numbers"),
        ({"q": "sevrity:major", **CLOSE}, "q"),
        ({"numbers": ["one"], **CLOSE}, "numbers.0"),
    ],
)
def test_a_preview_of_nonsense_names_what_is_wrong(
    triager: Person, body: dict[str, object], field: str
) -> None:
    answer = Caller(triager).post("bulk-changes/preview/", body)
    errors = document(answer, 400).get("errors", [{"field": ""}])
    assert [error["field"] for error in errors] == [field]


def test_what_is_confidential_is_not_told_to_who_may_not_know(
    three: list[Problem], product: Product
) -> None:
    hidden = make_problem(product, is_confidential=True, component="net")
    developer = make_person("dora", Role.DEVELOPER)
    caller = Caller(developer)
    document(caller.get(f"triage/{hidden.pk}/"), 404)
    body = {"numbers": [hidden.pk, three[0].pk], **CLOSE}
    shown = caller.post("bulk-changes/preview/", body).json()["problems"]
    assert [each["number"] for each in shown] == [three[0].pk]
    body = {"q": "component:net", **CLOSE}
    assert caller.post("bulk-changes/preview/", body).json() == {"matching": 0, "problems": []}
    answers = [
        document(
            caller.post("bulk-changes/", {"problems": [{"number": n, "version": 1}], **CLOSE}), 409
        )
        for n in (hidden.pk, 99_999)
    ]
    assert answers[0]["detail"].replace(str(hidden.pk), "99999") == answers[1]["detail"]
    marked = {"numbers": [three[0].pk], "change": {"duplicate_of": hidden.pk}}
    (refused,) = caller.post("bulk-changes/preview/", marked).json()["problems"]
    assert refused["refusal"] == f"There is no problem #{hidden.pk} to be a duplicate of."


def test_a_bulk_change_is_its_makers_own(
    three: list[Problem], triager: Person, committer: Person
) -> None:
    picks = [{"number": p.pk, "version": 1} for p in three]
    done = Caller(triager).post("bulk-changes/", {"problems": picks, **CLOSE}).json()
    other = Caller(committer)
    document(other.get(f"bulk-changes/{done['id']}/"), 404)
    document(other.post(f"bulk-changes/{done['id']}/undo/"), 404)
    assert other.get("bulk-changes/").json()["results"] == []
