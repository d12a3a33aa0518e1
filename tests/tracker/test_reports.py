"""Reports, comments and files: judged in one place, stored whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from pytest_django.fixtures import Settings

from accounts.models import Person
from accounts.policies import Denied
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.drafts import DraftErrors, ProblemDraft, check
from tracker.models import Attachment, Comment, Door, Event, Problem, Product
from tracker.policies import visible_problems
from tracker.services import attach, attach_all, change, comment, report, safe_file_name

pytestmark = pytest.mark.django_db


def draft(known: Product, **values: object) -> ProblemDraft:
    defaults: dict[str, object] = {
        "product": known.slug,
        "component": "kernel",
        "synopsis": "Panic on boot",
        "description": "It stops.",
    }
    return ProblemDraft(**(defaults | values))  # type: ignore[arg-type]


def faults_of(wrong: ProblemDraft) -> dict[str, list[str]]:
    with pytest.raises(DraftErrors) as raised:
        check(wrong)
    return raised.value.errors


def test_a_report_is_a_problem_with_its_first_event(product: Product, reporter: Person) -> None:
    problem = report(draft(product, release="15.0"), reporter, Door.API)
    event = Event.objects.get(problem=problem)
    assert (event.kind, event.actor, event.door) == ("reported", reporter, "api")
    assert (problem.state, problem.release.name) == ("new", "15.0")  # type: ignore[union-attr]


def test_every_fault_of_a_draft_is_named_at_once(product: Product) -> None:
    wrong = draft(
        product, component="kernal", synopsis="", description=" \n", release="16.0", severity="bad"
    )
    errors = faults_of(wrong)
    assert set(errors) == {"component", "synopsis", "description", "release", "severity"}
    assert "Did you mean “kernel”?" in errors["component"][0]


@pytest.mark.parametrize("text", ["\u200b", "\u2060 \u3164", "\ufe0f", "\u0301", "\u2800"])
def test_a_text_of_which_nothing_can_be_seen_is_none(
    product: Product, reporter: Person, text: str
) -> None:
    assert set(faults_of(draft(product, synopsis=text, description=text))) == {
        "synopsis", "description",
    }  # fmt: skip
    problem = make_problem(product, reporter, synopsis="網 e\u0301 👩\u200d🚒")
    with pytest.raises(DraftErrors):
        comment(problem, reporter, text, Door.API)
    assert not Comment.objects.exists()


def test_an_unknown_product_suggests_the_nearest(product: Product) -> None:
    assert "Did you mean “base”?" in faults_of(draft(product, product="bas"))["product"][0]


def test_a_product_that_takes_no_more_reports_says_so(product: Product) -> None:
    Product.objects.update(is_active=False)
    assert "no new reports" in faults_of(draft(product))["product"][0]


@pytest.mark.parametrize("length", [256, 1_000_000])
def test_a_synopsis_that_is_too_long_is_refused_with_its_length(
    product: Product, length: int
) -> None:
    assert f"{length:,}" in faults_of(draft(product, synopsis="x" * length))["synopsis"][0]


def test_a_description_that_is_too_long_says_to_attach_it(product: Product) -> None:
    assert "Attach" in faults_of(draft(product, description="x" * 200_001))["description"][0]


def test_a_comment_that_is_too_long_is_told_only_that(problem: Problem, reporter: Person) -> None:
    with pytest.raises(DraftErrors) as raised:
        comment(problem, reporter, "x" * 200_001, Door.API)
    (sentence,) = raised.value.errors["text"]
    assert "Attach" in sentence


def test_a_file_whose_name_a_form_had_to_escape_is_kept_under_a_readable_one() -> None:
    assert safe_file_name("two %22words%22%0D%0Aand a line%0A.txt") == "two _words__and a line_.txt"
    assert safe_file_name("100%2542.txt") == "100%2542.txt"


def test_control_characters_become_visible_and_line_ends_one_kind(product: Product) -> None:
    checked = check(
        draft(product, synopsis="a\x00b\r\n c\u202ed", description="one\r\ntwo\x1b[31m \n")
    )
    assert checked.synopsis == "a␀b c\ufffdd"
    assert checked.description == "one\ntwo␛[31m"


def test_an_unconfirmed_person_cannot_report(product: Product) -> None:
    with pytest.raises(Denied, match="Confirm your e-mail"):
        report(draft(product), make_person(email_confirmed_at=None), Door.WEB)
    assert not Problem.objects.exists()


def test_the_reporters_answer_puts_feedback_back_to_open(
    problem: Problem, triager: Person, reporter: Person, outsider: Person
) -> None:
    change(problem, triager, ProblemChange(state="feedback"), Door.WEB)
    comment(problem, outsider, "Me too, I think.", Door.WEB)
    problem.refresh_from_db()
    assert problem.state == "feedback"
    comment(problem, reporter, "It is an 82576.", Door.MAIL)
    problem.refresh_from_db()
    assert problem.state == "open"
    event = Event.objects.filter(problem=problem).latest("id")
    assert event.changes == [{"field": "state", "old": "feedback", "new": "open"}]


def test_an_empty_comment_is_refused_and_nothing_is_stored(
    problem: Problem, reporter: Person
) -> None:
    with pytest.raises(DraftErrors, match="Write something"):
        comment(problem, reporter, " \r\n ", Door.WEB)
    assert not Comment.objects.exists()
    assert Event.objects.count() == 1


def test_a_files_name_cannot_become_a_path(problem: Problem, reporter: Person) -> None:
    upload = ContentFile(b"log", name="../../etc/pass\r\nwd")
    kept = attach(problem, reporter, upload, Door.WEB)
    assert kept.name == "pass wd"
    assert kept.file.name == f"attachments/{kept.sha256[:2]}/{kept.sha256}"
    with kept.file.open() as stored:
        assert stored.read() == b"log"


def test_the_same_bytes_are_kept_once(problem: Problem, reporter: Person) -> None:
    one, two = (
        attach(problem, reporter, ContentFile(b"same", name=name), Door.WEB) for name in ("a", "b")
    )
    assert one.file.name == two.file.name
    assert (one.name, two.name) == ("a", "b")


def test_a_file_too_large_is_named_and_not_kept(
    problem: Problem, reporter: Person, settings: Settings
) -> None:
    settings.ATTACHMENT_BYTES = 3
    with pytest.raises(DraftErrors, match=r"“big\.txt” has 4 bytes; at most 3"):
        attach(problem, reporter, ContentFile(b"four", name="big.txt"), Door.WEB)
    assert not Attachment.objects.exists()


def test_a_file_too_many_is_refused(problem: Problem, reporter: Person, settings: Settings) -> None:
    settings.ATTACHMENTS_PER_PROBLEM = 1
    attach(problem, reporter, ContentFile(b"1", name="1"), Door.WEB)
    with pytest.raises(DraftErrors, match="takes 1 files"):
        attach(problem, reporter, ContentFile(b"2", name="2"), Door.WEB)


def test_of_several_files_none_is_kept_on_disk_when_one_is_refused(
    problem: Problem, reporter: Person, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT, settings.ATTACHMENT_BYTES = tmp_path, 3
    files = [ContentFile(b"one", name="small"), ContentFile(b"four", name="big")]
    with pytest.raises(DraftErrors, match="“big” has 4 bytes"):
        attach_all(problem, reporter, files, Door.WEB)
    assert list(tmp_path.rglob("*")) == []


def test_many_files_too_many_are_told_of_once(
    problem: Problem, reporter: Person, settings: Settings
) -> None:
    settings.ATTACHMENTS_PER_PROBLEM = 2
    files = [ContentFile(b"x", name=str(number)) for number in range(9)]
    with pytest.raises(DraftErrors) as raised:
        attach_all(problem, reporter, files, Door.WEB)
    assert raised.value.errors["file"] == ["A problem takes 2 files at the most."]


def test_history_rows_cannot_be_changed_or_deleted(problem: Problem) -> None:
    event = Event.objects.get()
    with pytest.raises(TypeError):
        event.save()
    with pytest.raises(TypeError):
        event.delete()


def test_a_confidential_problem_is_seen_by_those_it_concerns_only(
    product: Product,
    reporter: Person,
    maintainer: Person,
    triager: Person,
    committer: Person,
    administrator: Person,
    outsider: Person,
) -> None:
    secret = make_problem(product, reporter, component="kernel", is_confidential=True)
    for person in (reporter, maintainer, triager, committer, administrator):
        assert list(visible_problems(person)) == [secret]
    other_maintainer = make_person("nina")
    for stranger in (None, outsider, other_maintainer):
        assert not visible_problems(stranger).exists()
    assignee = make_person("assi")
    Problem.objects.update(assignee=assignee)
    assert visible_problems(assignee).exists()
