"""Patches are found in what people send, without any keyword."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from accounts.models import Person, Role
from patches import bell
from patches.beside import marks_on
from patches.intake import unlooked
from patches.intake.looking import look
from patches.models import Look, Patch, PatchEvent
from patches.tasks import look_at, sweep_unlooked
from tests.patches.made_by_git import git, repository
from tests.patching import diff
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.models import Attachment, Comment, Door, Problem, Product
from tracker.services import attach, comment

pytestmark = pytest.mark.django_db

TRUNCATED = diff()[:-20]
COMMITS = ("HEAD~1", "HEAD")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("source"))


def send(
    problem: Problem, person: Person, *texts: bytes, names: Iterable[str] = (), words: str = ""
) -> list[Attachment]:
    """Files of one comment, or without one."""
    given = [*names, *(f"file{number}.txt" for number in range(len(texts)))]
    files = [
        attach(problem, person, ContentFile(text, name=name), Door.WEB)
        for text, name in zip(texts, given, strict=False)
    ]
    if words:
        comment(problem, person, words, Door.WEB, files)
    return files


def say(problem: Problem, person: Person, text: str) -> Comment:
    return comment(problem, person, text, Door.WEB)


def only() -> Patch:
    return Patch.objects.get()


def test_an_attached_diff_of_any_name_is_a_patch_of_its_problem(
    problem: Problem, outsider: Person
) -> None:
    (file,) = send(problem, outsider, diff("sys/em.c"), names=["notes.txt"])
    found = look(file)
    patch = only()
    assert found is not None
    assert (found.outcome, found.version) == (Look.Outcome.PATCH, patch.versions.get())
    assert list(patch.fixes.all()) == [problem]
    assert (patch.submitter, patch.author, patch.product) == (outsider, outsider, problem.product)
    assert patch.versions.get().attachment == file
    assert patch.events.get(kind=PatchEvent.Kind.SUBMITTED).door == Door.WEB


def test_looking_again_finds_the_same(problem: Problem, outsider: Person) -> None:
    (file,) = send(problem, outsider, diff())
    assert look(file) == look(Attachment.objects.get())
    look_at(attachment=file.pk)
    assert Patch.objects.count() == Look.objects.count() == 1


def test_a_diff_in_a_comment_and_one_in_a_report_are_patches(
    problem: Problem, outsider: Person
) -> None:
    text = f"Try:\n\n```diff\n{diff('a.c').decode()}```\n\nIt helps here.\n"
    look(say(problem, outsider, text))
    patch = only()
    assert patch.versions.get().comment == problem.comments.get()
    assert patch.description.startswith("Try:")
    reported = make_problem(problem.product, outsider, description=f"x\n\n{diff('b.c').decode()}")
    look(reported)
    assert list(Patch.objects.get(fixes=reported).fixes.all()) == [reported]


def test_blank_lines_that_a_comment_lost_at_its_end_are_put_back(
    problem: Problem, outsider: Person
) -> None:
    text = diff().replace(b" static void\n", b" \n").decode()
    found = look(say(problem, outsider, text))
    assert found is not None
    assert (found.outcome, found.reason) == (Look.Outcome.PATCH, "")


def test_words_are_no_patch_and_a_broken_one_has_its_reason(
    problem: Problem, outsider: Person
) -> None:
    words = say(problem, outsider, "It stops.\n\n--\nAnn\n+++ offer +++")
    (file,) = send(problem, outsider, TRUNCATED)
    broken = say(problem, outsider, diff("../x.c").decode())
    looks = [look(words), look(file), look(broken)]
    assert [each.outcome for each in looks if each] == ["nothing", "refused", "refused"]
    assert not Patch.objects.exists()
    reasons = {name: mark.reason for name, mark in marks_on(problem, outsider).items()}
    assert reasons.keys() == {f"attachment-{file.pk}", f"comment-{broken.pk}"}
    assert reasons[f"attachment-{file.pk}"].startswith("It ends in the middle of the hunk")
    assert "leads out of the source tree" in reasons[f"comment-{broken.pk}"]


def test_reasons_take_one_query(
    problem: Problem, outsider: Person, django_assert_num_queries: object
) -> None:
    for number in range(3):
        look(say(problem, outsider, TRUNCATED.decode() + f"\n{number}"))
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert len(marks_on(problem, outsider)) == 3


def test_files_of_one_comment_that_are_a_series_are_one_patch(
    problem: Problem, outsider: Person, folder: Path, tmp_path: Path
) -> None:
    git(folder, "format-patch", "-q", "--cover-letter", "-o", str(tmp_path), "HEAD~2")
    paths = sorted(tmp_path.iterdir(), reverse=True)
    files = send(
        problem, outsider, *(p.read_bytes() for p in paths),
        names=[p.name for p in paths], words="Both.",
    )  # fmt: skip
    for file in files:
        look(file)
    (version,) = only().versions.all()
    assert (version.kind, version.commits_count) == ("series", 2)
    assert only().title == "*** SUBJECT HERE ***"
    assert {each.version for each in Look.objects.all()} == {version}


@pytest.mark.parametrize("words", ["Both.", ""], ids=["comment", "report"])
def test_numbered_files_without_numbers_in_their_subjects_are_one_patch_too(
    problem: Problem, outsider: Person, folder: Path, tmp_path: Path, words: str
) -> None:
    git(folder, "format-patch", "-q", "-N", "-o", str(tmp_path), "HEAD~2")
    paths = sorted(tmp_path.iterdir())
    texts = [path.read_bytes() for path in paths]
    send(problem, outsider, *texts, names=[path.name for path in paths], words=words)
    for file in Attachment.objects.all():
        look(file)
    assert only().versions.get().commits_count == 2


def test_two_diffs_of_one_comment_are_two_patches(problem: Problem, outsider: Person) -> None:
    for file in send(problem, outsider, diff("a.c"), diff("a.c"), words="Either."):
        look(file)
    assert Patch.objects.count() == 2


def mails(folder: Path, *options: str) -> list[bytes]:
    """The series as mails of one thread."""
    text = git(folder, "format-patch", "--stdout", "--thread", *options, "HEAD~2")
    first, *rest = text.split(b"\nFrom ")
    return [first, *(b"From " + each for each in rest)]


def test_parts_that_come_one_by_one_are_waited_for(
    problem: Problem, outsider: Person, folder: Path
) -> None:
    thread = mails(folder)
    (one,) = send(problem, outsider, thread[0], words="First.")
    assert look(one) is None
    assert not Patch.objects.exists()
    (two,) = send(problem, outsider, thread[1], words="Second.")
    assert look(two) is not None
    assert look(one) == Look.objects.get(attachment=one)
    assert only().versions.get().commits_count == 2


def test_after_five_minutes_what_is_there_is_taken_and_what_comes_later_is_added(
    problem: Problem, outsider: Person, folder: Path
) -> None:
    thread = mails(folder)
    (two,) = send(problem, outsider, thread[1])
    assert look(two) is None
    with time_machine.travel(timezone.now() + timedelta(minutes=6), tick=False):
        assert look(two) is not None
        assert only().versions.get().commits_count == 1
        (one,) = send(problem, outsider, thread[0])
        assert look(one) is not None
    assert [v.commits_count for v in only().versions.order_by("number")] == [1, 2]
    assert only().title == "em: Stop the watchdog – now"


def test_parts_of_others_and_of_other_versions_are_not_put_together(
    problem: Problem, outsider: Person, second_reporter: Person, folder: Path
) -> None:
    first, second = (git(folder, "format-patch", "--stdout", "-1", "-n", at) for at in COMMITS)
    thread = [each.replace(b"1/1", n) for each, n in ((first, b"1/2"), (second, b"2/2"))]
    (one,) = send(problem, outsider, thread[0])
    (two,) = send(problem, second_reporter, thread[1])
    (three,) = send(problem, outsider, thread[1].replace(b"[PATCH", b"[PATCH v2"))
    assert [look(each) for each in (one, two, three)] == [None, None, None]
    (four,) = send(problem, outsider, thread[1])
    assert look(four) is not None
    assert only().versions.get().commits_count == 2


# Versions


def mail(text: bytes, subject: str, message_id: str = "", answers: str = "") -> bytes:
    """A patch as mailed."""
    head = f"From: a@example.org\nSubject: {subject}\n"
    head += f"Message-ID: <{message_id}>\n" if message_id else ""
    head += f"In-Reply-To: <{answers}>\n" if answers else ""
    return f"{head}\nWhy.\n---\n".encode() + text


def changing(text: bytes, subject: str) -> bytes:
    """The same with the mark of Gerrit's hook."""
    mark = b"Why.\n\nChange-Id: I0123456789abcdef0123456789abcdef01234567\n"
    return mail(text, subject).replace(b"Why.\n", mark)


