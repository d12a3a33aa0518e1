"""Who is told of what happens to a problem, and what the mail looks like to its reader."""

from __future__ import annotations

import re
from email.utils import getaddresses

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from pytest_django.fixtures import Settings

from accounts.models import Person, Role
from notifications.backends.base import to_bytes
from notifications.gate.answers import queue_answer
from notifications.gate.marker import is_marker
from notifications.models import EventChoice, Message, Occasion
from notifications.outbox import queueing, sending
from notifications.outbox.rendering import Withheld, render
from notifications.plain import shorten, width, wrap
from notifications.policies import may_know
from notifications.services import mute, subscribe, unsubscribe
from tests.notifications.mails import html_of, mail_to, text_of, told
from tests.people import make_newcomer, make_person
from tests.problems import make_maintainer, make_problem, make_product
from tracker.changes import ProblemChange
from tracker.models import Attachment, Component, Door, Event, Problem, Product, Release
from tracker.policies import visible_problems
from tracker.services import attach, change, comment

pytestmark = pytest.mark.django_db


def kernel(product: Product) -> object:
    return product.components.get(slug="kernel")


def test_a_report_reaches_the_maintainer_and_not_its_author(
    product: Product, maintainer: Person, reporter: Person
) -> None:
    problem = make_problem(product, reporter, component="kernel")
    assert told(problem) == ["mara"]
    assert mail_to(maintainer)["X-Groundswell-Reason"] == "maintainer"


def test_a_comment_reaches_reporter_assignee_and_earlier_commenters(
    problem: Problem, second_reporter: Person, triager: Person, committer: Person
) -> None:
    change(problem, triager, ProblemChange(assignee="cleo"), Door.WEB)
    comment(problem, second_reporter, "Here too.", Door.WEB)
    assert told(problem) == ["cleo", "rita"]
    comment(problem, committer, "Looking into it.", Door.WEB)
    assert told(problem) == ["rita", "sam"]


def test_an_import_tells_nobody(product: Product, maintainer: Person, reporter: Person) -> None:
    from tracker.services import record

    problem = make_problem(product, reporter, component="kernel")
    Message.objects.all().delete()
    record(problem, Event.Kind.IMPORTED, None, Door.IMPORT, quiet=True)
    assert Message.objects.count() == 0


def test_the_closest_subscription_decides_and_is_named(
    problem: Problem, product: Product, outsider: Person, triager: Person
) -> None:
    subscribe(outsider, None)
    subscribe(outsider, product)
    comment(problem, triager, "One", Door.WEB)
    assert "you follow base" in text_of(mail_to(outsider))
    subscribe(outsider, problem)
    comment(problem, triager, "Two", Door.WEB)
    assert "you follow this problem" in text_of(mail_to(outsider))
    assert Message.objects.filter(person=outsider).count() == 2


def test_muting_a_problem_silences_whatever_else_one_is(
    problem: Problem, maintainer: Person, reporter: Person, triager: Person
) -> None:
    mute(maintainer, problem)
    mute(reporter, problem)
    comment(problem, triager, "Hello", Door.WEB)
    assert told(problem) == []
    unsubscribe(reporter, problem)
    comment(problem, triager, "Hello again", Door.WEB)
    assert told(problem) == ["rita"]


def test_muting_a_component_spares_the_problem_that_one_follows(
    problem: Problem, product: Product, maintainer: Person, triager: Person
) -> None:
    mute(maintainer, product.components.get(slug="kernel"))
    comment(problem, triager, "Hello", Door.WEB)
    assert told(problem) == ["rita"]
    subscribe(maintainer, problem)
    comment(problem, triager, "Hello", Door.WEB)
    assert told(problem) == ["mara", "rita"]


def test_a_person_is_told_once_whatever_tells_again(maintainer: Person, problem: Problem) -> None:
    event = Event.objects.latest("id")
    before = Message.objects.filter(event=event).count()
    queueing.queue_event_mails(event)
    assert Message.objects.filter(event=event).count() == before == 1


