"""The pages on which problems are reported, read, voted on, commented and changed."""

from __future__ import annotations

import html
import math
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person
from tests.conftest import sign_in
from tests.people import make_newcomer, make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Attachment, Comment, Door, Event, Problem, Product
from tracker.services import attach, change, comment
from votes.models import Vote
from votes.services import Environment, cast_vote

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _files_in_a_folder_of_their_own(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


def page(client: Client, path: str, status: int = 200, **headers: str) -> str:
    """The text of a page, entities resolved and white space made single."""
    response = client.get(path, headers=headers)
    assert response.status_code == status, response.content.decode()[:2000]
    return words(response)


def words(response: Any) -> str:
    content = b"".join(response) if response.streaming else response.content
    return " ".join(html.unescape(content.decode()).split())


def hidden(client: Client, path: str, name: str) -> str:
    """The value of a form's hidden field on a page, with quotes resolved."""
    found = re.search(rf'name="{name}" value="([^"]*)"', client.get(path).content.decode())
    assert found
    return html.unescape(found[1])


def a_report(**values: Any) -> dict[str, Any]:
    report = {
        "product": "base",
        "component": "kernel",
        "synopsis": "panic on boot with two disks",
        "description": "It **panics** before the prompt.",
        "form_token": "one",
    }
    return report | values


def an_edit(client: Client, problem: Problem, **values: Any) -> dict[str, Any]:
    """The edit form as a browser sends it: every field as it was shown, but for `values`."""
    path = f"/{problem.pk}/edit"
    content = client.get(path).content.decode()
    sent: dict[str, Any] = {name: hidden(client, path, name) for name in ("base", "seen")}
    for name in re.findall(r'<(?:input|textarea|select)[^>]* name="(\w+)"', content):
        if name not in sent and name not in {"csrfmiddlewaretoken", "q"}:
            sent[name] = _shown(content, name)
    sent = {name: value for name, value in sent.items() if value is not None}
    return sent | values


def _shown(content: str, name: str) -> str | None:
    area = re.search(rf'<textarea name="{name}"[^>]*>\n?(.*?)</textarea>', content, re.DOTALL)
    if area:
        return html.unescape(area[1])
    select = re.search(rf'<select name="{name}".*?</select>', content, re.DOTALL)
    if select:
        chosen = re.search(r'value="([^"]*)" selected', select[0])
        return html.unescape(chosen[1]) if chosen else ""
    box = re.search(rf'<input type="checkbox" name="{name}"([^>]*)>', content)
    if box:
        return "on" if "checked" in box[1] else None
    line = re.search(rf'<input[^>]* name="{name}"(?: value="([^"]*)")?', content)
    return html.unescape(line[1] or "") if line else ""


# ---- reporting


def test_a_report_with_two_files_makes_a_problem_with_its_reporters_vote(
    client: Client, product: Product, reporter: Person
) -> None:
    sign_in(client, reporter)
    files = [SimpleUploadedFile(name, b"abc") for name in ("dmesg.txt", "core.gz")]
    response = client.post(
        "/problems/new",
        a_report(
            release="15.0", architecture="arm64", severity="major", is_confidential="on",
            uploads=files,
        ),
    )  # fmt: skip
    problem = Problem.objects.get()
    assert response.headers["Location"] == f"/{problem.pk}"
    assert (problem.severity, problem.is_confidential) == ("major", True)
    assert str(problem.release) == "15.0"
    assert [a.name for a in problem.attachments.all()] == ["dmesg.txt", "core.gz"]
    assert Vote.objects.get().person == reporter
    assert problem.events.first().door == Door.WEB  # type: ignore[union-attr]


def test_sending_the_same_form_twice_makes_one_problem(
    client: Client, product: Product, reporter: Person
) -> None:
    sign_in(client, reporter)
    first = client.post("/problems/new", a_report())
    again = client.post("/problems/new", a_report())
    assert first.headers["Location"] == again.headers["Location"]
    assert Problem.objects.count() == 1
    corrected = client.post("/problems/new", a_report(synopsis="panic on boot with three disks"))
    assert corrected.headers["Location"] != first.headers["Location"]
    client.post("/problems/new", a_report(form_token="two"))
    assert Problem.objects.count() == 3


def test_a_wrong_report_comes_back_with_what_was_typed_and_chosen(
    client: Client, product: Product, reporter: Person
) -> None:
    sign_in(client, reporter)
    response = client.post(
        "/problems/new",
        a_report(synopsis="", component="net", release="15.0", kind="enhancement",
                 description="Typed <b>text</b>", is_confidential="on"),
    )  # fmt: skip
    assert response.status_code == 400
    content = response.content.decode()
    assert "Say in one line what is wrong." in content
    assert '<option value="net" selected>' in content
    assert '<option value="15.0" selected>' in content
    assert '<option value="enhancement" selected>' in content
    assert "Typed &lt;b&gt;text&lt;/b&gt;" in content
    assert re.search(r'name="is_confidential"[^>]*checked', content)
    assert not Problem.objects.exists()


def test_files_too_large_are_each_named_and_nothing_is_kept(
    client: Client, product: Product, reporter: Person, settings: Any
) -> None:
    settings.ATTACHMENT_BYTES = 10
    sign_in(client, reporter)
    files = [SimpleUploadedFile(n, b"x" * size) for n, size in (("a", 11), ("b", 10), ("c", 12))]
    response = client.post("/problems/new", a_report(uploads=files))
    assert response.status_code == 400
    said = words(response)
    assert "“a” has 11 bytes" in said
    assert "“c” has 12 bytes" in said
    assert "“b”" not in said
    assert "choose them again" in said
    assert not Problem.objects.exists()
    assert not Attachment.objects.exists()
    assert not Event.objects.exists()


def test_the_product_is_chosen_first_where_there_are_several(
    client: Client, product: Product, reporter: Person
) -> None:
    sign_in(client, reporter)
    assert 'name="component"' in page(client, "/problems/new")
    Product.objects.create(slug="ports", title="Ports")
    assert 'name="component"' not in page(client, "/problems/new")
    assert '<option value="kernel">' in page(client, "/problems/new?product=base")


def test_another_product_brings_its_own_components(
    client: Client, product: Product, reporter: Person
) -> None:
    ports = Product.objects.create(slug="ports", title="Ports")
    ports.components.create(slug="www", title="WWW")
    sign_in(client, reporter)
    fragment = page(client, "/problems/new/choices?product=ports")
    assert '<option value="www">' in fragment
    assert '<option value="kernel">' not in fragment


def test_likely_duplicates_are_offered_with_a_vote_button(
    client: Client, product: Product, reporter: Person, outsider: Person
) -> None:
    likely = make_problem(product, reporter, synopsis="em0 loses its link after suspend")
    hidden_one = make_problem(
        product, reporter, synopsis="em0 loses its link after resume", is_confidential=True
    )
    sign_in(client, outsider)
    query = "product=base&synopsis=em0+loses+link+after+suspend"
    fragment = page(client, f"/problems/similar?{query}")
    assert likely.synopsis in fragment
    assert f'action="/{likely.pk}/vote"' in fragment
    assert hidden_one.synopsis not in fragment
    looked = client.post("/problems/new", a_report(synopsis="em0 loses link", look="1"))
    assert likely.synopsis in words(looked)
    assert "It **panics** before" in words(looked)
    assert Problem.objects.count() == 2


def test_the_likeliest_component_is_offered_with_its_reason_and_chosen_without_scripts(
    client: Client, product: Product, triager: Person, outsider: Person
) -> None:
    looked_at = ProblemChange(state="open")
    past = [make_problem(product, component="net", synopsis=f"wifi card {n} fails") for n in (1, 2)]
    for problem in past:
        change(problem, triager, looked_at, Door.WEB)
    hole = make_problem(
        product, component="kernel", synopsis="wifi card 1 fails", is_confidential=True
    )
    change(hole, triager, looked_at, Door.WEB)
    sign_in(client, outsider)
    asked = a_report(synopsis="wifi card 1 fails", component="", look="1")
    looked = words(client.post("/problems/new", asked))
    assert "2 of the 2 most similar reports are in net: #" in looked
    assert f"#{hole.pk}" not in looked
    offer = '<button class="small" form="report" name="take" value="net"'
    assert offer in looked
    asked.pop("look")
    chosen = words(client.post("/problems/new", asked | {"take": "net"}))
    assert '<option value="net" selected>' in chosen
    assert "It **panics** before" in chosen
    assert offer not in chosen
    assert Problem.objects.count() == 3
    said = {name: asked[name] for name in ("product", "synopsis")}
    assert offer in words(client.post("/problems/similar", said | {"component": "kernel"}))
    assert offer not in words(client.post("/problems/similar", said | {"component": "net"}))


def test_looking_for_the_same_problem_asks_as_much_whatever_is_found(
    client: Client, product: Product, triager: Person, outsider: Person
) -> None:
    sign_in(client, outsider)
    asked = {"product": "base", "synopsis": "wifi card fails", "component": ""}
    counts = []
    for more in (1, 11):
        for _ in range(more):
            problem = make_problem(product, component="net", synopsis="wifi card fails")
            change(problem, triager, ProblemChange(state="open"), Door.WEB)
        with CaptureQueriesContext(connection) as asks:
            assert 'value="net"' in words(client.post("/problems/similar", asked))
        counts.append(len(asks))
    assert counts[0] == counts[1]


# ---- reading


def test_a_confidential_problem_is_to_outsiders_as_one_that_does_not_exist(
    client: Client, product: Product, reporter: Person, outsider: Person
) -> None:
    secret = make_problem(product, reporter, synopsis="a hole", is_confidential=True)
    nothing = secret.pk + 1000
    upload = SimpleUploadedFile("exploit.c", b"x")
    attachment = attach(secret, reporter, upload, Door.WEB)
    for viewer in (None, outsider):
        if viewer:
            sign_in(client, viewer)
        for tail in ("", "/why", "/history", "/voters", f"/attachments/{attachment.pk}/exploit.c"):
            real = client.get(f"/{secret.pk}{tail}")
            absent = client.get(f"/{nothing}{tail}")
            assert (real.status_code, absent.status_code) == (404, 404)
            blind = re.compile(rf"\b({secret.pk}|{nothing})\b|csrf\w+. value=.\w+.")
            assert blind.sub("", words(real)) == blind.sub("", words(absent))
        for tail in ("/vote", "/comment", "/edit", "/vote/withdraw", "/attach"):
            statuses = {client.post(f"/{n}{tail}").status_code for n in (secret.pk, nothing)}
            assert len(statuses) == 1
    sign_in(client, reporter)
    assert "Confidential." in page(client, f"/{secret.pk}")


def test_the_page_tells_comments_and_changes_in_one_order(
    client: Client, problem: Problem, triager: Person, reporter: Person
) -> None:
    change(problem, triager, ProblemChange(state="feedback", severity="critical"), Door.API)
    comment(problem, reporter, "It needs `two` disks, see #1.", Door.MAIL)
    shown = page(client, f"/{problem.pk}")
    order = [
        shown.index(text)
        for text in (
            "reported this",
            "<b>severity</b>: normal",
            "by API",
            "<code>two</code>",
            "<b>state</b>: feedback",
        )
    ]
    assert order == sorted(order)
    assert "by mail" in shown


def test_files_of_a_comment_stand_with_it(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    files = [SimpleUploadedFile("trace.log", b"1" * 2048)]
    client.post(f"/{problem.pk}/comment", {"text": "Here it is.", "uploads": files})
    shown = page(client, f"/{problem.pk}")
    entry = shown[shown.index("Here it is.") :]
    assert "trace.log" in entry[: entry.index("</li> </ul>")]
    assert "attached" not in shown


def test_a_number_of_a_hidden_problem_is_not_told_by_history_or_banner(
    client: Client, product: Product, problem: Problem, triager: Person
) -> None:
    secret = make_problem(product, triager, synopsis="a hole", is_confidential=True)
    change(problem, triager, ProblemChange(duplicate_of=secret.pk), Door.WEB)
    for path in (f"/{problem.pk}", f"/{problem.pk}/history", f"/{problem.pk}/why"):
        shown = page(client, path)
        assert f"#{secret.pk}" not in shown
        assert f"/{secret.pk}" not in shown
        assert "a hole" not in shown
    assert "a problem that you cannot see" in page(client, f"/{problem.pk}/history")
    sign_in(client, triager)
    assert "a hole" in page(client, f"/{problem.pk}")


def test_a_hidden_duplicate_is_told_of_nowhere_and_its_people_do_not_count(
    client: Client, product: Product, problem: Problem, triager: Person
) -> None:
    secret = make_problem(product, synopsis="a hole", is_confidential=True)
    change(secret, triager, ProblemChange(duplicate_of=problem.pk), Door.WEB)
    for path in ("", "/voters", "/history", "/why"):
        shown = page(client, f"/{problem.pk}{path}")
        assert "a hole" not in shown
        assert f"/{secret.pk}" not in shown
    assert "1 person" in page(client, f"/{problem.pk}/voters")
    change(secret, triager, ProblemChange(is_confidential=False), Door.WEB)
    assert "2 people" in page(client, f"/{problem.pk}/voters")


def test_the_page_costs_the_same_queries_however_much_is_on_it(
    client: Client,
    product: Product,
    problem: Problem,
    triager: Person,
) -> None:
    sign_in(client, triager)
    comment(problem, triager, "one", Door.WEB)
    dup = make_problem(product)
    change(dup, triager, ProblemChange(duplicate_of=problem.pk), Door.WEB)
    cast_vote(problem, make_person(), Door.WEB, Environment("15.0", "arm64", "here"))
    few = _queries(client, problem)
    for i in range(100):
        comment(problem, make_person(), f"number {i}", Door.WEB)
        if i % 10 == 0:
            attach(problem, triager, SimpleUploadedFile(f"{i}.txt", b"x"), Door.WEB)
            cast_vote(problem, make_person(), Door.WEB, Environment("14.3", "amd64", "too"))
            change(problem, triager, ProblemChange(hardware=f"card {i}"), Door.WEB)
    assert _queries(client, problem) == few
    assert few <= 27


def _queries(client: Client, problem: Problem) -> int:
    with CaptureQueriesContext(connection) as captured:
        page(client, f"/{problem.pk}")
    return len(captured)


def test_an_attachment_is_only_ever_a_download(client: Client, problem: Problem) -> None:
    assert problem.reporter
    evil = SimpleUploadedFile("page.html", b"<script>alert(1)</script>")
    attachment = attach(problem, problem.reporter, evil, Door.WEB)
    response = client.get(attachment.get_absolute_url())
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert b"".join(response) == b"<script>alert(1)</script>"
    other = make_problem(problem.product)
    path = f"/{other.pk}/attachments/{attachment.pk}/page.html"
    assert client.get(path).status_code == 404


# ---- votes


def test_a_vote_is_cast_and_withdrawn_as_often_as_one_likes(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    for _ in range(2):
        response = client.post(f"/{problem.pk}/vote", {"next": "/problems/?sort=newest"})
        assert response.headers["Location"] == "/problems/?sort=newest"
    problem.refresh_from_db()
    assert problem.people == 2
    for _ in range(2):
        response = client.post(f"/{problem.pk}/vote/withdraw", {"next": "/"})
        assert response.headers["Location"] == "/"
    problem.refresh_from_db()
    assert problem.people == 1


def test_after_a_vote_one_is_never_sent_to_another_site(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    for evil in ("https://example.org/", "//example.org/", "javascript:alert(1)", "none", "7"):
        response = client.post(f"/{problem.pk}/vote", {"next": evil})
        assert response.headers["Location"] == f"/{problem.pk}"


@pytest.mark.parametrize(
    ("came_from", "back"),
    [
        ("http://testserver/problems/new?product=base", "%2Fproblems%2Fnew%3Fproduct%3Dbase"),
        ("http://elsewhere.example.org/problems/new", "%2F"),
        ("", "%2F"),
    ],
)
def test_who_was_signed_out_while_writing_comes_back_to_the_form(
    client: Client, product: Product, came_from: str, back: str
) -> None:
    response = client.post("/problems/new", {"synopsis": "x"}, headers={"Referer": came_from})
    assert response.headers["Location"] == f"/accounts/login/?next={back}"


def test_htmx_gets_the_button_as_it_is_now(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    response = client.post(f"/{problem.pk}/vote", {"next": "/"}, headers={"HX-Request": "true"})
    fragment = words(response)
    assert "<html" not in fragment
    assert '<span class="tally-count">2</span>' in fragment
    assert f'action="/{problem.pk}/vote/withdraw"' in fragment
    assert 'name="next" value="/"' in fragment


def test_who_is_signed_out_comes_back_after_signing_in(client: Client, problem: Problem) -> None:
    response = client.post(f"/{problem.pk}/vote", {"next": f"/{problem.pk}"})
    assert response.headers["Location"] == f"/accounts/login/?next=%2F{problem.pk}"
    quick = client.post(f"/{problem.pk}/vote", headers={"HX-Request": "true"})
    assert quick.headers["HX-Redirect"].startswith("/accounts/login/")
    assert Vote.objects.count() == 1


def test_a_closed_problem_refuses_with_the_reason_and_a_duplicate_names_its_head(
    client: Client, product: Product, problem: Problem, triager: Person, outsider: Person
) -> None:
    other = make_problem(product)
    change(other, triager, ProblemChange(duplicate_of=problem.pk), Door.WEB)
    sign_in(client, outsider)
    refused = client.post(f"/{other.pk}/vote")
    assert refused.status_code == 409
    assert f'<a href="/{problem.pk}">#{problem.pk}</a>' in words(refused)
    fragment = client.post(f"/{other.pk}/vote", headers={"HX-Request": "true"})
    assert fragment.status_code == 200
    assert f'<a href="/{problem.pk}">#{problem.pk}</a>' in words(fragment)
    change(problem, triager, ProblemChange(is_confidential=True), Door.WEB)
    assert f"#{problem.pk}" not in words(client.post(f"/{other.pk}/vote"))
    assert not Vote.objects.filter(person=outsider).exists()


def test_a_vote_with_its_environment_shows_in_the_matrix_and_the_notes(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    where = {"release": "15.0", "architecture": "arm64", "note": "also with Wi-Fi"}
    client.post(f"/{problem.pk}/vote", where)
    client.post(f"/{problem.pk}/vote", {})
    shown = page(client, f"/{problem.pk}")
    assert "also with Wi-Fi" in shown
    assert '<th scope="row">15.0</th>' in shown
    assert "arm64</th>" in shown


def test_why_this_rank_gives_the_stored_heat_to_a_reader_with_a_calculator(
    client: Client, problem: Problem
) -> None:
    for days in (1, 40, 40, 400):
        at = timezone.now() - timedelta(days=days)
        cast_vote(problem, make_person(), Door.WEB, at=at)
    shown = page(client, f"/{problem.pk}/why")
    worths = re.findall(
        r'</th><td class="numeric">\d+</td><td class="numeric">([\d.]+)</td>', shown
    )
    assert worths, shown
    exponent = re.search(r'<var>τ</var></th><td class="numeric">([\d.]+)</td>', shown)
    assert exponent
    heat = math.log(sum(map(float, worths))) + float(exponent[1])
    problem.refresh_from_db()
    assert math.isclose(heat, problem.heat, rel_tol=0, abs_tol=1e-9)
    singles = re.findall(r'<td>[\d: -]+</td><td class="numeric">([\d.]+)</td>', shown)
    assert len(singles) == 5
    again = math.log(math.fsum(math.exp(float(e) - 20) for e in singles)) + 20
    assert math.isclose(again, problem.heat, rel_tol=0, abs_tol=1e-9)
    assert "Both agree" in shown


def test_why_this_rank_says_when_the_stored_number_is_wrong(
    client: Client, problem: Problem
) -> None:
    Problem.objects.update(heat=99.0)
    assert "They differ" in page(client, f"/{problem.pk}/why")


def test_a_triager_trusts_and_discounts_voters_from_the_list(
    client: Client, problem: Problem, triager: Person
) -> None:
    newcomers = [make_newcomer() for _ in range(6)]
    for newcomer in newcomers:
        cast_vote(problem, newcomer, Door.WEB)
    late = newcomers[-1]
    sign_in(client, triager)
    assert f"/voters/{late.handle}/trust" in page(client, f"/{problem.pk}/voters")

    def counted(judgement: str) -> int:
        assert client.post(f"/{problem.pk}/voters/{late.handle}/{judgement}").status_code == 302
        problem.refresh_from_db()
        return problem.people

    assert problem.people == 6
    assert counted("trust") == 7
    assert counted("discount") == 6
    assert counted("restore") == 7
    assert client.post(f"/{problem.pk}/voters/{late.handle}/praise").status_code == 404
    stranger = make_person()
    assert client.post(f"/{problem.pk}/voters/{stranger.handle}/discount").status_code == 404


# ---- comments


def test_a_comment_sent_twice_is_there_once(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    sent = {"text": "Me too.", "form_token": "one"}
    places = {client.post(f"/{problem.pk}/comment", sent).headers["Location"] for _ in range(2)}
    assert places == {f"/{problem.pk}#comment-{Comment.objects.get().pk}"}


def test_an_empty_comment_comes_back_and_a_long_one_keeps_its_text(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    empty = client.post(f"/{problem.pk}/comment", {"text": "  "})
    assert empty.status_code == 400
    assert "Write something" in words(empty)
    long = client.post(f"/{problem.pk}/comment", {"text": "long " * 50_000})
    assert long.status_code == 400
    assert "200,000 characters" in words(long)
    assert words(long).count("long") >= 50_000
    assert not Comment.objects.exists()


def test_a_triager_answers_and_sets_the_state_at_once(
    client: Client, problem: Problem, triager: Person, outsider: Person
) -> None:
    sign_in(client, triager)
    answer = {"text": "Works as written.", "then": "closed/not a defect"}
    assert '<option value="closed/not a defect">' in page(client, f"/{problem.pk}")
    assert client.post(f"/{problem.pk}/comment", answer).status_code == 302
    problem.refresh_from_db()
    assert (problem.state, problem.resolution) == ("closed", "not a defect")
    assert problem.comments.get().text == "Works as written."
    late = client.post(f"/{problem.pk}/comment", {"text": "Typed.", "then": "suspended"})
    assert late.status_code == 409
    assert "cannot become suspended" in words(late)
    assert "Typed." in words(late)
    sign_in(client, outsider)
    assert 'name="then"' not in page(client, f"/{problem.pk}")
    refused = client.post(f"/{problem.pk}/comment", {"text": "No!", "then": "open"})
    assert refused.status_code == 403
    problem.refresh_from_db()
    assert problem.state == "closed"
    assert problem.comments.count() == 1


def test_a_preview_is_safe_and_sends_nothing(
    client: Client, problem: Problem, outsider: Person
) -> None:
    sign_in(client, outsider)
    text = {"text": "**bold** <script>x</script> #1"}
    response = client.post("/markdown/preview", text, headers={"HX-Request": "true"})
    fragment = response.content.decode()
    assert "<strong>bold</strong>" in fragment
    assert "<script" not in fragment
    assert "<html" not in fragment
    assert "<html" in words(client.post("/markdown/preview", text))
    assert not Comment.objects.exists()


# ---- changing


def test_only_what_may_be_changed_is_offered_and_the_reason_stands_for_the_rest(
    client: Client, problem: Problem, reporter: Person, triager: Person, outsider: Person
) -> None:
    sign_in(client, reporter)
    shown = page(client, f"/{problem.pk}/edit")
    assert 'name="synopsis"' in shown
    assert 'name="assignee"' not in shown
    assert "Only these may do this: administrator, committer, developer, triager." in shown
    states = re.search(r'<select name="state".*?</select>', shown)
    assert states
    assert re.findall(r'value="([\w ]+)"', states[0]) == ["new", "closed"]
    sign_in(client, triager)
    assert 'name="assignee"' in page(client, f"/{problem.pk}/edit")
    sign_in(client, outsider)
    assert "Only these" in page(client, f"/{problem.pk}/edit", status=403)
    assert "/edit" not in page(client, f"/{problem.pk}")


def test_a_state_that_cannot_follow_is_not_offered_and_is_refused(
    client: Client, problem: Problem, triager: Person
) -> None:
    change(problem, triager, ProblemChange(state="patched"), Door.WEB)
    sign_in(client, triager)
    states = re.search(r'<select name="state".*?</select>', page(client, f"/{problem.pk}/edit"))
    assert states
    assert "suspended" not in states[0]
    response = client.post(
        f"/{problem.pk}/edit", an_edit(client, problem, state="suspended", hardware="typed")
    )
    assert response.status_code == 409
    assert "cannot become suspended" in words(response)
    assert 'value="typed"' in words(response)


def test_only_the_touched_fields_are_changed(
    client: Client, problem: Problem, triager: Person
) -> None:
    sign_in(client, triager)
    sent = an_edit(client, problem, severity="major", description="First line.\r\nSecond line.")
    assert client.post(f"/{problem.pk}/edit", sent).status_code == 302
    event = problem.events.get(kind="changed")
    assert [c["field"] for c in event.changes] == ["description", "severity"]
    problem.refresh_from_db()
    assert problem.description == "First line.\nSecond line."
    sent = an_edit(client, problem)
    assert client.post(f"/{problem.pk}/edit", sent).status_code == 302
    assert problem.events.filter(kind="changed").count() == 1


@pytest.mark.parametrize("chosen", ["yours", "theirs"])
def test_two_changes_of_one_field_are_shown_side_by_side_and_one_is_chosen(
    client: Client, problem: Problem, triager: Person, committer: Person, chosen: str
) -> None:
    sign_in(client, triager)
    mine = an_edit(client, problem, synopsis="my words", hardware="my card")
    change(problem, committer, ProblemChange(synopsis="their words", severity="major"), Door.WEB)
    response = client.post(f"/{problem.pk}/edit", mine)
    assert response.status_code == 409
    shown = words(response)
    assert f"cleo changed synopsis from {problem.synopsis} to their words while you" in shown
    assert "<b>Theirs:</b> their words</label>" in shown
    assert "<b>Yours:</b> my words</label>" in shown
    assert "choose_severity" not in shown
    assert 'value="my card"' in shown
    assert '<option value="major" selected>' in shown
    problem.refresh_from_db()
    assert (problem.synopsis, problem.hardware) == ("their words", "")
    content = response.content.decode()
    again = {
        name: html.unescape(re.search(rf'name="{name}" value="([^"]*)"', content)[1])  # type: ignore[index]
        for name in ("base", "seen", "synopsis", "hardware")
    } | {"severity": "major", "choose_synopsis": chosen}
    assert client.post(f"/{problem.pk}/edit", again).status_code == 302
    problem.refresh_from_db()
    kept = {"yours": "my words", "theirs": "their words"}[chosen]
    assert (problem.synopsis, problem.hardware, problem.severity) == (kept, "my card", "major")


def test_two_changes_of_different_fields_both_go_through(
    client: Client, problem: Problem, triager: Person, committer: Person
) -> None:
    sign_in(client, triager)
    mine = an_edit(client, problem, hardware="my card")
    change(problem, committer, ProblemChange(synopsis="their words", severity="major"), Door.WEB)
    assert client.post(f"/{problem.pk}/edit", mine).status_code == 302
    problem.refresh_from_db()
    assert (problem.synopsis, problem.severity, problem.hardware) == (
        "their words",
        "major",
        "my card",
    )


def test_a_comment_that_closes_what_somebody_else_closed_otherwise_comes_back_whole(
    client: Client, problem: Problem, triager: Person, committer: Person
) -> None:
    sign_in(client, triager)
    base = hidden(client, f"/{problem.pk}", "then_base")
    closed = ProblemChange(state="closed", resolution="cannot reproduce")
    change(problem, committer, closed, Door.WEB)
    mine = {"text": "Fixed it.", "then": "closed/fixed", "then_base": base, "form_token": "one"}
    response = client.post(f"/{problem.pk}/comment", mine)
    assert response.status_code == 409
    assert "Somebody else changed the state" not in words(response)
    assert "Somebody else changed the resolution meanwhile" in words(response)
    assert "Fixed it.</textarea>" in words(response)
    assert not problem.comments.exists()


def test_a_form_that_lost_what_it_showed_changes_nothing_and_comes_back(
    client: Client, problem: Problem, triager: Person
) -> None:
    sign_in(client, triager)
    response = client.post(f"/{problem.pk}/edit", {"severity": "major", "hardware": "my card"})
    assert response.status_code == 409
    assert 'value="my card"' in words(response)
    problem.refresh_from_db()
    assert problem.severity == "normal"


def test_a_refused_change_can_be_corrected_and_sent_again(
    client: Client, problem: Problem, triager: Person
) -> None:
    sign_in(client, triager)
    wrong = client.post(
        f"/{problem.pk}/edit", an_edit(client, problem, assignee="nobody-here", hardware="card")
    )
    assert wrong.status_code == 400
    content = wrong.content.decode()
    assert "nobody who can be assigned" in content
    base = re.search(r'name="base" value="([^"]*)"', content)
    assert base
    right = {"base": html.unescape(base[1]), "assignee": "tom", "hardware": "card"}
    assert client.post(f"/{problem.pk}/edit", right).status_code == 302
    problem.refresh_from_db()
    assert (problem.assignee, problem.hardware) == (triager, "card")


def test_marking_a_duplicate_and_undoing_it_from_the_page(
    client: Client, product: Product, problem: Problem, triager: Person
) -> None:
    other = make_problem(product)
    sign_in(client, triager)
    path = f"/{other.pk}"
    quick = {"base": hidden(client, path, "base")}
    response = client.post(f"{path}/edit", {**quick, "duplicate_of": f"#{problem.pk}"})
    assert response.status_code == 302
    shown = page(client, path)
    assert f'A duplicate of <a href="/{problem.pk}">' in shown
    assert other.synopsis in page(client, f"/{problem.pk}")
    undo = {"base": hidden(client, path, "base")}
    assert client.post(f"{path}/edit", {**undo, "duplicate_of": ""}).status_code == 302
    other.refresh_from_db()
    assert (other.duplicate_of, other.state) == (None, "open")


def test_a_reporter_is_not_offered_what_asks_for_the_number_of_another_problem(
    client: Client, problem: Problem, triager: Person
) -> None:
    offered = '<option value="duplicate"'
    sign_in(client, triager)
    assert offered in page(client, f"/{problem.pk}/edit")
    reporter = make_person("rolf")
    mine = make_problem(problem.product, reporter)
    sign_in(client, reporter)
    shown = page(client, f"/{mine.pk}/edit")
    assert '<option value="not a defect"' in shown
    assert offered not in shown


def test_a_small_form_leaves_other_fields_alone(
    client: Client, problem: Problem, triager: Person
) -> None:
    change(problem, triager, ProblemChange(is_confidential=True, hardware="card"), Door.WEB)
    sign_in(client, triager)
    path = f"/{problem.pk}"
    quick = {"base": hidden(client, path, "base")}
    client.post(f"{path}/edit", {**quick, "state": "open"})
    problem.refresh_from_db()
    assert (problem.state, problem.is_confidential, problem.hardware) == ("open", True, "card")


def test_the_history_tells_every_change_with_its_door(
    client: Client, problem: Problem, triager: Person
) -> None:
    change(problem, triager, ProblemChange(description="Other words."), Door.CLIENT)
    shown = page(client, f"/{problem.pk}/history")
    assert "After an hour of load no packet leaves the card." in shown
    assert "Other words." in shown
    assert "send-problem" in shown
