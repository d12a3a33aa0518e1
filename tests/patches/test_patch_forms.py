"""Bringing, reviewing, deciding and changing a patch with forms alone, as without scripts."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Person
from patches.models import Patch, Rating, Review
from patches.reviews import rating, reviewing
from patches.reviews.rating import Said
from tests.conftest import sign_in
from tests.patches.test_patch_page import edited, page, words
from tests.patching import diff, make_patch, newest, next_version
from tests.problems import make_problem
from tests.web.test_hostile_input import HOSTILE, sent
from tracker.models import Door, Problem, Product

pytestmark = pytest.mark.django_db
WEB = Door.WEB

MAIL = b"""From 1234567890123456789012345678901234567890 Mon Sep 17 00:00:00 2001
From: Otto <otto@example.org>
Date: Mon, 2 Nov 2026 10:00:00 +0000
Subject: [PATCH] em: reset the ring after resume

The first packet was written to a descriptor that nobody owned.

Fixes: #%d
---
 sys/dev/em/if_em.c | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

%s--
2.39.2
"""


def upload(data: bytes, name: str = "0001-em.patch") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def field(response: Any, name: str) -> str:
    """What stands in a field of the form on a page."""
    text = response.content.decode()
    area = re.search(rf'<textarea name="{name}"[^>]*>(.*?)</textarea>', text, re.S)
    line = re.search(rf'<input[^>]* name="{name}"[^>]*?value="([^"]*)"', text)
    found = area or line
    return html.unescape(found[1]).removeprefix("\n") if found else ""


# Bringing one


def test_a_file_is_looked_at_first_and_then_submitted_as_it_is(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    mail = MAIL % (problem.pk, diff())
    sent = {"product": "base", "uploads": upload(mail), "look": "1", "target": "stable/15"}
    looked = client.post("/patches/new", sent)
    assert "1 commit recognised 1/1 em: reset the ring after resume" in words(looked)
    assert "sys/dev/em/if_em.c +1 −1" in words(looked)
    assert not Patch.objects.exists()
    form = {name: field(looked, name) for name in ("text", "title", "description", "fixes")}
    assert form["text"] == mail.decode()
    assert form["title"] == "em: reset the ring after resume"
    assert form["fixes"] == str(problem.pk)
    # A browser sends the lines of a text with CR LF.
    form["text"] = form["text"].replace("\n", "\r\n")
    answer = client.post("/patches/new", form | {"product": "base", "looked": "1"})
    patch = Patch.objects.get()
    assert answer.headers["Location"] == f"/patches/{patch.pk}/"
    assert (patch.title, patch.author, patch.demand) == (form["title"], outsider, 1)
    assert patch.versions.get().commits.get().subject == form["title"]
    assert "descriptor that nobody owned" in page(client, patch)


def test_the_problem_that_a_patch_names_is_fixed_by_it_unless_that_was_taken_out(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    for looked, fixes in (({}, [problem]), ({"looked": "1"}, [])):
        mail = MAIL % (problem.pk, diff())
        client.post("/patches/new", {"product": "base", "uploads": upload(mail), **looked})
        assert list(Patch.objects.latest("pk").fixes.all()) == fixes


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    client: Client, problem: Problem, outsider: Person, reporter: Person
) -> None:
    sign_in(client, outsider)
    secret = make_problem(problem.product, reporter, is_confidential=True)
    typed = {"product": "bas", "text": "Dear all, it is broken.", "title": "Kept as typed",
             "fixes": f"#{problem.pk}, 99999 {secret.pk} em0"}  # fmt: skip
    refused = client.post("/patches/new", typed)
    assert refused.status_code == 400
    said = words(refused)
    for sentence in (
        "There is no product “bas”. Did you mean “base”?",
        "There is no patch in it.",
        "There is no problem 99999.",
        f"There is no problem {secret.pk}.",
        "“em0” is no number of a problem.",
    ):
        assert sentence in said
    assert f"There is no problem {problem.pk}." not in said
    assert field(refused, "title") == "Kept as typed"
    assert field(refused, "text") == "Dear all, it is broken."
    both = {"product": "base", "text": diff().decode(), "uploads": upload(diff())}
    assert "not both" in words(client.post("/patches/new", both))
    truncated = client.post("/patches/new", {"product": "base", "text": diff()[:-40].decode()})
    assert truncated.status_code == 400
    assert not Patch.objects.exists()


def test_a_form_that_is_sent_twice_brings_one_patch(
    client: Client, product: Product, outsider: Person
) -> None:
    sign_in(client, outsider)
    token = field(client.get("/patches/new"), "form_token")
    sent = {"product": "base", "text": diff().decode(), "form_token": token}
    first, second = (client.post("/patches/new", sent) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert Patch.objects.count() == 1


def test_the_way_from_a_problem_fills_in_what_it_fixes(
    client: Client, problem: Problem, outsider: Person, reporter: Person
) -> None:
    sign_in(client, outsider)
    opened = client.get(f"/patches/new?problem={problem.pk}")
    assert field(opened, "fixes") == str(problem.pk)
    secret = make_problem(problem.product, reporter, is_confidential=True)
    hidden, absent = (client.get(f"/patches/new?problem={n}") for n in (secret.pk, 999_999))
    token = r'value="[0-9a-f]{32}"|csrfmiddlewaretoken" value="\w+"|X-CSRFToken&quot;: &quot;\w+'
    assert re.sub(token, "", hidden.content.decode()) == re.sub(token, "", absent.content.decode())


def test_a_series_of_files_is_one_version_and_the_next_supersedes_it(
    client: Client, product: Product, outsider: Person
) -> None:
    sign_in(client, outsider)
    text = diff()
    patch = make_patch(product, outsider, text=text)
    files = []
    for n in (1, 2):
        mail = MAIL.replace(b"[PATCH]", b"[PATCH v2 %d/2]" % n) % (1, diff(f"{n}.c"))
        files.append(upload(mail, f"000{n}.patch"))
    sent = {"uploads": files, "note": "In two steps."}
    answer = client.post(f"/patches/{patch.pk}/new-version", sent)
    assert answer.headers["Location"] == f"/patches/{patch.pk}/#versions"
    version = newest(patch)
    assert (version.number, version.commits_count, version.note) == (2, 2, "In two steps.")
    assert "sent version 2: In two steps." in page(client, patch)
    for file in files:
        file.seek(0)
    repeated = {"uploads": files}
    same = client.post(f"/patches/{patch.pk}/new-version", repeated, follow=True)
    assert "Version 2 is the very same: nothing was added." in words(same)
    again = client.post(f"/patches/{patch.pk}/new-version", {"text": ""})
    assert again.status_code == 400
    assert newest(patch).number == 2


# Reviewing


def review(patch: Patch) -> str:
    return f"/patches/{patch.pk}/{newest(patch).number}/review"


def test_a_review_is_sent_with_its_ratings_and_what_was_on_the_lines(
    client: Client, product: Product, outsider: Person, committer: Person
) -> None:
    patch = make_patch(product, outsider)
    place = {"commit": 1, "path": "sys/dev/em/if_em.c", "side": "new", "start": 12, "end": 13}
    reviewing.add_line_comment(newest(patch), committer, "Why zero?", **place)  # type: ignore[arg-type]
    sent = {
        "text": "It **works**.", "verdict": "comment", "rate_quality": "1", "rate_works": "1",
        "release": "15.0", "architecture": "amd64", "hardware": "X220", "note": "two hours",
    }  # fmt: skip
    answer = sign_in(client, committer).post(review(patch), sent)
    done = Review.objects.get()
    assert answer.headers["Location"] == f"/patches/{patch.pk}/#review-{done.pk}"
    assert done.sent_at is not None
    assert done.comments.get().text == "Why zero?"
    given = {r.dimension: (r.value, r.architecture, r.note) for r in Rating.objects.all()}
    assert given == {"quality": (1, "", ""), "works": (1, "amd64", "two hours")}
    said = page(Client(), patch)
    assert "It works. Quality +1 Works here 15.0/amd64, X220 two hours" in said
    # What is said of superseded content is taken, and who says it is told.
    address = review(patch)
    next_version(patch)
    late = {"text": "No.", "verdict": "changes"}
    told = words(client.post(address, late, follow=True))
    assert "You spoke of version 1. Version 2 has other content: look at that one, too." in told


def test_a_refused_review_sends_nothing_and_loses_nothing(
    client: Client, product: Product, committer: Person
) -> None:
    patch = make_patch(product)
    sent = {"text": "It works.", "verdict": "changes", "rate_works": "1", "release": "99"}
    refused = sign_in(client, committer).post(review(patch), sent)
    assert refused.status_code == 400
    assert "Say on which architecture" in words(refused)
    assert "has no release “99”" in words(refused)
    assert field(refused, "text") == "It works."
    assert 'value="changes" checked' in refused.content.decode()
    assert client.post(review(patch), {"rate_quality": "7"}).status_code == 400
    assert client.post(review(patch), {"text": "x", "verdict": "love"}).status_code == 400
    assert not Review.objects.filter(sent_at__isnull=False).exists()
    assert not Rating.objects.exists()


def test_a_rating_is_taken_back_from_the_page(
    client: Client, product: Product, outsider: Person
) -> None:
    patch = make_patch(product)
    for architecture in ("amd64", "arm64"):
        rating.rate(newest(patch), outsider, WEB, Said("works", 1, "", architecture))
    shown = sign_in(client, outsider).get(patch.get_absolute_url()).content.decode()
    form = shown[shown.index(f'action="/patches/{patch.pk}/1/rate"') :]
    sent = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[: form.index("</form>")]))
    unsaid = client.post(f"/patches/{patch.pk}/1/rate", sent | {"value": ""}, follow=True)
    assert "Choose one of those offered." in words(unsaid)
    assert client.post(f"/patches/{patch.pk}/1/rate", sent).status_code == 302
    standing = Rating.objects.filter(is_current=True).exclude(value=0)
    assert [r.architecture for r in standing] == ["arm64"]
    assert "Works here: taken back amd64" in page(client, patch)
    sent["architecture"] = "riscv64"
    refused = client.post(f"/patches/{patch.pk}/1/rate", sent, follow=True)
    assert "there is nothing to take back" in words(refused)


def test_what_was_not_sent_can_be_thrown_away(
    client: Client, product: Product, committer: Person, outsider: Person
) -> None:
    patch = make_patch(product)
    place = {"commit": 1, "path": "sys/dev/em/if_em.c", "side": "new", "start": 12, "end": 13}
    for person in (committer, outsider):
        reviewing.add_line_comment(newest(patch), person, "Why?", **place)  # type: ignore[arg-type]
    sign_in(client, committer).post(f"/patches/{patch.pk}/discard")
    assert [draft.author for draft in Review.objects.all()] == [outsider]


# Deciding


def test_a_committer_integrates_and_the_page_says_what_was_done(
    client: Client, problem: Problem, committer: Person, outsider: Person
) -> None:
    patch = make_patch(author=outsider, fixes=[problem])
    sign_in(client, committer)
    asked = client.get(f"/patches/{patch.pk}/integrate")
    assert "Still needs “Quality” from a maintainer." in words(asked)
    sent = {"commit": "0123abc", "note": "Thank **you**.", "mark_problems": "on"}
    assert client.post(f"/patches/{patch.pk}/integrate", sent).status_code == 302
    problem.refresh_from_db()
    assert problem.state == "patched"
    said = page(client, patch)
    assert "Integrated by cleo just now as 0123abc Thank you." in said
    assert "without “Quality” from a maintainer; marked" in said
    assert "Open again" in said
    assert "Integrated by" in said
    late = client.get(f"/patches/{patch.pk}/integrate")
    assert late["Location"] == patch.get_absolute_url(), "there is nothing to decide any more"
    again = client.post(f"/patches/{patch.pk}/integrate", sent)
    assert again.status_code == 409
    assert "Open it again first" in words(again)


@pytest.mark.parametrize("deed", ["integrate", "decline"])
def test_nobody_decides_on_content_that_came_after_they_looked(
    client: Client, committer: Person, deed: str
) -> None:
    patch = make_patch()
    sign_in(client, committer)
    asked = client.get(f"/patches/{patch.pk}/{deed}").content.decode()
    assert '<input type="hidden" name="version" value="1">' in asked
    next_version(patch, diff(new="\treturn (EIO);"))
    sent = {"note": "I looked at it.", "version": "1"}
    refused = client.post(f"/patches/{patch.pk}/{deed}", sent)
    assert refused.status_code == 409
    assert "Version 2 came meanwhile" in words(refused)
    # Who is shown the form again has been told.
    assert '<input type="hidden" name="version" value="2">' in refused.content.decode()
    sent["version"] = "2"
    assert client.post(f"/patches/{patch.pk}/{deed}", sent).status_code == 302


def test_problems_are_left_alone_where_the_box_is_not_ticked(
    client: Client, problem: Problem, committer: Person
) -> None:
    patch = make_patch(fixes=[problem])
    sign_in(client, committer).post(f"/patches/{patch.pk}/integrate", {"commit": ""})
    problem.refresh_from_db()
    patch.refresh_from_db()
    assert (patch.state, problem.state) == ("integrated", "new")


def test_who_declines_says_why_and_the_author_opens_it_again(
    client: Client, product: Product, committer: Person, outsider: Person
) -> None:
    patch = make_patch(product, outsider)
    sign_in(client, committer)
    refused = client.post(f"/patches/{patch.pk}/decline", {"note": " "})
    assert refused.status_code == 400
    assert "Say why" in words(refused)
    client.post(f"/patches/{patch.pk}/decline", {"note": "Done in another way."})
    assert "Declined by cleo just now Done in another way." in page(client, patch)
    sign_in(client, outsider).post(f"/patches/{patch.pk}/reopen", {"note": "Not on 14."})
    assert "opened it again: Not on 14." in page(client, patch)
    client.post(f"/patches/{patch.pk}/withdraw", {})
    assert "otto took it back" in page(client, patch)


# Changing


def test_only_what_was_touched_is_changed_and_who_came_first_is_told(
    client: Client, product: Product, outsider: Person, committer: Person
) -> None:
    patch = make_patch(product, outsider, title="One", description="Old words.")
    opened = edited(client, patch, outsider)
    address = f"/patches/{patch.pk}/edit"
    theirs = Client()
    theirs_form = edited(theirs, patch, committer, title="Two")
    assert theirs.post(address, theirs_form).status_code == 302
    assert client.post(address, opened | {"description": "New words."}).status_code == 302
    patch.refresh_from_db()
    assert (patch.title, patch.description) == ("Two", "New words.")
    met = client.post(address, opened | {"title": "Three"})
    assert met.status_code == 409
    assert "Somebody else changed this meanwhile: it is “Two”." in words(met)
    assert field(met, "title") == "Three"
    base = html.unescape(field(met, "base"))
    assert client.post(address, opened | {"title": "Three", "base": base}).status_code == 302
    patch.refresh_from_db()
    assert patch.title == "Three"
    assert "title: Two → Three" in page(client, patch)


def test_what_it_fixes_is_set_by_numbers_and_moves_the_demand(
    client: Client, problem: Problem, outsider: Person, reporter: Person
) -> None:
    other = make_problem(problem.product)
    patch = make_patch(author=outsider, fixes=[problem])
    sent = edited(client, patch, outsider, fixes=f"#{other.pk} {problem.pk}")
    client.post(f"/patches/{patch.pk}/edit", sent)
    patch.refresh_from_db()
    assert patch.demand == 2
    secret = make_problem(problem.product, reporter, is_confidential=True)
    sent = edited(client, patch, outsider, fixes=str(secret.pk))
    refused = client.post(f"/patches/{patch.pk}/edit", sent)
    assert refused.status_code == 400
    assert f"There is no problem {secret.pk}." in words(refused)


def test_its_components_are_set_by_short_names_and_who_maintains_them_asked(
    client: Client, product: Product, outsider: Person, maintainer: Person
) -> None:
    patch = make_patch(product, outsider)
    assert not patch.review_requests.exists()
    refused = client.post(f"/patches/{patch.pk}/edit", edited(client, patch, outsider,
                                                              components="net kernle"))  # fmt: skip
    assert "There is no component “kernle”." in words(refused)
    client.post(
        f"/patches/{patch.pk}/edit", edited(client, patch, outsider, components="net, kernel")
    )
    assert "components: none → kernel, net" in page(client, patch)
    (request,) = patch.review_requests.all()
    assert request.person == maintainer
    assert request.reason == "Maintains kernel, to which it belongs."


# Words that no browser sends


FORMS = (
    ("/patches/new", "product text title description fixes target note form_token"),
    ("/patches/P/new-version", "text note"),
    ("/patches/P/edit", "title description fixes components target base"),
    ("/patches/P/1/review", "text verdict rate_quality rate_works release architecture note"),
    ("/patches/P/1/rate", "dimension value release architecture hardware note"),
    ("/patches/P/integrate", "commit note"),
    ("/products/base/ratings/dimensions/new", "title voided_by"),
    ("/products/base/ratings/dimensions/works", "title deed"),
    ("/products/base/ratings/rules/new", "branch dimension_0 count_0 by_0 different_0"),
)


@pytest.mark.parametrize("name", ["zero byte", "long", "number too big", "markup"])
def test_hostile_words_are_answered_and_never_run(
    client: Client, problem: Problem, administrator: Person, name: str
) -> None:
    sign_in(client, administrator)
    word = sent(HOSTILE[name])
    for path, fields in FORMS:
        patch = make_patch(problem.product, administrator)
        usual = {"product": "base", "text": diff().decode(), "dimension": "works", "value": "1"}
        if path.endswith("/edit"):
            usual = edited(client, patch, administrator)
        for field_name in fields.split():
            address = path.replace("P", str(patch.pk))
            response = client.post(address, usual | {field_name: word})
            assert response.status_code < 500, (path, field_name)
            assert b"<script>alert" not in response.content
        for shown in (f"/patches/{patch.pk}/", "/products/base/ratings"):
            assert b"<script>alert" not in client.get(shown).content
    for query in ("problem", "product"):
        assert client.get("/patches/new", {query: word}).status_code == 200
    for query in ("before", "changes"):
        assert client.get(f"/patches/{patch.pk}/", {query: word}).status_code == 200
