"""The page of a patch: what it says, to whom, and at what cost."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Person, Role
from patches import deciding
from patches.models import Patch, PatchFix, PatchVersion, Review
from patches.reviews import rating, reviewing
from patches.reviews.rating import Said
from patches.versions import comparing
from tests.conftest import sign_in
from tests.patching import diff, make_patch, newest, next_version, parsed
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import attach, change
from votes.services import cast_vote

pytestmark = pytest.mark.django_db
WEB = Door.WEB


def words(response: Any) -> str:
    """The text of a page, its marks taken out."""
    return plain(response.content.decode())


def plain(text: str) -> str:
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    return re.sub(r" ([.,:?;])", r"\1", words)


def page(client: Client, patch: Patch) -> str:
    response = client.get(patch.get_absolute_url())
    assert response.status_code == 200
    return words(response)


def part(client: Client, patch: Patch, name: str) -> str:
    """The words of one section of the page."""
    text = client.get(patch.get_absolute_url()).content.decode()
    found = re.search(rf'<section[^>]* id="{name}".*?</section>', text, re.S)
    assert found is not None
    return plain(found[0])


def test_the_head_says_whose_turn_it_is_what_is_missing_and_who_is_behind_it(
    client: Client, problem: Problem, second_reporter: Person, outsider: Person
) -> None:
    other = make_problem(problem.product, second_reporter)
    cast_vote(problem, second_reporter, WEB)
    patch = make_patch(author=outsider, fixes=[problem, other], target="stable/15")
    said = page(client, patch)
    assert "Waits for a first review." in said
    assert "Still needs “Quality” from a maintainer." in said
    assert "2 people behind the problems it fixes" in said
    assert "by otto" in said
    assert "for stable/15" in said
    for each in (problem, other):
        assert f"{each.synopsis} #{each.pk}" in part(client, patch, "fixes")


def test_the_head_leads_to_open_threads_and_to_the_next_step_of_whoever_reads(
    client: Client, product: Product, outsider: Person, committer: Person
) -> None:
    patch = make_patch(product, outsider)
    assert f"curl -s http://testserver/patches/{patch.pk}/1.mbox | git am" in page(client, patch)
    place = {"commit": 1, "path": "sys/dev/em/if_em.c", "side": "new", "start": 12, "end": 13}
    reviewing.add_line_comment(newest(patch), committer, "Why?", **place)  # type: ignore[arg-type]
    assert "open." not in head(client, patch, outsider)
    reviewing.send_review(newest(patch), committer, WEB)
    assert "1 thread is open. Read the diff New version" in head(client, patch, outsider)
    assert "New version" not in head(client, patch, committer)
    next_version(patch)
    changed = "Read version 2 Changed since your review of version 1"
    assert changed in head(client, patch, committer)
    assert "your review" not in head(client, patch, outsider)
    rating.rate(newest(patch), committer, WEB, Said("quality", 1))
    reviewing.resolve(patch.threads.get(), committer, WEB, resolved=True)
    assert "Has all that it needs. Read version 2 Integrate" in head(client, patch, committer)
    assert "Integrate" not in head(client, patch, outsider)


def head(client: Client, patch: Patch, person: Person) -> str:
    """What `person` reads above all else."""
    text = sign_in(client, person).get(patch.get_absolute_url()).content.decode()
    return plain(text[text.index('data-part="title"') : text.index('data-part="demand"')])


def test_a_problem_that_the_author_may_no_longer_see_is_not_named_to_them(
    client: Client, problem: Problem, outsider: Person, committer: Person, triager: Person
) -> None:
    public = make_problem(problem.product)
    patch = make_patch(author=outsider, fixes=[problem, public])
    change(problem, triager, ProblemChange(is_confidential=True), WEB)
    # The history has a change of what it fixes that names the problem, too.
    sign_in(client, triager).post(
        f"/patches/{patch.pk}/edit", edited(client, patch, triager, fixes=str(problem.pk))
    )
    deciding.integrate(patch, committer, WEB)
    assert f"#{problem.pk}" in page(sign_in(Client(), committer), patch)
    seen = sign_in(Client(), outsider).get(patch.get_absolute_url()).content.decode()
    assert not re.search(rf'#{problem.pk}\b|"/{problem.pk}"|{problem.synopsis}', seen)
    assert f"#{public.pk}" in seen
    assert Client().get(patch.get_absolute_url()).status_code == 404


def edited(client: Client, patch: Patch, person: Person, **changed: str) -> dict[str, str]:
    """The edit form as `person` gets it, with some fields changed."""
    text = sign_in(client, person).get(f"/patches/{patch.pk}/edit").content.decode()
    base = re.search(r'name="base" value="([^"]*)"', text)
    assert base is not None
    form = {
        "title": patch.title,
        "description": patch.description,
        "target": patch.target,
        "base": html.unescape(base[1]),
        "fixes": (re.search(r'name="fixes"[^>]* value="([^"]*)"', text) or ["", ""])[1],
        "components": (re.search(r'name="components"[^>]* value="([^"]*)"', text) or ["", ""])[1],
    }
    return form | changed


def test_ratings_say_where_which_hold_and_why_others_do_not(
    client: Client, product: Product, outsider: Person, committer: Person
) -> None:
    patch = make_patch(product, outsider, text=diff(new="\treturn (1);"))
    tester, machine = make_person("tess"), make_person("robo", Role.MACHINE)
    said = Said("works", 1, "15.0", "amd64", "ThinkPad X220", "four hours of load")
    rating.rate(newest(patch), tester, WEB, said)
    rating.rate(newest(patch), committer, WEB, Said("quality", 1))
    # The same change, further down: a rebase.
    next_version(patch, diff(new="\treturn (1);", start=40))
    assert patch.content_since == 1
    assert "void" not in part(client, patch, "ratings")
    next_version(patch)
    rating.rate(newest(patch), outsider, WEB, Said("quality", 1))
    rating.rate(newest(patch), machine, WEB, Said("works", 1, "", "arm64"))
    next_version(patch, by=committer)
    rating.rate(newest(patch), outsider, WEB, Said("quality", 1))
    rating.rate(newest(patch), machine, WEB, Said("works", 1, "", "arm64"))
    rating.rate(newest(patch), committer, WEB, Said("security", 1))
    shown = part(client, patch, "ratings")
    where = "tess 15.0/amd64, ThinkPad X220 on version 1 four hours of load"
    assert f"{where} void since version 3 changed the content" in shown
    assert "Quality nobody +1 cleo on version 1 void" in shown
    assert "Security nobody +1 cleo who brought this content: does not count" in shown
    assert "+1 otto its author: does not count" in shown
    assert "robo arm64 a program: counts as no person" in shown
    remark = "shown with the remark “its author: does not count”."
    own = sign_in(client, outsider)
    assert f"Rate it What you rate is {remark}" in page(own, patch)
    form = {"form_token": "once", "verdict": "comment", "rate_security": "1"}
    answer = own.post(f"/patches/{patch.pk}/{patch.latest}/review", form, follow=True)
    assert f"Your ratings are {remark}" in words(answer)
    assert "What you rate" not in page(sign_in(client, tester), patch)


def test_the_talk_has_reviews_with_their_lines_and_no_draft_of_anybody(
    client: Client, product: Product, outsider: Person, maintainer: Person, committer: Person
) -> None:
    patch = make_patch(product, outsider)
    place = {"commit": 1, "path": "sys/dev/em/if_em.c", "side": "new", "start": 12, "end": 13}
    version = newest(patch)
    reviewing.add_line_comment(version, maintainer, "Why **zero**?", **place)  # type: ignore[arg-type]
    changes = Review.Verdict.CHANGES
    reviewing.send_review(version, maintainer, WEB, text="Nearly.", verdict=changes)
    reviewing.add_line_comment(version, committer, "Nobody reads this yet", **place)  # type: ignore[arg-type]
    talk = part(client, patch, "talk")
    assert "otto submitted it" in talk
    assert "mara asks for changes on version 1" in talk
    assert "sys/dev/em/if_em.c, lines 12–13 Why zero?" in talk
    assert talk.index("submitted") < talk.index("Nearly.")
    assert "Now it waits for its author." in talk
    for reader in (client, sign_in(Client(), maintainer)):
        assert "Nobody reads this yet" not in page(reader, patch)
    own = sign_in(Client(), committer)
    assert "1 comment on lines that you have not sent yet" in page(own, patch)
    assert "Nobody reads this yet" in words(own.get(f"/patches/{patch.pk}/1/review"))


def test_the_file_in_which_a_version_was_found_is_named_with_its_problem(
    client: Client, problem: Problem, outsider: Person
) -> None:
    file = attach(problem, outsider, ContentFile(diff(), name="fix.txt"), WEB)
    patch = make_patch(author=outsider, fixes=[problem], source=file)
    assert f"found in fix.txt of #{problem.pk}" in part(client, patch, "versions")
    PatchFix.objects.all().delete()
    assert "fix.txt" not in part(client, patch, "versions")


def test_older_entries_are_on_pages_of_their_own(
    client: Client, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch = make_patch(product)
    for number in range(4):
        reviewing.send_review(newest(patch), make_person(), WEB, text=f"Word {number}.")
    monkeypatch.setattr("patches.reviews.talk.talk.__defaults__", (0, 3))
    latest = client.get(patch.get_absolute_url()).content.decode()
    assert [n for n in range(4) if f"Word {n}." in latest] == [1, 2, 3]
    older = re.search(r"\?before=\d+", latest)
    assert older is not None
    before = words(client.get(patch.get_absolute_url() + older[0]))
    assert "submitted it" in before
    assert [n for n in range(4) if f"Word {n}." in before] == [0]


def test_what_is_new_in_a_version_is_told_by_commit(
    client: Client, product: Product, outsider: Person
) -> None:
    one, two = diff("a.c", "first"), diff("b.c", "second")
    patch = make_patch(product, outsider, text=parsed(one, two, subjects=["one", "two"]))
    came = parsed(one, diff("b.c", "other"), diff("c.c"), subjects=["one", "two", "three"])
    next_version(patch, came, note="Names the third.")
    PatchVersion.objects.filter(patch=patch).update(changes_by="", changes="")
    assert "Being compared with version 1" in part(client, patch, "changes")
    how, text = comparing.compare(newest(patch))
    PatchVersion.objects.filter(patch=patch, number=2).update(changes_by=how, changes=text)
    told = part(client, patch, "changes")
    assert re.search(r"unchanged one .*changed two .*\+second .*added three", told)
    assert "Version 2" in (versions := part(client, patch, "versions"))
    assert "Names the third." in versions
    next_version(patch, parsed(came.text, base_commit="d" * 40))
    assert "Version 3" in part(client, patch, "versions")


def test_a_page_with_thirty_of_everything_costs_what_two_of_each_cost(
    client: Client,
    product: Product,
    outsider: Person,
    committer: Person,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    few = busy_patch(product, outsider, committer, 2)
    many = busy_patch(product, outsider, committer, 30)
    sign_in(client, committer)
    for address in ("", "{}/review"):
        pages = [
            f"{patch.get_absolute_url()}{address.format(n)}" for patch, n in ((few, 2), (many, 30))
        ]
        client.get(pages[0])
        with django_assert_max_num_queries(MOST_QUERIES) as one:
            client.get(pages[0])
        with django_assert_num_queries(len(one)):
            shown = words(client.get(pages[1]))
        assert "ersion 30" in shown


MOST_QUERIES = 40


def busy_patch(product: Product, author: Person, reader: Person, count: int) -> Patch:
    """With as many versions, reviews with comments, ratings, fixes and requests of each kind."""
    fixes = [make_problem(product, author) for _ in range(count)]
    patch = make_patch(product, author, fixes=fixes, text=diff("a.c", "0"))
    for number in range(1, count):
        # What was said of documentation holds as long as that is the same.
        rating.rate(newest(patch), make_person(), WEB, Said("documentation", 1))
        next_version(patch, diff("a.c", str(number)))
    version = newest(patch)
    place = {"commit": 1, "path": "a.c", "side": "new", "start": 12, "end": 12}
    for number in range(count):
        person = make_person()
        reviewing.add_line_comment(version, person, "Why?", **place)  # type: ignore[arg-type]
        said = [Said("works", 1, "15.0", f"arch{number}"), Said("documentation", 1)]
        reviewing.send_review(version, person, WEB, ratings=said)
        reviewing.add_line_comment(version, reader, "And this?", **place)  # type: ignore[arg-type]
    patch.refresh_from_db()
    return patch
