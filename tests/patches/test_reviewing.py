"""Reviews: drafts that only their authors see, sent as a whole; threads; suggestions applied."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Person, Role
from accounts.policies import Denied
from patches import deciding, tasks
from patches.models import LineComment, Patch, PatchEvent, Rating, Review, Thread, Turn
from patches.reviews import reviewing
from patches.reviews.rating import Said
from patches.versions import comparisons
from patches.waiting import turns
from tests.patching import diff, make_patch, newest, next_version, parsed
from tests.people import make_person
from tracker.changes import Conflict
from tracker.drafts import DraftErrors
from tracker.models import Door

pytestmark = pytest.mark.django_db

PATH = "sys/dev/em/if_em.c"


@pytest.fixture
def patch(outsider: Person) -> Patch:
    """Of `outsider`, one commit that changes line 13."""
    came = parsed(diff(new="\treturn (1);"), subjects=["em: fix"], messages=["It hung.\nOften."])
    return make_patch(author=outsider, text=came)


def comment_on(
    patch: Patch, person: Person, start: int = 13, end: int = 13, text: str = "Why?", **at: str
) -> LineComment:
    where = {"path": PATH, "side": "new", **at}
    return reviewing.add_line_comment(
        newest(patch), person, text, commit=1, start=start, end=end, **where
    )


def send(patch: Patch, person: Person, text: str = "", **values: object) -> Review:
    return reviewing.send_review(newest(patch), person, Door.WEB, text=text, **values)  # type: ignore[arg-type]


def test_a_draft_is_its_authors_alone_until_it_is_sent(
    patch: Patch, reporter: Person, second_reporter: Person
) -> None:
    comment = comment_on(patch, reporter, 12, 14)
    assert comment.thread.lines == "\terror = 0;\n\treturn (1);\n }".replace("\n }", "\n}")
    seen = {who: reviewing.threads_for(patch, who).count() for who in (reporter, second_reporter)}
    assert (seen[reporter], seen[second_reporter]) == (1, 0)
    patch.refresh_from_db()
    assert (patch.turn, patch.is_reviewed) == (Turn.REVIEWERS, False)
    review = send(patch, reporter, "Some questions.", verdict="changes")
    assert review.sent_at is not None
    assert reviewing.threads_for(patch, None).get() == comment.thread
    event = patch.events.get(kind=PatchEvent.Kind.REVIEWED)
    assert event.review == review
    assert (event.turn_before, event.turn_after) == (Turn.REVIEWERS, Turn.AUTHOR)
    assert event.data == {"verdict": "changes", "comments": 1, "ratings": [], "resolved": 0}


def test_a_person_has_one_draft_for_a_patch_and_it_moves_on_to_the_newer_version(
    patch: Patch, reporter: Person
) -> None:
    first = newest(patch)
    old = comment_on(patch, reporter)
    next_version(patch, diff(new="\treturn (1);", start=40))
    new = comment_on(patch, reporter, 43, 43)
    assert old.review == new.review == reviewing.draft_of(first, reporter)
    assert new.review.version == newest(patch)
    places = [(p.version.number, p.start) for p in old.thread.places.order_by("version")]
    assert places == [(1, 13), (2, 43)]


def test_a_thread_that_begins_on_an_old_version_has_its_place_in_the_newest(
    patch: Patch, reporter: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = newest(patch)
    next_version(patch, diff(new="\treturn (1);", start=40))

    def begin() -> Thread:
        at = {"start": 13, "end": 13}
        words = reviewing.add_line_comment(
            first, reporter, "Why?", commit=1, path=PATH, side="new", **at
        )
        return words.thread

    assert begin().places.get(version=newest(patch)).start == 43
    monkeypatch.setattr(comparisons, "AT_ONCE_BYTES", 0)
    lands: list[Callable[[], object]] = [
        lambda: tasks.land_threads(patch.pk),
        tasks.sweep_threads,
    ]
    for land in lands:
        large = begin()
        assert not large.places.filter(version=newest(patch)).exists()
        land()
        assert large.places.get(version=newest(patch)).start == 43


@pytest.mark.parametrize(
    ("start", "end", "at", "field", "words"),
    [
        (17, 17, {}, "start", "Not all of the lines 17 to 17"),
        (9, 10, {}, "start", "Not all of the lines"),
        (14, 13, {}, "start", "Lines are counted from 1"),
        (0, 1, {}, "start", "Lines are counted from 1"),
        (10, 99999, {}, "end", "1,000 lines at once"),
        (13, 13, {"path": "sys/x.c"}, "path", "changes no file “sys/x.c”"),
        (13, 13, {"side": "left"}, "side", "Choose one of: old, new"),
        (5, 5, {"path": ""}, "start", "has no such line"),
        (13, 13, {"text": " \u200b"}, "text", "Write something first"),
    ],
)
def test_a_comment_has_to_be_about_lines_of_the_diff(
    start: int, end: int, at: dict[str, str], field: str, words: str,
    patch: Patch, reporter: Person,
) -> None:  # fmt: skip
    with pytest.raises(DraftErrors, match=words) as caught:
        comment_on(patch, reporter, start, end, **at)
    assert list(caught.value.errors) == [field]
    assert not Review.objects.exists()


def test_each_side_and_the_message_have_lines_of_their_own(patch: Patch, reporter: Person) -> None:
    assert comment_on(patch, reporter, side="old").thread.lines == "\treturn (0);"
    message = comment_on(patch, reporter, 1, 3, path="")
    assert message.thread.lines == "em: fix\n\nIt hung."


def test_a_draft_is_edited_emptied_and_thrown_away_by_its_author_alone(
    patch: Patch, reporter: Person, second_reporter: Person
) -> None:
    comment, other = comment_on(patch, reporter), comment_on(patch, reporter, 12, 12)
    with pytest.raises(Denied):
        reviewing.edit_line_comment(comment, second_reporter, "Ha.")
    assert reviewing.edit_line_comment(comment, reporter, "How?").text == "How?"
    reviewing.remove_line_comment(comment, reporter)
    assert list(Thread.objects.all()) == [other.thread]
    with pytest.raises(Conflict, match="no longer there"):
        reviewing.remove_line_comment(comment, reporter)
    assert not reviewing.discard_draft(newest(patch), second_reporter)
    assert reviewing.discard_draft(newest(patch), reporter)
    assert not Review.objects.exists()
    assert not Thread.objects.exists()


def test_what_was_sent_cannot_be_taken_away(patch: Patch, reporter: Person) -> None:
    comment = comment_on(patch, reporter)
    send(patch, reporter)
    for act in (
        lambda: reviewing.edit_line_comment(comment, reporter, "Never mind."),
        lambda: reviewing.remove_line_comment(comment, reporter),
    ):
        with pytest.raises(Conflict, match="It was sent already"):
            act()
    assert not reviewing.discard_draft(newest(patch), reporter)


def test_an_answer_of_a_draft_leaves_the_thread_to_others(
    patch: Patch, reporter: Person, outsider: Person, second_reporter: Person
) -> None:
    begun = comment_on(patch, reporter)
    with pytest.raises(Conflict, match="no such thread"):
        reviewing.answer(begun.thread, outsider, "So.", version=newest(patch))
    send(patch, reporter)
    reviewing.answer(begun.thread, outsider, "", version=newest(patch), resolves=True)
    with pytest.raises(DraftErrors, match="Write something"):
        reviewing.answer(begun.thread, outsider, "", version=newest(patch))
    begun.thread.refresh_from_db()
    assert begun.thread.resolved_at is None
    reviewing.discard_draft(newest(patch), outsider)
    assert begun.thread.comments.get() == begun
    reviewing.answer(begun.thread, outsider, "Done.", version=newest(patch), resolves=True)
    send(patch, outsider)
    begun.thread.refresh_from_db()
    assert begun.thread.resolved_by == outsider
    elsewhere = make_patch()
    with pytest.raises(Conflict, match="another patch"):
        reviewing.answer(begun.thread, outsider, "So.", version=newest(elsewhere))


def test_a_review_with_a_wrong_rating_is_not_sent_at_all(patch: Patch, reporter: Person) -> None:
    comment_on(patch, reporter)
    with pytest.raises(DraftErrors, match="architecture"):
        send(patch, reporter, "Good.", ratings=[Said("quality", 1), Said("works", 1)])
    assert Review.objects.get().sent_at is None
    assert not Rating.objects.exists()
    assert not patch.events.exclude(kind=PatchEvent.Kind.SUBMITTED).exists()
    said = [Said("quality", 1), Said("works", 1, "15.0", "amd64")]
    review = send(patch, reporter, "Good.", ratings=said)
    assert [(r.dimension, r.review) for r in Rating.objects.all()] == [
        ("quality", review), ("works", review),
    ]  # fmt: skip
    refused = [
        ([Said("quality", 1), Said("quality", -1)], "one word for each"),
        ([said[1], Said("fails", 1, architecture="AMD64")], "“Works here” or “Fails here”, not"),
        (said, "all of that already"),
    ]
    for words, why in refused:
        with pytest.raises(DraftErrors, match=why):
            send(patch, reporter, ratings=words)
    assert Review.objects.get() == review


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "Write something first, or comment on a line"),
        ({"verdict": "changes"}, "Say what is to be changed"),
        ({"verdict": "accept", "text": "Yes"}, "Choose one of: comment, changes"),
        ({"text": "x" * 200_001}, "Keep it to 200,000"),
    ],
)
def test_a_review_has_to_say_something(
    values: dict[str, str], words: str, patch: Patch, reporter: Person
) -> None:
    with pytest.raises(DraftErrors, match=words):
        send(patch, reporter, **values)


def test_the_same_review_sent_twice_is_one(patch: Patch, reporter: Person) -> None:
    comment_on(patch, reporter)
    said = {"verdict": "changes", "ratings": [Said("quality", -1)]}
    first = send(patch, reporter, "Hm.", **said)
    assert send(patch, reporter, "Hm.", **said) == first
    other = send(patch, reporter, "Hm!", **said)
    assert patch.events.filter(kind=PatchEvent.Kind.REVIEWED).count() == 2
    assert other != first


def test_nobody_asks_themselves_for_changes_nor_a_decided_patch(
    patch: Patch, outsider: Person, reporter: Person, committer: Person
) -> None:
    with pytest.raises(DraftErrors, match="your own patch"):
        send(patch, outsider, "Bad.", verdict="changes")
    deciding.decline(patch, committer, Door.WEB, note="No.")
    with pytest.raises(Conflict, match="is declined"):
        send(patch, reporter, "Bad.", verdict="changes")
    assert send(patch, reporter, "A pity.").sent_at is not None


def test_resolving_is_told_and_doing_it_again_is_not(patch: Patch, reporter: Person) -> None:
    comment = comment_on(patch, reporter)
    with pytest.raises(Conflict, match="no such thread"):
        reviewing.resolve(comment.thread, reporter, Door.WEB, resolved=True)
    send(patch, reporter)
    for _ in range(2):
        reviewing.resolve(comment.thread, reporter, Door.WEB, resolved=True)
    event = patch.events.get(kind=PatchEvent.Kind.RESOLVED)
    assert event.data == {"resolved": True, "path": PATH, "line": 13}
    assert (event.turn_before, event.turn_after) == (Turn.AUTHOR, Turn.REVIEWERS)


def test_saying_much_costs_no_more_queries_than_saying_little(
    patch: Patch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for more in (1, 9, 20):
        people = [make_person() for _ in range(more)]
        for person in people:
            comment_on(patch, person)
        Review.objects.filter(sent_at=None).update(sent_at=timezone.now(), verdict="changes")
        loaded = Patch.objects.select_related("product").get()
        with django_assert_num_queries(8):
            turns.settle(loaded)


# Suggestions


def suggest(patch: Patch, person: Person, start: int, end: int, *lines: str) -> LineComment:
    words = "\n".join(["So?", "```suggestion", *lines, "```"])
    comment = comment_on(patch, person, start, end, text=words)
    send(patch, person)
    return comment


def text_of(patch: Patch) -> str:
    with newest(patch).file.open("rb") as text:
        return str(text.read(), "utf-8")


def test_suggestions_become_the_next_version(
    patch: Patch, outsider: Person, reporter: Person, second_reporter: Person
) -> None:
    one = suggest(patch, reporter, 13, 13, "\tif (sc == NULL)", "\t\treturn (1);")
    two = suggest(patch, second_reporter, 10, 11, "\tint error, n;")
    version = reviewing.apply_suggestions(patch, outsider, [one, two], Door.WEB)
    assert text_of(patch) == (
        f"diff --git a/{PATH} b/{PATH}\n"
        f"--- a/{PATH}\n"
        f"+++ b/{PATH}\n"
        "@@ -10,7 +10,7 @@ em_watchdog(struct adapter *sc)\n"
        "-\tint error;\n"
        "-\n"
        "+\tint error, n;\n"
        " \terror = 0;\n"
        "-\treturn (0);\n"
        "+\tif (sc == NULL)\n"
        "+\t\treturn (1);\n"
        " }\n"
        " \n"
        " static void\n"
    )
    assert (version.number, version.note) == (2, "With suggestions by rita, sam.")
    assert (version.added, version.removed, version.kind) == (3, 3, "series")
    assert version.commits.get().message == "It hung.\nOften."
    for comment in (one, two):
        comment.refresh_from_db()
        assert comment.applied_in == version
        assert comment.thread.resolved_by == outsider
    patch.refresh_from_db()
    assert (patch.turn, patch.is_reviewed) == (Turn.REVIEWERS, False)
    with pytest.raises(Conflict, match="applied already"):
        reviewing.apply_suggestions(patch, outsider, [one], Door.WEB)


def test_what_stands_below_a_suggestion_moves_along(outsider: Person, reporter: Person) -> None:
    second = diff(new="\treturn (2);", start=80).split(b"\n@@", 1)[1]
    third = diff("sys/net/if.c", new="\treturn (3);")
    text = diff(new="\treturn (1);") + b"@@" + second + third
    patch = make_patch(author=outsider, text=text)
    one = suggest(patch, reporter, 13, 13, "\ta();", "\tb();", "\tc();")
    reviewing.apply_suggestions(patch, outsider, [one], Door.WEB)
    came = text_of(patch)
    assert "@@ -10,7 +10,9 @@" in came
    assert "@@ -80,7 +82,7 @@" in came
    assert came.endswith(third.decode())
    for file in newest(patch).files.all():
        for old, old_lines, new, new_lines, offset, _ in file.hunks:
            assert came[offset:].startswith(f"@@ -{old},{old_lines} +{new},{new_lines} @@")


def test_a_suggestion_that_undoes_the_change_of_a_line_takes_it_out(
    outsider: Person, reporter: Person
) -> None:
    text = diff("a.c") + diff("b.c", new="\treturn (2);")
    patch = make_patch(author=outsider, text=text)
    comment = comment_on(patch, reporter, path="a.c", text="```suggestion\n\treturn (0);\n```")
    send(patch, reporter)
    reviewing.apply_suggestions(patch, outsider, [comment], Door.WEB)
    assert text_of(patch) == diff("b.c", new="\treturn (2);").decode()
    last = comment_on(patch, reporter, path="b.c", text="```suggestion\n\treturn (0);\n```")
    send(patch, reporter)
    with pytest.raises(Conflict, match="leave nothing of a commit"):
        reviewing.apply_suggestions(patch, outsider, [last], Door.WEB)


def test_suggestions_that_do_not_fit_are_refused_with_the_reason(
    patch: Patch, outsider: Person, reporter: Person
) -> None:
    def refused(words: str, *comments: LineComment, by: Person = outsider) -> None:
        with pytest.raises(Conflict, match=words):
            reviewing.apply_suggestions(patch, by, comments, Door.WEB)

    one, two = (suggest(patch, reporter, 12, 13, line) for line in ("\ta();", "\tb();"))
    talk = comment_on(patch, reporter)
    old = comment_on(patch, reporter, side="old", text="```suggestion\nx\n```")
    refused("still there", talk)
    send(patch, reporter)
    refused("suggests no lines", talk)
    refused("as they are after the patch", old)
    refused("about the same lines", one, two)
    refused("still there")
    with pytest.raises(Denied):
        reviewing.apply_suggestions(patch, reporter, [one], Door.WEB)
    next_version(patch, parsed(diff(new="\tpanic();"), subjects=["em: fix"]))
    refused("were changed since", one)
    assert patch.versions.count() == 2


def test_later_commits_go_on_from_the_lines_that_were_suggested(
    outsider: Person, reporter: Person
) -> None:
    came = parsed(diff(), diff(start=70), subjects=["One", "Two"])
    patch = make_patch(author=outsider, text=came)
    one = suggest(patch, reporter, 13, 13, "\ta();", "\tb();")
    version = reviewing.apply_suggestions(patch, outsider, [one], Door.WEB)
    first, second = version.files.all()
    assert first.hunks[0][:4] == [10, 7, 10, 8]
    assert second.hunks[0][:4] == [71, 7, 71, 7]
    assert "@@ -71,7 +71,7 @@" in text_of(patch)
    robot = make_person("robot", Role.MACHINE)
    assert send(patch, robot, "I built it.").sent_at is not None