# Elsewhere in the same file.
AWAY = b"--- a/a.c\n+++ b/a.c\n@@ -90,3 +90,3 @@\n {\n-\told(sc);\n+\ttell(sc);\n \tdone(sc);\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (mail(diff("a.c"), "[PATCH] em", "one@x"), mail(diff("b.c"), "[v2] other", "", "one@x")),
        (mail(diff("a.c"), "[PATCH] em: Stop"), mail(diff("b.c"), "Re: [PATCH v2] em: stop")),
        (diff("a.c"), diff("a.c") + diff("b.c")),
        (diff("a.c", "x", 10), diff("a.c", "x", 20)),
        (mail(diff("a.c"), "[PATCH] em"), mail(diff("a.c"), "[PATCH] em: Stop")),
        (changing(diff("a.c"), "[PATCH] em"), changing(diff("b.c"), "[PATCH] igb")),
        (diff("a.c"), b"This is a new version of patch 1.\n\n" + diff("b.c")),
    ],
    ids=["answer", "title", "files", "content", "lines", "change", "told"],
)
def test_what_follows_on_a_patch_is_its_next_version(
    problem: Problem, outsider: Person, first: bytes, second: bytes
) -> None:
    look(*send(problem, outsider, first))
    look(*send(problem, outsider, second.replace(b"patch 1.", b"patch %d." % only().pk)))
    assert [v.number for v in only().versions.order_by("number")] == [1, 2]


