"""What the mail about events of one problem says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString, mark_safe

from accounts.models import Person
from notifications.digests.schedule import zone
from notifications.events.targets import find_target, in_words
from notifications.gate import addresses
from notifications.gate.marker import REPLY_ABOVE
from notifications.models import Message, Reach, Reason, Telling
from notifications.plain import excerpt, paragraphs, wrap
from tracker.markdown import render as render_markdown
from tracker.models import Event, Problem
from tracker.text import clean_line
from tracker.timeline import FieldChange, describe
from votes.models import SavedSearch
from votes.saved_searches import may_see

_PATH: Final = re.compile(r'(<a href=")(/\d+")')
# In plain text nothing else tells it, and an answer or a forwarded mail would give it away.
CONFIDENTIAL: Final = "This is confidential."
# Of all that a mail quotes so many characters are shown, and so many of each text in any case: no
# mail is refused for its size, and the rest is behind the link.
CHARS: Final = 100_000
CHARS_OF_EACH: Final = 600
_GROUNDS: Final = {
    Reason.REPORTER: "you reported it",
    Reason.COMMENTER: "you commented on it",
    Reason.ASSIGNEE: "it is assigned to you",
}


@dataclass(frozen=True)
class Happening:
    """What one person did, in words; without a time where the mail tells only that."""

    problem_id: int
    actor: str
    deed: str
    when: str = ""
    text: str = ""
    changes: list[FieldChange] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def headline(self) -> str:
        return f"{self.actor} {self.deed}" + (f" ({self.when})" if self.when else "")

    @property
    def body(self) -> SafeString:
        """Its text as HTML."""
        return html_of(self.text)

    def cut(self, most: int) -> Happening:
        """The same with no more than so many characters of its text."""
        return replace(self, text=excerpt(self.text, most))

    def as_text(self) -> list[str]:
        """Its paragraphs in plain text."""
        return [
            wrap(f"{self.headline}:" if self.text or self.changes else f"{self.headline}."),
            "\n".join(self._change_in_text(change) for change in self.changes),
            "\n".join(f"{name}: {value}" for name, value in self.facts),
            wrap(self.text),
        ]

    def _change_in_text(self, change: FieldChange) -> str:
        if change.is_long:
            return f"{change.field}: changed, see the problem's page"
        if change.is_news:
            return wrap(f"{change.field} {change.new}")
        return wrap(f"{change.field}: {change.old or 'none'} -> {change.new or 'none'}")


@dataclass(frozen=True)
class EventWords:
    """The parts of the mail, in the words of its reader. `takes_answers`: a reply is a comment."""

    problem: Problem
    happenings: list[Happening]
    url: str
    reason: str
    stop_label: str
    stop_url: str
    takes_answers: bool

    @property
    def actors(self) -> list[str]:
        """Who did something, each once."""
        return list(dict.fromkeys(each.actor for each in self.happenings))

    @property
    def marker(self) -> str:
        return REPLY_ABOVE if self.takes_answers else ""

    @property
    def how_to_answer(self) -> str:
        return "Reply to comment; +1 and nothing else is your vote." if self.takes_answers else ""

    @property
    def help_url(self) -> str:
        """Where all that one can do by mail is told."""
        return f"{settings.BASE_URL}/mail/help"

    def as_text(self) -> str:
        """The whole in plain text; lines of ours fit 72 columns."""
        how = [self.how_to_answer, f"More by mail: {self.help_url}"]
        return paragraphs(
            [
                self.marker,
                *(part for each in self.happenings for part in each.as_text()),
                "\n".join(
                    [
                        "-- ",
                        wrap(f"#{self.problem.pk} {self.problem.synopsis}"),
                        *([CONFIDENTIAL] if self.problem.is_confidential else []),
                        self.url,
                        *(how if self.takes_answers else []),
                        "",
                        wrap(f"You get this because {self.reason}."),
                        f"{self.stop_label}:",
                        self.stop_url,
                    ]
                ),
            ]
        )

    def for_html(self) -> dict[str, Any]:
        """What the template prints."""
        return {
            "words": self,
            "title": self.problem.synopsis,
            "settings_url": f"{settings.BASE_URL}/my/subscriptions/",
        }


def html_of(text: str) -> SafeString:
    """Markdown for a mail, in which a path alone leads nowhere."""
    found = _PATH.sub(rf"\g<1>{settings.BASE_URL}\g<2>", render_markdown(text))
    return mark_safe(found)  # noqa: S308 - cleaned by the renderer; only our address was added


def event_words(
    message: Message, ground: Telling | Message, events: Sequence[Event], stop_url: str
) -> EventWords:
    """What `events` of one problem, at least one, mean to the message's reader."""
    problem, person = events[0].problem, message.person
    assert person is not None  # noqa: S101 - held by a constraint of the table
    target = _target_words(ground, problem)
    is_duplicates = ground.reach == Reach.PROBLEM and ground.target_id != problem.pk
    is_own = ground.reason == Reason.OWN_ACT
    return EventWords(
        problem=problem,
        happenings=list(_fitting(happenings(events, person))),
        url=f"{settings.BASE_URL}{problem.get_absolute_url()}",
        reason=_reason_of_duplicate(ground) if is_duplicates else _reason(ground, problem, target),
        stop_label=f"Stop mails about {'what you do' if is_own else target}",
        stop_url=stop_url,
        takes_answers=addresses.is_open(),
    )


def _fitting(told: Iterable[Happening]) -> Iterator[Happening]:
    """The same, cut where it would be too much for one mail."""
    left = CHARS
    for each in told:
        shown = each.cut(max(left, CHARS_OF_EACH))
        left -= len(shown.text)
        yield shown


