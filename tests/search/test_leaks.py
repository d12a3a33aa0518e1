"""What outsiders learn of confidential problems through a search: nothing."""

from __future__ import annotations

import re

from django.core.files.base import ContentFile
from django.test import Client

from accounts.models import Person
from tests.conftest import sign_in
from tests.patching import make_patch
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import attach, change, comment
from tracker.text_index.services import count_frequencies
from votes.listing import find, page, parse_text
from votes.services import cast_vote


def make_secret(product: Product, reporter: Person, triager: Person) -> tuple[Problem, Problem]:
    """(a public problem, a confidential one that is marked as its duplicate)"""
    public = make_problem(product, component="net", synopsis="Lamp", description="Plain.")
    secret = make_problem(
        product, reporter, component="net", synopsis="Zebra stripes", description="The quagga.",
        how_to_repeat="By okapi.", severity="critical", architecture="vax", release="14.3",
        is_confidential=True,
    )  # fmt: skip
    comment(secret, reporter, "Here is gnu.", Door.WEB)
    attach(secret, reporter, ContentFile(b"--- a\n", "x.patch"), Door.WEB)
    change(secret, triager, ProblemChange(assignee="tom"), Door.WEB)
    make_patch(product, reporter, fixes=[secret])
    cast_vote(secret, reporter, Door.WEB)
    change(secret, triager, ProblemChange(duplicate_of=public.pk), Door.WEB)
    count_frequencies()
    return public, Problem.objects.get(pk=secret.pk)


def searches(secret: Problem) -> list[str]:
    """Each holds for the confidential problem, and for no other."""
    return [
        "zebra", "quagga", "okapi", "gnu", '"zebra stripes"', "in:synopsis zebra",
        "in:comments gnu", '"here is gnu"', "is:confidential", "commenter:rita", "author:rita",
        "assignee:tom", "has:patch", "patch:waiting", "has:attachment", "has:comment", "arch:vax",
        "severity:critical", "release:14.3", "is:duplicate",
        "resolution:duplicate", "closed:<1d", f"number:{secret.pk}", f"#{secret.pk} zebra",
        f"number:>={secret.pk}", "-severity:normal", "-lamp", "-is:public",
    ]  # fmt: skip


def test_no_search_shows_counts_or_feeds_a_confidential_problem_to_outsiders(
    product: Product, reporter: Person, triager: Person, outsider: Person
) -> None:
    _, secret = make_secret(product, reporter, triager)
    for viewer in (Client(), sign_in(Client(), outsider)):
        for text in searches(secret):
            page = viewer.get("/problems/", {"q": f"{text} is:any"})
            assert page.status_code == 200, text
            html = page.content.decode().partition("<main")[2]
            assert f'href="/{secret.pk}"' not in html, text
            assert re.search(r'id="count">0 problems', html), text
            answer = viewer.get("/api/v1/problems/", {"q": f"{text} is:any sort:oldest"})
            assert answer.json()["results"] == [], text
            feed = viewer.get("/problems.atom", {"q": f"{text} is:any sort:active"})
            assert feed.status_code == 200
            assert b"<entry>" not in feed.content, text
    insider = sign_in(Client(), triager)
    for text in searches(secret):
        found = insider.get("/api/v1/problems/", {"q": f"{text} is:any"}).json()["results"]
        assert [each["number"] for each in found] == [secret.pk], text


def test_a_public_problem_does_not_show_that_it_has_a_confidential_duplicate(
    product: Product, reporter: Person, triager: Person, outsider: Person
) -> None:
    public, _ = make_secret(product, reporter, triager)

    def found(viewer: Client, text: str) -> list[int]:
        return [e["number"] for e in viewer.get("/api/v1/problems/", {"q": text}).json()["results"]]

    for viewer in (Client(), sign_in(Client(), outsider)):
        assert found(viewer, "has:duplicate") == []
        assert found(viewer, "no:duplicate") == [public.pk]
        assert found(viewer, "-has:duplicate") == [public.pk]
    assert found(sign_in(Client(), triager), "has:duplicate") == [public.pk]


def test_the_numbers_of_confidential_problems_and_the_handles_of_people_are_not_told(
    client: Client, product: Product, reporter: Person, triager: Person
) -> None:
    _, secret = make_secret(product, reporter, triager)
    there = client.get("/problems/", {"q": str(secret.pk)})
    nowhere = client.get("/problems/", {"q": "987654321"})
    assert (there.status_code, nowhere.status_code) == (200, 200)
    for text in ("author:rit", "author:rita", "assignee:tomm", "commenter:nobody-here"):
        answer = client.get("/api/v1/problems/", {"q": text})
        assert (answer.status_code, answer.json()["results"]) == (200, []), text
    for text in ("zebr:a", "qugga:x", "is:zebra", "has:okapi"):
        refused = client.get("/api/v1/problems/", {"q": text})
        assert refused.status_code == 400
        said = refused.json()["errors"][0]["detail"].lower().replace(text, "")
        assert not re.search("zebra|quagga|okapi", said.replace(text.partition(":")[2], "")), said


def test_words_of_confidential_problems_do_not_move_the_order_of_others(
    product: Product, triager: Person
) -> None:
    """An order that counted them would tell how often a word stands where one may not look."""
    one = make_problem(product, synopsis="Gadget alone", description="Nothing.")
    two = make_problem(product, synopsis="Widget alone", description="Nothing.")
    count_frequencies()

    def scores() -> list[tuple[int, int]]:
        query = parse_text("alone gadget -zebra")
        other = parse_text("alone widget -zebra")
        return [
            (each.pk, each.relevance)  # type: ignore[attr-defined]
            for q in (query, other)
            for each in page(find(q, None), q).problems
        ]

    before = scores()
    assert {pk for pk, _ in before} == {one.pk, two.pk}
    for _ in range(3):
        make_problem(product, synopsis="Gadget gadget", description="x", is_confidential=True)
    count_frequencies()
    assert scores() == before
