"""By every door a patch comes in without a keyword: page, API, mail, mails of a series."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate import processing, senders
from notifications.gate.addresses import reply_address
from notifications.gate.models import IncomingMail
from patches.models import Look, Patch, PatchVersion
from patches.tasks import look_at
from tests.api.calls import Caller
from tests.conftest import sign_in
from tests.gate.letters import DOMAIN, deliver, letter, open_gate, store
from tests.gate.signed import NameServer, ask_of, name_server, sign
from tests.patches.made_by_git import git, repository
from tests.patches.test_finding import diffs
from tests.patching import diff
from tracker.models import Attachment, Comment, Door, Problem

pytestmark = pytest.mark.django_db

REPORTS = f"report+base.kernel@{DOMAIN}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def running() -> Iterator[NameServer]:
    with name_server() as server:
        server.knows("example.org")
        yield server


@pytest.fixture(autouse=True)
def gate(settings: Settings, running: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    open_gate(settings)
    ask_of(running, monkeypatch)


def look_at_all() -> None:
    """What workers do, for all that came."""
    for file in Attachment.objects.order_by("pk"):
        look_at(attachment=file.pk)
    for said in Comment.objects.order_by("pk"):
        look_at(comment=said.pk)
    for reported in Problem.objects.order_by("pk"):
        look_at(problem=reported.pk)


def found() -> PatchVersion:
    """The only version of the only patch."""
    look_at_all()
    version: PatchVersion = Patch.objects.get().versions.get()
    return version


def content(version: PatchVersion) -> bytes:
    with version.file.open("rb") as file:
        return bytes(file.read())


def test_by_the_page(problem: Problem, outsider: Person) -> None:
    client = sign_in(Client(), outsider)
    upload = SimpleUploadedFile("notes.txt", diff("a.c", "x"))
    page = client.post(f"/{problem.pk}/attach", {"uploads": upload})
    assert page.status_code == 302
    assert (found().door, content(found())) == (Door.WEB, diff("a.c", "x"))


def test_by_a_comment_on_the_page(problem: Problem, outsider: Person) -> None:
    text = f"Like this:\n\n~~~\n{diff('a.c', 'x').decode()}~~~\n"
    page = sign_in(Client(), outsider).post(f"/{problem.pk}/comment", {"text": text})
    assert page.status_code == 302
    assert (found().comment, content(found())) == (Comment.objects.get(), diff("a.c", "x"))


def test_by_the_api(problem: Problem, outsider: Person) -> None:
    answer = Caller(outsider).upload(f"problems/{problem.pk}/attachments/", diff("a.c", "x"), "x")
    assert answer.status_code == 201
    assert (found().door, content(found())) == (Door.API, diff("a.c", "x"))


@pytest.mark.parametrize(
    ("subject", "above"),
    [
        ("Re: The card stops", ""),
        ("Fwd: [PATCH] em", "-------- Forwarded Message --------\nFrom: Bo <bo@example.org>\n\n"),
    ],
)
def test_by_a_mail_with_a_diff_in_its_text(
    problem: Problem, outsider: Person, subject: str, above: str
) -> None:
    to = reply_address(outsider.pk, problem.pk)
    text = f"Try this:\n\n{above}{diff('a.c', 'x').decode()}\n-- \nOtto\nhis address\n"
    deliver(letter(outsider.email, to, text, subject), to, outsider.email)
    file = Attachment.objects.get()
    with file.file.open("rb") as opened:
        assert opened.read() == diff("a.c", "x")
    assert (found().door, found().attachment, file.comment.text) == (Door.MAIL, file, "Try this:")  # type: ignore[union-attr]


@pytest.mark.parametrize("options", [("format-patch", "--stdout"), ("log", "-p", "--binary")])
def test_by_a_mail_with_a_commit_in_its_text(
    problem: Problem, outsider: Person, folder: Path, options: tuple[str, ...]
) -> None:
    to = reply_address(outsider.pk, problem.pk)
    text = f"I made this:\n\n{git(folder, *options, '-1', 'HEAD~1').decode()}\nOtto\n"
    deliver(letter(outsider.email, to, text, "Re: The card stops"), to, outsider.email)
    made = found().commits.get()
    assert (made.subject, made.author_email) == ("em: Stop the watchdog – now", "ann@example.org")
    assert problem.comments.get().text == "I made this:"


def test_by_a_mail_with_a_file(problem: Problem, outsider: Person) -> None:
    to = reply_address(outsider.pk, problem.pk)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = outsider.email, to, "Re: The card stops"
    message.set_content("Try this.")
    message.add_attachment(diff("a.c", "x"), "application", "octet-stream", filename="x.bin")
    deliver(message.as_bytes(), to, outsider.email)
    assert content(found()) == diff("a.c", "x")


def sent_by_git(folder: Path, person: Person, to: str, *options: str) -> list[bytes]:
    """A series as `git send-email` sends it: one mail for each part, in one thread."""
    text = git(folder, "format-patch", "--stdout", "--thread", "--cover-letter", *options, "HEAD~2")
    text = text.replace(b"*** SUBJECT HERE ***", b"em: be quiet")
    return [_from(part.partition(b"\n")[2], person, to) for part in text.split(b"\nFrom ")]


def _from(mail: bytes, person: Person, to: str) -> bytes:
    """The author stands in the text where somebody else sends it."""
    head, _, body = mail.partition(b"\n\n")
    author = b"" if b" 0/2]" in head else b"From: Ann Bell <ann@example.org>\n\n"
    lines = [line for line in head.split(b"\n") if not line.startswith(b"From: ")]
    lines += [f"From: Otto <{person.email}>".encode(), f"To: {to}".encode()]
    return b"\n".join(lines) + b"\n\n" + author + body


def test_a_series_of_mails_with_attached_diffs_is_one_patch(
    problem: Problem, outsider: Person, folder: Path
) -> None:
    to = reply_address(outsider.pk, problem.pk)
    for raw in sent_by_git(folder, outsider, to, "--attach"):
        deliver(raw, to, outsider.email)
        look_at_all()
    (version,) = Patch.objects.get().versions.all()
    assert (version.commits_count, content(version)) == (2, diffs(folder))
    first = version.commits.order_by("position")[0]
    assert (first.subject, first.message.partition("\n")[0]) == (
        "em: Stop the watchdog – now", "Because it bites."
    )  # fmt: skip
    assert "0001-em-Stop-the-watchdog-now.patch" in {each.name for each in Attachment.objects.all()}
    assert not problem.comments.filter(text__contains="\n---").exists()


def test_a_series_of_mails_is_one_patch_that_git_takes(
    problem: Problem, outsider: Person, folder: Path, tmp_path: Path
) -> None:
    to = reply_address(outsider.pk, problem.pk)
    for raw in sent_by_git(folder, outsider, to):
        deliver(raw, to, outsider.email)
        look_at_all()
    version = found()
    assert (version.commits_count, content(version)) == (2, diffs(folder))
    assert version.patch.title == "em: be quiet"
    assert set(Look.objects.filter(version=version).values_list("attachment__name", flat=True)) == {
        "mail.patch",
        "cover-letter.patch",
    }
    git(folder, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "HEAD~2")
    for number, file in enumerate(Attachment.objects.filter(name="mail.patch").order_by("pk")):
        with file.file.open("rb") as opened:
            (tmp_path / f"{number}.mbox").write_bytes(opened.read())
        git(tmp_path / "tree", "am", "-q", "--keep-cr", str(tmp_path / f"{number}.mbox"))
    shown = git(tmp_path / "tree", "log", "-2", "--format=%an <%ae> %s%n%b")
    assert shown.decode().split("\n")[0] == "Ann Bell <ann@example.org> All the rest"
    assert git(tmp_path / "tree", "rev-parse", "HEAD^{tree}") == git(
        folder, "rev-parse", "HEAD^{tree}"
    )


@pytest.mark.parametrize(("step", "named"), [(1, "em: be quiet"), (-1, "All the rest")])
def test_a_series_to_the_address_of_reports_is_one_report_with_one_patch(
    product: object, outsider: Person, folder: Path, step: int, named: str
) -> None:
    senders.remember(outsider, outsider.email, "example.org")
    for raw in sent_by_git(folder, outsider, REPORTS)[::step]:
        deliver(sign(raw), REPORTS, outsider.email)
    reported = Problem.objects.get()
    assert reported.synopsis.endswith(named)
    assert found().commits_count == 2
    assert list(Patch.objects.get().fixes.all()) == [reported]
    first = first_id()
    for raw in sent_by_git(folder, outsider, REPORTS, "-v2", "--in-reply-to=" + first):
        again = _with_other_ids(raw.replace(b"-int a30;", b"-int a030;"), but=first.encode())
        deliver(sign(again), REPORTS, outsider.email)
    look_at_all()
    assert Problem.objects.count() == 1
    assert Patch.objects.get().latest == 2


def _with_other_ids(mail: bytes, but: bytes) -> bytes:
    """Git gives the same ids to what it writes of the same commits within a second."""
    changed = mail.replace(b".git.", b".again.git.")
    return changed.replace(but.replace(b".git.", b".again.git."), but)


def first_id() -> str:
    """Of the letter above the series."""
    return f"<{IncomingMail.objects.get(subject__contains='0/2').message_id}>"


def test_a_part_waits_until_the_mails_before_it_are_read(
    product: object, outsider: Person, folder: Path
) -> None:
    senders.remember(outsider, outsider.email, "example.org")
    mails = [sign(raw) for raw in sent_by_git(folder, outsider, REPORTS)]
    rows = [store(raw, REPORTS, outsider.email) for raw in mails]
    for row in reversed(rows):
        processing.process(row.pk)
    assert Problem.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=False):
        for row in rows[1:]:
            assert processing.process(row.pk)
    assert Problem.objects.count() == 1
    assert found().commits_count == 2
