"""Answers to mails about patches: words, ratings, requests, versions, all of a mail or nothing."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks, Settings

from accounts.models import Person, Role
from notifications.gate import acting, processing
from notifications.gate.addresses import (
    NoSuchAddress,
    ReplyTo,
    patch_reply_address,
    read_recipient,
    reply_address,
)
from notifications.gate.models import IncomingMail
from notifications.gate.parsed import IncomingFile
from notifications.gate.results import Done, Refusal
from notifications.gate.senders import check_recipient, revoke_replies
from patches.models import Patch, PatchEvent, Rating, Review, ReviewRequest
from patches.reviews import reviewing
from tests.gate.acts import mail
from tests.gate.letters import deliver, letter, open_gate, store
from tests.patching import diff, make_patch, newest
from tests.people import make_person
from tracker.models import Door

pytestmark = pytest.mark.django_db


def answer(patch: Patch, person: Person, text: str = "", **values: object) -> Done:
    """What an answer of `person` to a mail about `patch` does."""
    recipient = ReplyTo(person.pk, 0, timezone.now(), patch.pk)
    return acting.act(mail(text, **values), IncomingMail(), person, recipient)


def ratings(patch: Patch) -> list[tuple[str, int, str, str]]:
    rows = Rating.objects.filter(patch=patch, is_current=True).order_by("pk")
    return list(rows.values_list("dimension", "value", "architecture", "note"))


def attached(text: bytes) -> IncomingFile:
    return IncomingFile("fix.txt", "text/plain", text)


def test_words_are_a_comment_and_sent_again_they_are_none() -> None:
    patch, person = make_patch(), make_person()
    assert answer(patch, person, "Does it work with jumbo frames?").outcome == (
        f"commented on patch {patch.pk}"
    )
    answer(patch, person, "Does it work with jumbo frames?")
    (review,) = Review.objects.filter(patch=patch)
    assert (review.text, review.door) == ("Does it work with jumbo frames?", Door.MAIL)
    answer(patch, person, "+1")
    assert not ratings(patch), "what is a vote on a problem is a word here"


def test_leading_lines_rate_and_claim_with_the_words_below_as_one_review() -> None:
    patch, person = make_patch(), make_person("", Role.DEVELOPER)
    done = answer(
        patch,
        person,
        "!works amd64\n!fails 15.0/ARM64 panics on boot\n!quality +1\n!claim\n\nNice.",
    )
    assert ratings(patch) == [
        ("works", 1, "amd64", ""),
        ("fails", 1, "arm64", "panics on boot"),
        ("quality", 1, "", ""),
    ]
    assert Review.objects.get(patch=patch).text == "Nice."
    assert ReviewRequest.objects.get(patch=patch, person=person).state == "claimed"
    assert done.answer == ""
    answer(patch, person, "!works 0 amd64")
    assert ("works", 0, "amd64", "") in ratings(patch)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("!quality +1\n!wrks amd64\nHm.", "there is no such command"),
        ("!quality +1\n!works\nHm.", "say where: !works [RELEASE/]ARCHITECTURE"),
        ("!quality\nHm.", "say how: !quality +1|-1"),
        ("!quality +1\n!quality -1\nHm.", "cannot both be"),
        ("!quality +1\n!claim\n!not-mine\nHm.", "cannot both be"),
        ("!quality +1\n!decline\nHm.", "say why: !decline REASON"),
        ("!quality +1\n!decline It breaks em.\nHm.", "committer"),
        ("!quality +1\n!claim\nHm.", "may"),
        ("!quality +1\n!works 99.9/amd64\nHm.", "99.9"),
        ("", "no words of your own"),
    ],
)
def test_of_a_mail_with_a_wrong_line_nothing_is_done(text: str, sentence: str) -> None:
    patch, person = make_patch(), make_person()
    with pytest.raises(Refusal) as refusal:
        answer(patch, person, text)
    assert sentence in " ".join(refusal.value.sentences)
    assert not Review.objects.exists()
    assert not Rating.objects.exists()


def test_not_mine_passes_on_and_committers_decline() -> None:
    patch, asked = make_patch(), make_person()
    ReviewRequest.objects.create(patch=patch, person=asked, reason="")
    answer(patch, asked, "!not-mine")
    assert ReviewRequest.objects.get(person=asked).state == "declined"
    answer(patch, make_person("", Role.COMMITTER), "!decline It breaks em.\nSorry.")
    patch.refresh_from_db()
    assert (patch.state, patch.decision) == ("declined", "It breaks em.")
    assert Review.objects.get(patch=patch).text == "Sorry."
    doors = PatchEvent.objects.filter(patch=patch).exclude(kind="submitted").values_list("door")
    assert {Door.MAIL.value} == {door for (door,) in doors}


def test_git_is_asked_to_whom_it_goes_before_the_mail_makes_others_wait(settings: Settings) -> None:
    settings.MAIL_IN_DOMAIN, settings.MAIL_IN_BOX = "example.org", ""
    patch, asked = make_patch(), make_person()
    repository = settings.DATA_DIR / "git" / f"{patch.product.slug}.git"
    subprocess.run(["git", "init", "-q", "--bare", str(repository)], check=True)
    to = patch_reply_address(asked.pk, patch.pk)
    for text, is_asked in (("Is it mine?", False), ("!not-mine", True)):
        processing.read(store(letter(asked.email, to, text), to, asked.email))
        assert (cache.get(f"patch-blame:{patch.pk}:1:") == []) is is_asked


def test_a_diff_of_its_author_is_the_next_version_and_of_others_a_comment() -> None:
    patch, other = make_patch(text=diff(new="\treturn (1);")), make_person()
    author = patch.author
    assert author is not None
    second, third = (diff(new=f"\treturn ({n});") for n in (2, 3))
    done = answer(patch, author, "Takes the lock now.", files=(attached(second),))
    assert done.outcome == f"sent version 2 of patch {patch.pk}"
    assert newest(patch).note == "Takes the lock now."
    answer(patch, author, f"And once more.\n\n{third.decode()}")
    assert (newest(patch).number, newest(patch).note) == (3, "And once more.")
    assert "is version 3 already" in answer(patch, author, "", files=(attached(third),)).answer
    done = answer(patch, other, "Try this.", files=(attached(diff()),))
    assert newest(patch).number == 3
    assert "fix.txt" in done.answer
    assert Review.objects.get(author=other).text == "Try this."


def test_a_series_sent_by_git_is_one_version_with_its_letter_as_what_is_new(
    settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    open_gate(settings)
    patch = make_patch(text=diff(new="\treturn (1);"))
    author = patch.author
    assert author is not None
    to = patch_reply_address(author.pk, patch.pk)

    def send(part: int, text: str) -> IncomingMail:
        raw = letter(
            author.email,
            to,
            text,
            f"[PATCH v2 {part}/2] lock: part {part}",
            In_Reply_To="<patch@example.org>",
            X_Mailer="git-send-email 2.39.2",
        )
        with django_capture_on_commit_callbacks(execute=True):
            return deliver(raw, to, author.email)

    early = [send(0, "Locks first."), send(1, f"Why.\n---\n{diff(path='a.c').decode()}")]
    assert {mail.state for mail in early} == {"received"}, "the rest is waited for"
    last = send(2, f"Why not.\n---\n{diff(path='b.c').decode()}")
    assert last.outcome == f"sent version 2 of patch {patch.pk}"
    version = newest(patch)
    assert (version.number, version.note, version.commits_count) == (2, "Locks first.", 2)
    for each in early:
        each.refresh_from_db()
        assert (each.state, each.outcome) == ("done", f"part of version 2 of patch {patch.pk}")


def test_of_a_series_that_stays_broken_off_what_is_there_is_the_version(
    settings: Settings,
) -> None:
    open_gate(settings)
    patch = make_patch(text=diff(new="\treturn (1);"))
    author = patch.author
    assert author is not None
    to = patch_reply_address(author.pk, patch.pk)
    raw = letter(
        author.email,
        to,
        f"Why.\n---\n{diff(path='a.c').decode()}",
        "[PATCH v2 1/2] lock",
        X_Mailer="git-send-email 2.39.2",
    )
    first = deliver(raw, to, author.email)
    assert (first.state, newest(patch).number) == ("received", 1)
    earlier = timezone.now() - timedelta(minutes=6)
    IncomingMail.objects.update(received_at=earlier, due_at=earlier)
    processing.process(first.pk)
    assert newest(patch).number == 2


def test_an_unfinished_draft_on_the_page_is_not_sent_by_a_mail() -> None:
    patch, person = make_patch(), make_person()
    reviewing.add_line_comment(
        newest(patch), person, "Hm.", commit=1, path="sys/dev/em/if_em.c", side="new",
        start=13, end=13,
    )  # fmt: skip
    answer(patch, person, "More later.")
    draft, sent = Review.objects.filter(author=person).order_by("pk")
    assert (draft.sent_at, draft.comments.count()) == (None, 1)
    assert (sent.text, sent.comments.count()) == ("More later.", 0)


def test_who_may_not_see_a_patch_hears_the_same_as_of_one_that_is_not_there() -> None:
    hidden, person = make_patch(is_confidential=True), make_person()
    gone = Patch(pk=hidden.pk + 1000)
    said = []
    for patch in (hidden, gone):
        with pytest.raises(Refusal) as refusal:
            answer(patch, person, "!quality +1\nHm.")
        said.append(refusal.value.sentences)
    assert said[0] == said[1]


def test_help_names_the_dimensions_of_the_product() -> None:
    done = answer(make_patch(), make_person(), "!help")
    assert "!works [RELEASE/]ARCHITECTURE" in done.answer
    assert "!quality +1|-1" in done.answer


def test_an_address_names_a_problem_or_a_patch_and_never_the_other(settings: Settings) -> None:
    settings.MAIL_IN_DOMAIN, settings.MAIL_IN_BOX = "example.org", ""
    person = make_person()
    of_patch = read_recipient(patch_reply_address(person.pk, 7))
    of_problem = read_recipient(reply_address(person.pk, 7))
    assert isinstance(of_patch, ReplyTo)
    assert isinstance(of_problem, ReplyTo)
    assert (of_patch.person, of_patch.problem, of_patch.patch) == (person.pk, 0, 7)
    assert (of_problem.person, of_problem.problem, of_problem.patch) == (person.pk, 7, 0)
    check_recipient(of_patch)
    revoke_replies(person)
    with pytest.raises(NoSuchAddress):
        check_recipient(of_patch)
