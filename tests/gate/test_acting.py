"""What an answer to a mail about a problem does, with the rights of its sender."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate.acting import Refusal
from notifications.gate.addresses import read_recipient, reply_address
from notifications.gate.parsed import IncomingFile
from notifications.gate.results import SAME_WORDS_WITHIN
from notifications.models import Subscription
from tests.gate.acts import PATCH, counts, picture, reply, report
from tests.people import make_newcomer, make_person
from tests.problems import make_maintainer, make_problem, make_product
from tracker.changes import ProblemChange
from tracker.models import TEXT_CHARS, Attachment, Comment, Door, Event, Problem, Product
from tracker.services import change
from votes.models import Vote

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = "", "problems.example.org"


def refused(problem: Problem | int, person: Person, text: str = "", **values: object) -> list[str]:
    """The sentences that are mailed back; and nothing at all was written."""
    before = counts()
    with pytest.raises(Refusal) as why:
        reply(problem, person, text, **values)
    assert counts() == before
    return why.value.sentences


def again(problem: Problem) -> Problem:
    return Problem.objects.get(pk=problem.pk)


def test_an_answer_is_a_comment_of_its_sender(problem: Problem, outsider: Person) -> None:
    key = reply_address(outsider.pk, problem.pk)
    done = reply(problem, outsider, f"On **amd64**, too.\n\nTo: {key.upper()}")
    comment = Comment.objects.get()
    assert (comment.author, comment.door) == (outsider, Door.MAIL)
    # Who had the address could write as its person.
    assert comment.text == f"On **amd64**, too.\n\nTo: REPLY+…{key[key.index('@') :].upper()}"
    assert (done.problem, done.comment, done.answer) == (problem, comment, "")
    assert Event.objects.latest("id").kind == "commented"


def test_files_come_with_the_comment_and_decorations_stay_out(
    problem: Problem, outsider: Person
) -> None:
    log = IncomingFile("dmesg.txt", "text/plain", b"em0: watchdog timeout")
    screen = picture("image002.png", 60_000)
    signed = IncomingFile("signature.asc", "application/pgp-signature", b"-----BEGIN PGP")
    fix = IncomingFile("fix.txt", "text/plain", PATCH.encode())
    unnamed = IncomingFile("", "text/plain", b"x")
    done = reply(
        problem, outsider, "See the log.", files=(picture(), log, screen, signed, fix, unnamed)
    )
    kept = {a.name: a.content_type for a in Attachment.objects.all()}
    assert kept == {
        "dmesg.txt": "text/plain",
        "image002.png": "image/png",
        "fix.txt": "text/x-diff",
        "unnamed.txt": "text/plain",
    }
    assert set(Attachment.objects.values_list("comment", flat=True)) == {done.comment.pk}  # type: ignore[union-attr]
    assert done.answer == ""
    # A picture that stood in the mail before is quoted, not sent again.
    reply(problem, outsider, "And now?", files=(screen,))
    assert Attachment.objects.filter(name="image002.png").count() == 1


def test_files_that_do_not_fit_are_named_and_the_rest_is_kept(
    problem: Problem, outsider: Person, settings: Settings
) -> None:
    settings.ATTACHMENT_BYTES, settings.ATTACHMENTS_PER_PROBLEM = 100, 2
    sizes = {"core": 101, "none": 0, "a": 1, "b": 2, "c": 3}
    files = tuple(IncomingFile(n, "application/x-core", b"x" * s) for n, s in sizes.items())
    done = reply(problem, outsider, "All of them.", files=files)
    assert sorted(Attachment.objects.values_list("name", flat=True)) == ["a", "b"]
    for name in ("“core” has 101 bytes", "“none” is empty", "“c” is one too many"):
        assert name in done.answer


def test_a_file_without_a_word_is_attached(problem: Problem, outsider: Person) -> None:
    done = reply(problem, outsider, "\n", files=(IncomingFile("a.txt", "text/plain", b"x"),))
    assert (done.problem, done.comment) == (problem, None)
    assert Event.objects.latest("id").kind == "attached"
    assert not Comment.objects.exists()


def test_a_patch_in_the_text_is_found_as_one(problem: Problem, outsider: Person) -> None:
    done = reply(problem, outsider, f"This helps.\n\n{PATCH}")
    assert done.comment is not None
    assert done.comment.text == "This helps."
    patch = done.comment.attachments.get()
    assert (patch.name, patch.content_type) == ("mail.patch", "text/x-diff")
    with patch.file.open() as file:
        assert file.read().decode() == PATCH


def test_a_text_that_is_too_long_is_kept_whole(problem: Problem, outsider: Person) -> None:
    text = "It goes on and on.\n" * (TEXT_CHARS // 10)
    done = reply(problem, outsider, text)
    assert done.comment is not None
    assert len(done.comment.text) < TEXT_CHARS
    with done.comment.attachments.get().file.open() as file:
        assert file.read().decode() == text.strip("\n")


def test_nothing_but_quotes_and_a_logo_is_refused(problem: Problem, outsider: Person) -> None:
    (sentence,) = refused(problem, outsider, " \u200b\n", files=(picture(),))
    assert "no words of your own" in sentence


@pytest.mark.parametrize("text", ["+1", "Me too!", "!vote"])
def test_a_plus_one_votes_once_and_says_how_to_undo(
    problem: Problem, outsider: Person, text: str
) -> None:
    done = reply(problem, outsider, text)
    assert "-1" in done.answer
    assert f"/{problem.pk}" in done.answer
    vote = Vote.objects.get(person=outsider)
    assert (vote.door, again(problem).people) == (Door.MAIL, 2)
    assert not Comment.objects.exists()
    assert "already" in reply(problem, outsider, text).answer
    assert again(problem).people == 2


@pytest.mark.parametrize("text", ["-1", "!unvote"])
def test_a_vote_is_taken_back(problem: Problem, outsider: Person, text: str) -> None:
    reply(problem, outsider, "+1")
    assert "taken back" in reply(problem, outsider, text).answer
    assert again(problem).people == 1
    assert "nothing has changed" in reply(problem, outsider, text).answer


def test_a_vote_says_where(problem: Problem, outsider: Person) -> None:
    reply(problem, outsider, "!vote 14.3\n\nSince the update.")
    assert str(Vote.objects.get(person=outsider).release) == "14.3"
    assert Comment.objects.get().text == "Since the update."
    (sentence,) = refused(problem, make_person(), "!vote 14.33")
    assert "“14.3”" in sentence


def test_a_waiting_vote_is_said_to_wait(problem: Problem) -> None:
    for _ in range(5):
        reply(problem, make_newcomer(), "+1")
    assert "as soon as your account is a day old" in reply(problem, make_newcomer(), "+1").answer


def test_a_vote_on_a_duplicate_is_answered_with_the_head(
    product: Product, problem: Problem, triager: Person, outsider: Person
) -> None:
    copy = make_problem(product)
    change(copy, triager, ProblemChange(duplicate_of=problem.pk), Door.WEB)
    said = " ".join(refused(copy, outsider, "+1"))
    assert f"duplicate of #{problem.pk}" in said
    (address,) = (word for word in said.split() if word.startswith("reply+"))
    meant = read_recipient(address.rstrip("."))
    assert (meant.person, meant.problem) == (outsider.pk, problem.pk)  # type: ignore[union-attr]


def test_commands_and_the_comment_below_them_are_done_together(
    problem: Problem, maintainer: Person
) -> None:
    orders = "!state feedback\n!severity critical\n!assign me\n!component net\n!fixed 15.0\n"
    done = reply(problem, maintainer, f"{orders}\nWhich card?")
    now = again(problem)
    assert (now.state, now.severity, now.assignee) == ("feedback", "critical", maintainer)
    assert (now.component.slug, now.fixed_in.name) == ("net", "15.0")  # type: ignore[union-attr]
    assert Comment.objects.get().text == "Which card?"
    assert Event.objects.filter(problem=problem, kind="changed").get().door == Door.MAIL
    assert done.answer == ""
    assert "so already" in reply(problem, maintainer, "!severity critical").answer


def test_one_wrong_line_and_nothing_is_done(problem: Problem, maintainer: Person) -> None:
    said = refused(
        problem,
        maintainer,
        "!severity major\n!component nett\n!assign otto\n\nI moved it.",
        files=(IncomingFile("a.txt", "text/plain", b"x"),),
    )
    assert [sentence.partition(":")[0] for sentence in said] == [
        "“!component nett”", "“!assign otto”"
    ]  # fmt: skip
    assert "“net”" in said[0]
    assert again(problem).severity == "normal"


def test_a_misspelt_command_is_never_a_comment(problem: Problem, maintainer: Person) -> None:
    (sentence,) = refused(problem, maintainer, "!clsoe fixed\n\nDone in 15.0.")
    assert "“!close”" in sentence


def test_a_command_in_the_middle_of_a_text_is_text_and_said_to_be(
    problem: Problem, maintainer: Person
) -> None:
    done = reply(problem, maintainer, "Hello,\n!close fixed\nThanks")
    assert again(problem).is_open
    assert "“!close fixed”" in done.answer


def test_commands_have_the_rights_of_their_sender(
    problem: Problem, outsider: Person, reporter: Person
) -> None:
    said = refused(problem, outsider, "!severity critical\n!close fixed\n\nPlease!")
    assert [sentence.partition(":")[0] for sentence in said] == [
        "“!severity critical”", "“!close fixed”"
    ]  # fmt: skip
    reply(problem, reporter, "!close overtaken by events")
    assert not again(problem).is_open
    reply(problem, reporter, "!reopen\nIt is back.")
    assert again(problem).is_open


def test_duplicates_are_marked_and_unmarked(
    product: Product, problem: Problem, triager: Person, outsider: Person
) -> None:
    head = make_problem(product)
    reply(problem, triager, f"!duplicate {head.pk}")
    assert again(problem).duplicate_of == head
    reply(problem, triager, "!notduplicate")
    assert again(problem).is_open
    hidden = make_problem(product, is_confidential=True)
    # May mark duplicates, and sees nothing confidential here.
    developer = make_maintainer(make_product("other").components.get(slug="net"))
    for number in (hidden.pk, hidden.pk + 1000):
        (sentence,) = refused(problem, developer, f"!duplicate {number}")
        assert (
            sentence
            == f"“!duplicate {number}”: There is no problem #{number} to be a duplicate of."
        )


def test_one_follows_and_mutes_by_mail(problem: Problem, outsider: Person) -> None:
    reply(problem, outsider, "!follow")
    assert not Subscription.objects.get(person=outsider, problem=problem).is_muted
    reply(problem, outsider, "!mute\n\nI have another card now.")
    assert Subscription.objects.get(person=outsider, problem=problem).is_muted


def test_help_is_mailed_and_does_nothing(problem: Problem, outsider: Person) -> None:
    before = counts()
    assert "!duplicate NUMBER" in reply(problem, outsider, "!help").answer
    assert "!duplicate NUMBER" in reply(0, outsider, "!help").answer
    assert counts() == before


def test_the_address_of_a_digest_takes_no_comment(outsider: Person) -> None:
    (sentence,) = refused(0, outsider, "Thank you!")
    assert "answer a mail about it" in sentence


def test_a_problem_that_one_may_not_see_any_more_is_answered_like_none(
    problem: Problem, outsider: Person, triager: Person
) -> None:
    reply(problem, outsider, "I have it.")
    change(problem, triager, ProblemChange(is_confidential=True), Door.WEB)
    for text in ("And now?", "+1", "!follow", "!state open", ""):
        assert refused(problem, outsider, text) == refused(problem.pk + 1000, outsider, text)


def test_an_account_that_may_not_write_is_told_so(problem: Problem) -> None:
    unproven = make_person(email_confirmed_at=None)
    for text in ("Hello", "+1"):
        assert refused(problem, unproven, text) == ["Confirm your e-mail address first."]


def test_what_could_not_be_read_is_told(problem: Problem, outsider: Person) -> None:
    fault = "Its second part is cut off."
    assert fault in refused(problem, outsider, "", faults=(fault,))
    assert reply(problem, outsider, "Hello", faults=(fault,)).answer == fault


def test_the_same_words_sent_twice_are_one_comment(
    problem: Problem, outsider: Person, reporter: Person
) -> None:
    reply(problem, outsider, "Any news?")
    done = reply(problem, outsider, "Any news?\n")
    assert (done.comment, done.answer) == (None, "")
    reply(problem, reporter, "Any news?")
    assert Comment.objects.count() == 2
    Comment.objects.update(created_at=timezone.now() - SAME_WORDS_WITHIN)
    reply(problem, outsider, "Any news?")
    assert Comment.objects.count() == 3


def test_an_answer_of_the_reporter_ends_the_waiting_for_it(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    change(problem, triager, ProblemChange(state="feedback"), Door.WEB)
    reply(
        problem, reporter, "It is an 82574.", files=(replace(picture(size=20_000), name="a.png"),)
    )
    assert again(problem).state == "open"


def test_letters_that_no_database_takes_stop_nothing(problem: Problem, outsider: Person) -> None:
    nasty = "a\0b\ud800"
    file = IncomingFile(nasty, "text/plain", nasty.encode("utf-8", "replace"))
    done = reply(problem, outsider, f"{nasty}\n{PATCH}{nasty}", files=(file,))
    assert done.comment is not None
    assert done.comment.attachments.count() == 2
    assert refused(problem, outsider, f"!vote {nasty}")
    assert refused(problem, outsider, f"!assign {nasty}")
    for place in (nasty, f"base.{nasty}", "base"):
        with pytest.raises(Refusal):
            report(outsider, f"Product: {nasty}\nDescription:\nx", place, subject=nasty)