def test_closed_and_unconfirmed_accounts_get_no_mail(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    for values in ({"is_active": False}, {"email_confirmed_at": None}):
        subscribe(make_newcomer(**values), problem)
    comment(problem, triager, "Hello", Door.WEB)
    assert told(problem) == ["rita"]


def test_what_is_confidential_reaches_only_those_who_may_know(
    product: Product, maintainer: Person, reporter: Person, triager: Person, outsider: Person
) -> None:
    for person in (outsider, triager):
        subscribe(person, None)
    subscribe(outsider, product)
    problem = make_problem(product, reporter, component="kernel", is_confidential=True)
    assert told(problem) == ["mara", "tom"]


def test_mail_about_what_is_confidential_says_so_in_plain_text_too(
    product: Product, maintainer: Person, reporter: Person, triager: Person
) -> None:
    secret = make_problem(product, reporter, component="kernel", is_confidential=True)
    open_one = make_problem(product, reporter, component="kernel")
    assert "This is confidential.\n" in text_of(mail_to(maintainer, problem=secret))
    assert "This is confidential." not in text_of(mail_to(maintainer, problem=open_one))
    EventChoice.objects.create(
        person=maintainer, occasion=Occasion.COMMENTED, pace=EventChoice.Pace.HOURLY
    )
    for problem in (secret, open_one):
        comment(problem, triager, "Hello", Door.WEB)
    hourly = text_of(mail_to(maintainer, kind="roundup"))
    assert hourly.count("This is confidential.") == 1


def test_a_mail_that_waits_is_dropped_once_its_problem_is_confidential(
    problem: Problem, outsider: Person, triager: Person
) -> None:
    subscribe(outsider, problem)
    comment(problem, triager, "The exploit is this.", Door.WEB)
    queue_answer(outsider.email, "Re: +1", problem.synopsis, person=outsider, problem=problem)
    change(problem, triager, ProblemChange(is_confidential=True), Door.WEB)
    waiting = Message.objects.filter(person=outsider)
    assert {message.kind for message in waiting} == {"event", "answer"}
    for message in waiting:
        with pytest.raises(Withheld):
            render(message)
        assert sending.deliver(message.pk)
    assert set(waiting.values_list("state", flat=True)) == {"dropped"}


def test_who_may_know_is_the_trackers_own_rule_of_sight(
    problem: Problem,
    product: Product,
    maintainer: Person,
    reporter: Person,
    triager: Person,
    committer: Person,
    administrator: Person,
    outsider: Person,
) -> None:
    root = Person.objects.create_superuser("root@example.org", "root")
    other = make_maintainer(product.components.get(slug="net"), "nina")
    assigned = make_person("axel", Role.DEVELOPER)
    Problem.objects.update(assignee=assigned)
    cast = [maintainer, reporter, triager, committer, administrator, outsider, root, other]
    for is_confidential in (True, False):
        Problem.objects.update(is_confidential=is_confidential)
        problem.refresh_from_db()
        expected = {
            p.handle for p in [*cast, assigned] if visible_problems(p).filter(pk=problem.pk)
        }
        assert {p.handle for p in may_know(problem, [*cast, assigned])} == expected
    assert len(expected) == 9


def test_all_mails_of_a_problem_are_one_thread_for_everybody(
    problem: Problem, maintainer: Person, reporter: Person, triager: Person, outsider: Person
) -> None:
    comment(problem, triager, "One", Door.WEB)
    early = mail_to(reporter)
    subscribe(outsider, problem)
    change(problem, triager, ProblemChange(severity="critical"), Door.WEB)
    late = mail_to(outsider)
    again = mail_to(reporter)
    assert early["Subject"] == late["Subject"] == again["Subject"]
    assert early["Subject"] == f"[base/kernel] #{problem.pk} {problem.synopsis}"
    assert early["References"] == late["References"] == early["In-Reply-To"]
    assert re.fullmatch(r"<problem-\d+@127\.0\.0\.1>", early["References"])
    ids = [early["Message-ID"], late["Message-ID"], again["Message-ID"]]
    assert len(set(ids)) == 3
    message = Message.objects.filter(person=reporter).latest("id")
    assert mail_to(reporter)["Message-ID"] == f"<{message.message_id}>", "the same when made anew"


def test_the_headers_say_what_it_is_and_how_to_end_it(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    comment(problem, triager, "One", Door.WEB)
    mail = mail_to(reporter)
    assert mail["List-Id"] == "base/kernel <kernel.base.127.0.0.1>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(r"<http://[^>]+/unsubscribe/[^>]+/>", mail["List-Unsubscribe"])
    assert mail["From"].startswith("tom via Groundswell <")
    assert mail["To"] == "rita@example.org"


NASTY = (
    "Fine\r\nBcc: all@example.org\r\nX-Evil: 1",
    "Fine\u2028X-Evil: 1\x0b\x85\x1b and more",
    "Fine =?utf-8?q?=0D=0ABcc=3A_all=40example=2Eorg?=",
    "Fine =?utf-8?b?DQpCY2M6IGFsbEBleGFtcGxlLm9yZw==?= ä",
    "Fine \u202egro.elpmaxe@lla\u2066 <all@example.org>, x",
)


def spoil(problem: Problem, actor: Person, words: str) -> None:
    """Put `words` into every field that a mail tells, past all checks."""
    Product.objects.filter(pk=problem.product_id).update(title=words)
    Component.objects.filter(pk=problem.component_id).update(title=words, slug=words[:40])
    Release.objects.filter(name="14.3").update(name=words[:40])
    Person.objects.filter(pk=actor.pk).update(handle=words[:40])
    Problem.objects.filter(pk=problem.pk).update(
        synopsis=words, severity=words[:20], state=words[:20], architecture=words[:50],
        hardware=words, release=Release.objects.get(name=words[:40]),
    )  # fmt: skip


@pytest.mark.parametrize("words", NASTY)
def test_no_field_can_add_a_header(words: str, product: Product, triager: Person) -> None:
    reporter = make_person("rita")
    problem = make_problem(product, reporter, component="kernel")
    subscribe(make_person("nora"), product)
    comment(problem, triager, f"{words}\n\n.\nFrom me", Door.WEB)
    attached = attach(problem, triager, ContentFile(b"x", name="x.txt"), Door.WEB)
    change(problem, triager, ProblemChange(release="14.3"), Door.WEB)
    Attachment.objects.filter(pk=attached.pk).update(name=words)
    spoil(problem, triager, words)
    for message in Message.objects.exclude(kind="account"):
        raw = to_bytes(render(message)).partition(b"\r\n\r\n")[0]
        mail = mail_to(message.person, pk=message.pk)  # type: ignore[arg-type]
        assert sorted(set(mail.keys()) - HEADERS) == []
        assert len(mail.keys()) == len(set(mail.keys()))
        assert mail["To"] == message.person.email  # type: ignore[union-attr]
        assert getaddresses([mail["From"]])[0][1] == getaddresses([FROM])[0][1]
        assert "Fine" in mail["Subject"]
        assert not set("\r\n\u2028\u202e\u2066\x1b") & set("".join(map(str, mail.values())))
        assert b"=?utf-8?q?=0D" not in raw
        assert b"=?utf-8?b?DQ" not in raw


HEADERS = {
    "Content-Type", "MIME-Version", "Subject", "From", "To", "Reply-To", "Date", "Message-ID",
    "Auto-Submitted", "X-Loop", "In-Reply-To", "References", "List-Id", "List-Unsubscribe",
    "List-Unsubscribe-Post", "X-Groundswell-Reason", "X-Groundswell-Problem",
    "X-Groundswell-Event", "X-Groundswell-Product", "X-Groundswell-Component",
    "X-Groundswell-State", "X-Groundswell-Severity",
}  # fmt: skip
FROM = str(settings.DEFAULT_FROM_EMAIL)


def test_filters_find_product_component_state_and_severity_in_the_headers(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    change(problem, triager, ProblemChange(state="in progress", severity="critical"), Door.WEB)
    mail = mail_to(reporter)
    names = ("Reason", "Product", "Component", "State", "Severity", "Event")
    assert [mail[f"X-Groundswell-{name}"] for name in names] == [
        "reporter", "base", "kernel", "in progress", "critical", "changed",
    ]  # fmt: skip
    assert mail["X-Loop"] == "127.0.0.1"


def test_a_mail_says_where_to_answer_only_while_the_gate_is_open(
    problem: Problem, reporter: Person, triager: Person, settings: Settings
) -> None:
    comment(problem, triager, "Which firmware?", Door.WEB)
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = "", "problems.example.org"
    mail = mail_to(reporter)
    first, _, rest = text_of(mail).partition("\n")
    assert is_marker(first)
    assert "+1 and nothing else is your vote" in rest
    assert is_marker(html_of(mail).partition('<p class="small">')[2].partition("<")[0])
    assert mail["Reply-To"].startswith("reply+")
    settings.MAIL_IN_DOMAIN = ""
    closed = mail_to(reporter)
    assert closed["Reply-To"] is None
    assert not any(is_marker(line) for line in text_of(closed).split("\n"))
    assert "Reply" not in text_of(closed) + html_of(closed)


def test_a_synopsis_in_any_script_arrives_as_it_was(product: Product, triager: Person) -> None:
    reporter = make_person("rita")
    synopsis = "Zażółć gęślą jaźń: 起動時にパニックする — " + "ä" * 60
    problem = make_problem(product, reporter, synopsis=synopsis, component="kernel")
    comment(problem, triager, "Ąę 起動", Door.WEB)
    mail = mail_to(reporter)
    assert mail["Subject"] == f"[base/kernel] #{problem.pk} {synopsis}"
    assert "Ąę 起動" in text_of(mail)


def test_text_fits_72_columns_and_logs_stay_whole(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    log = "    " + "0xdeadbeef " * 12
    comment(problem, triager, "A long sentence that goes on. " * 12 + "\n\n" + log, Door.WEB)
    text = text_of(mail_to(reporter))
    assert log.rstrip() in text
    long_lines = [line for line in text.split("\n") if len(line) > 72]
    assert [line for line in long_lines if "deadbeef" not in line and "http" not in line] == []


def test_a_change_is_told_in_words(problem: Problem, reporter: Person, triager: Person) -> None:
    asked = ProblemChange(state="closed", resolution="will not fix")
    change(problem, triager, asked, Door.WEB)
    mail = mail_to(reporter)
    assert "tom changed state and resolution" in text_of(mail)
    assert "state: new -> closed" in text_of(mail)
    assert "<b>will not fix</b>" in html_of(mail)


def test_a_comment_cannot_put_html_into_the_mail(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    comment(problem, triager, "<script>alert(1)</script> **bold** and #7", Door.WEB)
    html = html_of(mail_to(reporter))
    assert "<script" not in html
    assert "<strong>bold</strong>" in html
    assert '<a href="http://127.0.0.1:8000/7"' in html, "a path alone leads nowhere in a mail"


def test_the_reporters_own_files_come_with_the_report(
    product: Product, maintainer: Person, reporter: Person
) -> None:
    problem = make_problem(product, reporter, component="kernel")
    attach(problem, reporter, ContentFile(b"x", name="dmesg.txt"), Door.CLIENT)
    assert Message.objects.filter(person=maintainer).count() == 1
    assert "files: dmesg.txt" in text_of(mail_to(maintainer))


def test_a_product_of_another_name_is_told_of_to_nobody_here(outsider: Person) -> None:
    here, there = make_product("here"), make_product("there")
    subscribe(outsider, here)
    problem = make_problem(there)
    assert told(problem) == []


@pytest.mark.parametrize("marks", ["* " * 20_000, "> " * 20_000, "- " * 20_000 + "word " * 2_000])
def test_a_line_of_nothing_but_marks_makes_no_mail_of_many_megabytes(marks: str) -> None:
    assert len(wrap(marks)) <= 2 * len(marks)


def test_quotes_and_items_keep_their_indent_where_a_line_is_broken() -> None:
    assert wrap("> " + "word " * 20).count("\n> word") == 1
    assert wrap("* " + "word " * 20).count("\n  word") == 1


def test_letters_of_two_columns_are_wrapped_and_cut_by_what_they_take() -> None:
    japanese = "日本語の長い題名です。" * 12
    lines = wrap(f"> #5 {japanese} and words").split("\n")
    assert max(map(width, lines)) <= 72
    assert "".join(line.removeprefix("> ") for line in lines) == f"#5 {japanese} and words"
    assert not [line for line in lines if line.startswith("> 。")]
    for text in (f"#5 {japanese}", "#5 " + "x" * 100):
        assert 60 < width(shorten(text, 70)) <= 70
    assert shorten("one two three four", 12) == "one two …"


def test_a_mail_does_not_grow_with_what_is_pasted(
    problem: Problem, reporter: Person, triager: Person, settings: Settings
) -> None:
    settings.EVENT_MAIL_WINDOW = 60
    for name in ("first", "second"):
        comment(problem, triager, f"{name} {'日本語' * 60_000}", Door.WEB)
    text = text_of(mail_to(reporter))
    assert "first" in text
    assert "second" in text
    assert len(text) < 110_000