def test_a_number_and_a_commit_of_the_same_name_tell_a_version(
    problem: Problem, outsider: Person, folder: Path
) -> None:
    look(*send(problem, outsider, git(folder, "format-patch", "--stdout", "HEAD~2")))
    again = git(folder, "format-patch", "--stdout", "-v2", "HEAD~1")
    changed = again.replace(b"All the rest", b"em: Stop the watchdog")
    named = changed.replace(b"em: Stop the watchdog", "em: Stop the watchdog – now".encode())
    look(*send(problem, outsider, named))
    assert only().latest == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (diff("a.c"), diff("b.c") + diff("c.c") + diff("d.c")),
        (diff("a.c"), AWAY),
        (mail(diff("a.c"), "[PATCH] em", "one@x"), mail(AWAY, "[PATCH] em: Tell", "", "one@x")),
        (diff("a.c"), b"Another patch, for the same lines:\n\n" + diff("a.c")),
    ],
    ids=["files", "lines", "answer", "told"],
)
def test_another_change_is_another_patch(
    problem: Problem, outsider: Person, first: bytes, second: bytes
) -> None:
    for text in (first, second):
        look(*send(problem, outsider, text))
    assert Patch.objects.count() == 2


def test_a_version_of_a_patch_for_another_problem_is_a_patch_of_its_own(
    problem: Problem, outsider: Person
) -> None:
    look(*send(problem, outsider, diff("a.c")))
    other = make_problem(problem.product)
    told = f"New version of patch {only().pk}.\n\n".encode() + diff("b.c")
    look(*send(other, outsider, told))
    assert list(Patch.objects.get(fixes=other).versions.values_list("number", flat=True)) == [1]


