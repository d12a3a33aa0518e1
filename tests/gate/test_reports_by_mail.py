"""A mail to the report address: the form, free text with a subject, and where it belongs."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate import acting
from notifications.gate.acting import Refusal
from notifications.gate.addresses import ReportTo
from notifications.gate.models import IncomingMail
from notifications.gate.parsed import IncomingFile, ParsedMail
from notifications.gate.report_form import MANY_FAULTS, MOST_FAULTS
from notifications.models import Message
from tests.gate.acts import PATCH, counts, picture, report
from tests.gate.test_commands import filled_template
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.changes import ProblemChange
from tracker.models import Component, Door, Problem, Product
from tracker.services import change
from tracker.text_index.services import count_frequencies

pytestmark = pytest.mark.django_db

WORDS = "After an hour of load no packet leaves the card."


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = "", "problems.example.org"


def reported(
    person: Person, text: str = WORDS, place: str = "base.net", **values: object
) -> Problem:
    """The problem that a mail became."""
    values.setdefault("subject", "The card stops")
    problem = report(person, text, place, **values).problem
    assert problem is not None
    return Problem.objects.get(pk=problem.pk)


def refused(person: Person, text: str = WORDS, place: str = "", **values: object) -> list[str]:
    """The sentences that are mailed back; and nothing at all was written."""
    before = counts()
    values.setdefault("subject", "The card stops")
    with pytest.raises(Refusal) as why:
        report(person, text, place, **values)
    assert counts() == before
    return why.value.sentences


def test_a_mail_with_a_subject_is_a_report_with_its_senders_vote(
    product: Product, outsider: Person
) -> None:
    files = (IncomingFile("dmesg.txt", "text/plain", b"em0"), picture())
    done = report(outsider, WORDS, "base.net", subject="Fwd: Re: The card stops", files=files)
    problem = Problem.objects.get()
    assert (problem.synopsis, problem.description) == ("The card stops", WORDS)
    assert (problem.component.slug, problem.reporter, problem.people) == ("net", outsider, 1)
    assert problem.events.get(kind="reported").door == Door.MAIL
    assert [a.name for a in problem.attachments.all()] == ["dmesg.txt"]
    assert f"#{problem.pk}" in done.answer
    assert f"/{problem.pk}\n" in done.answer
    assert (done.problem, done.comment) == (problem, None)
    assert not Message.objects.filter(person=outsider).exists()


@pytest.mark.parametrize(
    ("place", "subject", "found"),
    [
        ("base.kernel", "It stops", "base/kernel"),
        ("base.net.wifi", "It stops", "base.net/wifi"),
        ("base.kernel", "[base.net/wifi] It stops", "base/kernel"),
        ("", "[base/kernel] It stops", "base/kernel"),
        ("", "Re: [BASE/kernel] Re: It stops", "base/kernel"),
        ("base", "It stops", ""),
        ("", "[unheard/of] It stops", ""),
        ("", "It stops", ""),
    ],
)
def test_a_report_goes_where_address_or_subject_say(
    product: Product, outsider: Person, place: str, subject: str, found: str
) -> None:
    make_product("base.net", "wifi", "wired")
    if not found:
        said = "\n".join(refused(outsider, place=place, subject=subject))
        assert "report+base.kernel@problems.example.org (Base: Kernel)" in said
        assert ("report+base.net.wifi@problems.example.org (Base.Net: Wifi)" in said) != bool(place)
        return
    problem = reported(outsider, place=place, subject=subject)
    assert f"{problem.product}/{problem.component}" == found
    assert problem.synopsis == "It stops"


def test_the_only_place_there_is_need_not_be_said(outsider: Person) -> None:
    make_product("base", "all")
    assert reported(outsider, place="").component.slug == "all"
    assert reported(outsider, place="", subject="[all] It stops").synopsis == "It stops"


@pytest.mark.parametrize("place", ["basse", "base.nett", "base.net.x"])
def test_a_place_that_is_none_is_answered_with_those_that_are(
    product: Product, outsider: Person, place: str
) -> None:
    said = " ".join(refused(outsider, place=place))
    assert "base" in said
    assert "net" in said


def test_a_report_joins_those_that_are_like_it(product: Product, triager: Person) -> None:
    for number in range(4):
        other = make_problem(
            product, component="net", synopsis=f"Wireless card {number} stops after suspend",
            description="The wireless card stops after suspend.",
        )  # fmt: skip
        change(other, triager, ProblemChange(state="open"), Door.WEB)
    count_frequencies()
    subject = "Wireless card stops after suspend"
    done = report(make_person(), "The wireless card stops.", "base", subject=subject)
    assert done.problem is not None
    assert done.problem.component.slug == "net"
    assert "most similar reports are in net" in done.answer
    assert "Is it one of these?" in done.answer
    assert done.answer.count("reply+") == 3


def test_what_is_hidden_from_a_sender_says_nothing_in_the_answer(
    product: Product, triager: Person
) -> None:
    for _ in range(4):
        other = make_problem(
            product, component="net", synopsis="Wireless card stops", is_confidential=True
        )
        change(other, triager, ProblemChange(state="open"), Door.WEB)
    count_frequencies()
    person = make_person()
    assert refused(person, place="base", subject="Wireless card stops")
    assert "one of these" not in report(person, WORDS, "base.net", subject="Wireless card").answer


def test_a_filled_in_template_says_all_by_itself(product: Product, outsider: Person) -> None:
    problem = reported(outsider, filled_template(), place="", subject="my report")
    assert (problem.synopsis, problem.severity) == ("No route", "major")
    assert (problem.release.name, problem.hardware) == ("14.3", "Laptop X230")  # type: ignore[union-attr]
    assert problem.description == "It hangs:\nHow-To-Repeat:"
    assert problem.how_to_repeat == "Close the lid."
    attached = IncomingFile("report.txt", "text/plain", filled_template().encode())
    problem = reported(outsider, "", place="", files=(attached,))
    assert (problem.synopsis, problem.attachments.count()) == ("No route", 0)


def test_every_wrong_field_of_a_form_is_named(product: Product, outsider: Person) -> None:
    text = filled_template().replace("Component: net", "Component: nett")
    text = text.replace("Severity: major", "Severity: mayor")
    said = refused(outsider, text)
    assert [sentence.partition(":")[0] for sentence in said] == ["Component", "Severity"]
    assert "“net”" in said[0]
    assert "yes or no" in refused(outsider, text.replace("Confidential: no", "Confidential: ?"))[0]


def test_of_a_form_with_very_many_faults_the_first_are_named(
    product: Product, outsider: Person
) -> None:
    said = refused(outsider, filled_template().replace("Component:", "Prduct: x\n" * 2_000))
    assert (len(said), said[-1]) == (MOST_FAULTS + 1, MANY_FAULTS)


def test_a_bold_confidential_is_not_taken_for_words_of_the_field_above_it(
    product: Product, outsider: Person
) -> None:
    text = filled_template().replace("Confidential: no", "")
    for bold in ("*Confidential:* yes", "**Confidential**: yes"):
        (said,) = refused(outsider, text.replace("Laptop X230", f"Laptop X230\n{bold}"))
        assert "without other signs" in said


def test_commands_above_a_report_fill_in_what_free_text_cannot(
    product: Product, outsider: Person
) -> None:
    orders = "!component net\n!severity critical\n!confidential\n!release 14.3\n"
    problem = reported(outsider, f"{orders}\n{WORDS}", place="base")
    assert (problem.component.slug, problem.severity) == ("net", "critical")
    assert problem.is_confidential
    assert problem.description == WORDS
    said = refused(outsider, f"!assign me\n!severty major\n{WORDS}", place="base.net")
    assert ["!severty" in said[0], "!assign" in said[1]] == [True, True]
    (sentence,) = refused(outsider, f"!release 14.33\n{WORDS}", place="base.net")
    assert "“14.3”" in sentence


def test_a_report_without_subject_or_words_is_refused(product: Product, outsider: Person) -> None:
    assert "no subject" in refused(outsider, place="base.net", subject="Re: ")[0]
    assert "no text" in refused(outsider, "", place="base.net", files=(picture(),))[0]
    passed_on = ParsedMail(subject="Fwd: It stops", text="From: Ada\n\nIt stops")
    with pytest.raises(Refusal) as why:
        acting.act(passed_on, IncomingMail(), outsider, ReportTo("base.net"))
    assert "no text of your own" in why.value.sentences[0]


def test_a_screenshot_with_a_subject_is_a_report(product: Product, outsider: Person) -> None:
    problem = reported(outsider, "", files=(picture("panic.png", 60_000),))
    assert (problem.description, problem.attachments.count()) == ("The card stops", 1)


def test_a_patch_in_a_report_is_a_file(product: Product, outsider: Person) -> None:
    problem = reported(outsider, f"{WORDS}\n\n{PATCH}")
    assert problem.description == WORDS
    assert problem.attachments.get().content_type == "text/x-diff"


def test_help_is_mailed_with_the_addresses(product: Product, outsider: Person) -> None:
    answer = report(outsider, "!help", subject="").answer
    assert "report+base.kernel@problems.example.org (Base: Kernel)" in answer
    assert not Problem.objects.exists()


def test_of_very_many_components_only_products_are_listed(
    product: Product, outsider: Person
) -> None:
    names = [f"part{number:03}" for number in range(50)]
    Component.objects.bulk_create(
        Component(product=product, slug=name, title=name) for name in names
    )
    make_product("ports")
    _, said = refused(outsider)
    assert said.split("\n") == [
        "report+base@problems.example.org (Base)", "report+ports@problems.example.org (Ports)"
    ]  # fmt: skip
    assert "/products/" in refused(outsider, place="base")[1]


def test_an_account_that_may_not_write_reports_nothing(product: Product) -> None:
    unproven = make_person(email_confirmed_at=None)
    assert refused(unproven, place="base.net") == ["Confirm your e-mail address first."]


@pytest.mark.parametrize(
    ("references", "page"),
    [
        (("digest-4.person-7@127.0.0.1",), ""),
        (("asked-20261123T203536.195980.32bf0f44c3db663a@127.0.0.1",), ""),
        (("roundup-20261123T2100.person-2@127.0.0.1",), ""),
        (("problem-3@127.0.0.1", "event-9.person-7@127.0.0.1"), "/3"),
        (("problem-3@127.0.0.1", "problem-4@127.0.0.1", "x@example.org"), ""),
    ],
)
def test_an_answer_to_a_mail_of_ours_is_no_report(
    product: Product, outsider: Person, references: tuple[str, ...], page: str, settings: Settings
) -> None:
    settings.BASE_URL = "http://127.0.0.1:8000"
    only = Product.objects.get()
    only.components.exclude(slug="net").delete()
    said = refused(outsider, subject="Re: News of 6 problems", references=references)
    assert "answers a mail of ours" in said[0]
    assert said[1].endswith(f"its page: {settings.BASE_URL}{page}" if page else "its page")


def test_an_answer_is_a_report_where_it_says_the_place_or_answers_others(
    product: Product, outsider: Person, settings: Settings
) -> None:
    settings.BASE_URL = "http://127.0.0.1:8000"
    ours, others = ("digest-4.person-7@127.0.0.1",), ("digest-4@example.org",)
    assert reported(outsider, references=ours)
    assert reported(outsider, place="", subject="[base/net] It stops", references=others)
    form = filled_template()
    assert reported(outsider, form, place="", references=ours)
