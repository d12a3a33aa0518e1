"""Patches on the pages of problems, products and people."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from accounts.models import Person, Role
from patches.intake import looking
from patches.intake.submitting import edit
from patches.models import Patch, ReviewRequest
from patches.owners import requests
from patches.reviews import rating, reviewing
from tests.conftest import sign_in
from tests.patching import diff, make_patch, newest, next_version
from tests.people import make_person
from tests.problems import make_maintainer, make_problem
from tracker.changes import ProblemChange
from tracker.models import Attachment, Door, Problem
from tracker.services import attach, change

pytestmark = pytest.mark.django_db


def section(client: Client, problem: Problem) -> str:
    """The words of the patches on the page of a problem; "" where it shows none."""
    found = re.search(r'id="patches".*?</section>', client.get(f"/{problem.pk}").text, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


def attached(problem: Problem, person: Person, content: bytes, name: str) -> Attachment:
    file = attach(problem, person, ContentFile(content, name), Door.WEB)
    looking.look(file)
    return file


def test_a_problem_shows_its_patches_whose_turn_it_is_and_what_is_missing(
    client: Client, problem: Problem
) -> None:
    assert section(client, problem) == ""
    assert f"/patches/new?problem={problem.pk}" in client.get(f"/{problem.pk}").text
    patch = make_patch(fixes=[problem], title="em: do not hang")
    next_version(patch)
    said = section(client, problem)
    assert "em: do not hang patch" in said
    assert "version 2" in said
    assert f"<b>patch {patch.pk}</b> came: “em: do not hang”" in client.get(f"/{problem.pk}").text
    assert "Waits for a review of version 2. Still needs “Quality” from a maintainer." in said
    reviewing.send_review(newest(patch), make_person(), Door.WEB, text="No.", verdict="changes")
    assert f"Waits for {patch.author}, its author." in section(client, problem)
    head = make_problem(problem.product)
    change(problem, make_person("", Role.TRIAGER), ProblemChange(duplicate_of=head.pk), Door.WEB)
    assert "em: do not hang patch" in section(client, head)
    assert f'href="/{head.pk}"' in client.get("/problems/?q=has:patch").text


def test_a_file_says_what_patch_it_became_or_why_it_is_none(
    client: Client, problem: Problem, outsider: Person
) -> None:
    attached(problem, outsider, diff(), "fix.txt")
    cut = attached(problem, outsider, diff()[:-40], "cut.txt")
    (patch,) = Patch.objects.all()
    page = client.get(f"/{problem.pk}").text
    files = page.partition('id="attachments"')[2]
    assert f'<a href="/patches/{patch.pk}/">patch {patch.pk}</a>' in files
    assert f"Not taken as a patch: {cut.patch_look.reason}" in files
    edit(patch, outsider, Door.WEB, is_confidential=True)
    page = client.get(f"/{problem.pk}").text
    assert f"/patches/{patch.pk}/" not in page
    assert section(client, problem) == ""
    assert f"/patches/{patch.pk}/" in sign_in(client, outsider).get(f"/{problem.pk}").text


def test_a_page_of_a_problem_takes_the_same_queries_for_any_number_of_patches(
    client: Client, problem: Problem, django_assert_max_num_queries: Any
) -> None:
    for _ in range(2):
        make_patch(fixes=[problem])
    with django_assert_max_num_queries(70) as two:
        client.get(f"/{problem.pk}")
    for _ in range(5):
        make_patch(fixes=[problem])
    with django_assert_max_num_queries(len(two)):
        client.get(f"/{problem.pk}")


def test_my_page_has_what_waits_for_me_until_i_said_something(
    client: Client, problem: Problem
) -> None:
    mara = make_maintainer(problem.component, "mara")
    patch = make_patch(fixes=[problem], title="Look at this")
    author = patch.author
    assert author is not None
    requests.ask(patch, author, mara, Door.WEB)
    sign_in(client, mara)
    assert "Patches to look at" in (page := client.get("/my/").text)
    assert "Look at this" in page
    requests.snooze(patch, mara, 3)
    assert "Look at this" not in client.get("/my/").text
    ReviewRequest.objects.update(snoozed_until=timezone.now())
    assert "Look at this" in client.get("/my/").text
    reviewing.send_review(newest(patch), mara, Door.WEB, text="Not yet.", verdict="changes")
    assert "Look at this" not in client.get("/my/").text
    page = sign_in(client, author).get("/my/").text
    assert "Your patches that wait for you" in page
    next_version(patch)
    assert "Your patches that wait for you" not in client.get("/my/").text
    assert "Look at this" in sign_in(client, mara).get("/my/").text, "other content"
    rating.rate(newest(patch), mara, Door.WEB, rating.Said("works", 1, architecture="amd64"))
    assert "Look at this" not in client.get("/my/").text


def test_a_product_says_how_many_patches_wait_for_who_may_know(
    client: Client, problem: Problem, triager: Person
) -> None:
    make_patch(fixes=[problem])
    make_patch(problem.product, is_confidential=True)
    hidden = make_problem(problem.product, is_confidential=True)
    make_patch(author=hidden.reporter, fixes=[hidden])
    address = f"/products/{problem.product.slug}/"
    assert ">1 patch</a>" in client.get(address).text
    assert ">3 patches</a>" in sign_in(client, triager).get(address).text