def test_a_patch_of_somebody_else_is_no_version(
    problem: Problem, outsider: Person, second_reporter: Person
) -> None:
    look(*send(problem, outsider, mail(diff("a.c"), "[PATCH] em", "one@x")))
    look(*send(problem, second_reporter, mail(diff("a.c"), "[PATCH v2] em", "two@x", "one@x")))
    assert Patch.objects.count() == 2
    developer = make_person("dev", Role.DEVELOPER)
    look(*send(problem, developer, mail(diff("a.c"), "[PATCH v3] em", "three@x", "one@x")))
    assert Patch.objects.order_by("number").first().latest == 2  # type: ignore[union-attr]


def test_who_shows_a_patch_again_adds_none(
    problem: Problem, outsider: Person, second_reporter: Person
) -> None:
    text = diff("a.c")
    look(*send(problem, outsider, text))
    shown = look(say(problem, second_reporter, f"This?\n\n```\n{text.decode()}```\n"))
    again = look(say(problem, outsider, f"I mean\n\n{text.decode()}"))
    assert shown is not None
    assert again is not None
    assert shown.version == again.version == only().versions.get()


def test_an_earlier_version_is_shown_again_unless_its_sender_goes_back_to_it(
    problem: Problem, outsider: Person
) -> None:
    first = diff("a.c", "x")
    for text in (first, diff("a.c", "y"), first):
        look(*send(problem, outsider, text))
    assert only().latest == 2
    told = f"New version of patch {only().pk}.\n\n".encode()
    for _ in range(2):
        look(*send(problem, outsider, told + first))
    assert [v.number for v in only().versions.order_by("number")] == [1, 2, 3]


def test_the_same_change_as_a_file_and_in_the_words_of_one_message_is_one_patch(
    problem: Problem, outsider: Person
) -> None:
    text = diff("a.c", "x")
    plain = text.partition(b"\n")[2].partition(b"\n")[2]
    (file,) = send(problem, outsider, text, words=f"I mean\n\n{plain.decode()}")
    looks = [look(file), look(problem.comments.get())]
    assert {each.version for each in looks if each} == {only().versions.get()}


def test_problems_that_a_patch_names_are_fixed_by_it_where_its_sender_may_know_of_them(
    problem: Problem, outsider: Person, maintainer: Person
) -> None:
    other = make_problem(problem.product)
    later = make_problem(problem.product)
    hidden = make_problem(problem.product, maintainer, is_confidential=True)
    elsewhere = make_problem(make_product())
    numbers = ", ".join(f"#{each.pk}" for each in (other, hidden, elsewhere))
    look(*send(problem, outsider, f"Fixes: {numbers}\n\n".encode() + diff("a.c")))
    assert set(only().fixes.all()) == {problem, other}
    look(*send(problem, outsider, f"Closes #{later.pk}\n\n".encode() + diff("a.c")))
    assert set(only().fixes.all()) == {problem, other, later}


def test_what_may_not_be_submitted_is_refused_with_the_reason(
    problem: Problem, outsider: Person
) -> None:
    (file,) = send(problem, outsider, diff("a.c"))
    Product.objects.update(is_active=False)
    found = look(Attachment.objects.get(pk=file.pk))
    assert found is not None
    assert (found.outcome, Patch.objects.count()) == (Look.Outcome.REFUSED, 0)
    assert "takes no new patches any more" in found.reason