def happenings(events: Sequence[Event], person: Person) -> list[Happening]:
    """Each of `events` in words, the changes that one person made in a row as one."""
    runs: list[list[Event]] = []
    for event in events:
        if runs and _goes_on(runs[-1][-1], event):
            runs[-1].append(event)
        else:
            runs.append([event])
    shown = {entry.serial: entry.changes for entry in describe(events, person)}
    when = _times([run[0] for run in runs], person) if len(runs) > 1 else [""]
    return [
        Happening(
            problem_id=run[0].problem_id,
            actor=_actor(run[0]),
            deed=_deed(run[0], changes := [c for event in run for c in shown[event.pk]]),
            when=at,
            text=_text(run[0]),
            changes=changes,
            facts=_facts(run[0]),
        )
        for run, at in zip(runs, when, strict=True)
    ]


def _goes_on(earlier: Event, event: Event) -> bool:
    """Whether it is one more change by the same person, with nothing said."""
    both = (earlier, event)
    same = ("problem_id", "actor_id")
    return all(getattr(earlier, name) == getattr(event, name) for name in same) and all(
        each.kind == Event.Kind.CHANGED and not each.note for each in both
    )


def _actor(event: Event) -> str:
    return clean_line(event.actor.handle) if event.actor is not None else "Groundswell"


def _times(events: Sequence[Event], person: Person) -> list[str]:
    """When they were, by the reader's clock; with the day where it was not all on one."""
    local = [event.at.astimezone(zone(person.time_zone)) for event in events]
    is_one_day = len({at.date() for at in local}) == 1
    return [
        f"{at:%H:%M}" if is_one_day else f"{at.day} {at:%B}, {at:%H:%M}"
        for at in local
    ]  # fmt: skip


def _deed(event: Event, changes: list[FieldChange]) -> str:
    if event.kind == Event.Kind.REPORTED:
        return "reported this problem"
    if event.kind == Event.Kind.COMMENTED and event.comment is not None:
        return "commented"
    attached = event.attachment
    if attached is not None and attached.comment_id is None:
        size = filesizeformat(attached.size).replace("\xa0", " ")
        return f"attached {clean_line(attached.name)} ({size})"
    names = list(dict.fromkeys(change.field for change in changes if not change.is_news))
    before_last = f"{', '.join(names[:-1])} and " if names[1:] else ""
    return f"changed {before_last}{names[-1]}" if names else "changed this problem"


def _text(event: Event) -> str:
    if event.kind == Event.Kind.REPORTED:
        problem = event.problem
        repeat = problem.how_to_repeat
        return problem.description + (f"\n\nHow to repeat:\n\n{repeat}" if repeat else "")
    return event.comment.text if event.comment is not None else event.note


def _facts(event: Event) -> list[tuple[str, str]]:
    """What a reader wants to know of a new report before its text, and of files with a comment."""
    if event.comment is not None:
        names = [clean_line(each.name) for each in event.comment.attachments.all()]
        return [("files", ", ".join(names))] if names else []
    if event.kind != Event.Kind.REPORTED:
        return []
    problem = event.problem
    found = [
        ("kind", f"{problem.kind}, {problem.severity}"),
        ("release", str(problem.release or "")),
        ("architecture", problem.architecture),
        ("hardware", problem.hardware),
        ("files", ", ".join(clean_line(each.name) for each in problem.attachments.all())),
    ]
    return [(name, value) for name, value in found if value]


def _target_words(ground: Telling | Message, problem: Problem) -> str:
    """What the subscription covers. The problem may have moved since."""
    if ground.reach == Reach.PROBLEM:
        return "this problem" if ground.target_id == problem.pk else f"#{ground.target_id}"
    if ground.reach == Reach.COMPONENT:
        component = problem.component
        if component.pk != ground.target_id:
            component = find_target(Reach.COMPONENT, ground.target_id) or component  # type: ignore[assignment]
        return f"{component.product}/{component}"
    if ground.reach == Reach.PRODUCT:
        return str(find_target(Reach.PRODUCT, ground.target_id) or problem.product)
    if ground.reach in {Reach.SEARCH, Reach.PATH}:
        found = find_target(ground.reach, ground.target_id)
        if isinstance(found, SavedSearch) and not may_see(ground.person, found):
            found = None
        return clean_line(in_words(found)) if found is not None else "a search or path"
    return "everything"


def _reason(ground: Telling | Message, problem: Problem, target: str) -> str:
    if ground.reason == Reason.OWN_ACT:
        return Reason.OWN_ACT.label
    if ground.reason == Reason.ASSIGNEE and ground.person_id != problem.assignee_id:
        return "it was assigned to you"
    if ground.reason == Reason.MAINTAINER:
        return f"you maintain {target}"
    if ground.reach == Reach.SEARCH:
        return f"you watch {target}, which finds this now"
    if ground.reach == Reach.PATH:
        return f"you watch {target}, which this names"
    return _GROUNDS.get(Reason(ground.reason), f"you follow {target}")


def _reason_of_duplicate(ground: Telling | Message) -> str:
    """The words for who is told because of a duplicate."""
    number = f"#{ground.target_id}"
    words = {
        Reason.REPORTER: f"you reported {number}",
        Reason.COMMENTER: f"you commented on {number}",
        Reason.ASSIGNEE: f"{number} is assigned to you",
    }
    return f"{words.get(Reason(ground.reason), f'you follow {number}')}, a duplicate of it"