# Who looks


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[int]]]:
    """What workers were asked for."""
    heard: list[tuple[str, list[int]]] = []
    monkeypatch.setattr(bell, "_send", lambda task, arguments: heard.append((task, arguments)))
    return heard


@pytest.mark.django_db(transaction=True)
def test_workers_are_asked_to_look_at_whatever_comes(
    problem: Problem, outsider: Person, rung: list[tuple[str, list[int]]]
) -> None:
    with transaction.atomic():
        (file,) = send(problem, outsider, diff())
        said = say(problem, outsider, "Words.")
        assert [each for each in rung if each[0] == "look_at"] == []
    reported = make_problem(problem.product, outsider)
    looks = [arguments for task, arguments in rung if task == "look_at"]
    assert looks == [[file.pk], [0, said.pk], [0, 0, reported.pk]]


def sweep_anew() -> None:
    """Forget what sweeps before have kept."""
    for table in ("attachment", "comment", "problem"):
        cache.delete_many([f"patches-swept-{table}", f"patches-resting-{table}"])
    unlooked._since.cache_clear()


def test_the_sweep_finds_what_no_bell_was_heard_for(problem: Problem, outsider: Person) -> None:
    sweep_anew()
    send(problem, outsider, diff("a.c"))
    imported = say(problem, outsider, diff("b.c").decode())
    Comment.objects.filter(pk=imported.pk).update(origin="17")
    assert sweep_unlooked() == 0
    with time_machine.travel(timezone.now() + timedelta(seconds=30), tick=False):
        assert sweep_unlooked() == 2
        assert sweep_unlooked() == 0
    assert only().versions.get().attachment is not None


def test_what_fails_makes_room_for_others_and_is_given_up(
    problem: Problem, outsider: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep_anew()
    monkeypatch.setattr(unlooked, "_SWEPT_AT_ONCE", 1)
    look(problem)
    broken, good = send(problem, outsider, diff("broken.c", "x"), diff("b.c"))
    path = Path(broken.file.path)
    path.unlink()
    path.mkdir()
    with time_machine.travel(timezone.now() + timedelta(seconds=30), tick=False) as clock:
        assert (sweep_unlooked(), sweep_unlooked(), sweep_unlooked()) == (0, 1, 0)
        assert only().versions.get().attachment == good
        for _ in range(12):
            clock.shift(timedelta(days=2))
            assert sweep_unlooked() == 0
        clock.shift(timedelta(days=2))
        assert (sweep_unlooked(), sweep_unlooked()) == (1, 0)
    assert "submit it as one" in marks_on(problem, outsider)[f"attachment-{broken.pk}"].reason
    path.rmdir()


def test_the_sweep_asks_as_much_of_many_as_of_few(
    problem: Problem, outsider: Person, django_assert_num_queries: object
) -> None:
    look(problem)
    rows = [Comment(problem=problem, author=outsider, text=str(n)) for n in range(300)]
    Comment.objects.bulk_create(rows)
    Look.objects.bulk_create(
        Look(comment=each, outcome="nothing") for each in Comment.objects.all()
    )
    unlooked.sweep(1)
    with django_assert_num_queries(6):  # type: ignore[operator]
        assert unlooked.sweep(1) == 0


def test_what_was_imported_is_found_by_a_command_and_nobody_is_told(
    problem: Problem, outsider: Person
) -> None:
    other = make_problem(make_product(), outsider, description=diff("b.c").decode())
    send(problem, outsider, diff("a.c"))
    nameless = Comment.objects.create(problem=problem, text=diff("c.c").decode(), origin="1")
    said = StringIO()
    call_command("find_patches", product=problem.product.slug, stdout=said)
    assert "1 with a patch, 1 that cannot" in said.getvalue()
    assert only().events.get(kind="submitted").door == Door.IMPORT
    assert "has no account here" in Look.objects.get(comment=nameless).reason
    call_command("find_patches", stdout=said)
    assert Patch.objects.get(fixes=other).versions.count() == 1
