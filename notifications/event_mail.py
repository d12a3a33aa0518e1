"""What the mail about one event says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString, mark_safe

from accounts.models import Person
from notifications.models import Message, Reach, Reason
from notifications.plain import paragraphs, wrap
from notifications.services import find_target
from tracker.markdown import render as render_markdown
from tracker.models import Event, Problem
from tracker.timeline import FieldChange, describe

_PATH: Final = re.compile(r'(<a href=")(/\d+")')
_GROUNDS: Final = {
    Reason.REPORTER: "you reported it",
    Reason.COMMENTER: "you commented on it",
    Reason.ASSIGNEE: "it is assigned to you",
}


@dataclass(frozen=True)
class EventWords:
    """The parts of the mail, in the words of its reader."""

    problem: Problem
    actor: str
    deed: str
    url: str
    reason: str
    stop_label: str
    stop_url: str
    text: str = ""
    changes: list[FieldChange] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)

    @property
    def headline(self) -> str:
        return f"{self.actor} {self.deed}"

    def as_text(self) -> str:
        """The whole in plain text; lines of ours fit 72 columns."""
        problem = self.problem
        return paragraphs(
            [
                wrap(f"{self.headline}:" if self.text or self.changes else f"{self.headline}."),
                "\n".join(self._change_in_text(change) for change in self.changes),
                "\n".join(f"{name}: {value}" for name, value in self.facts),
                wrap(self.text),
                "\n".join(
                    [
                        "-- ",
                        wrap(f"#{problem.pk} {problem.synopsis}"),
                        self.url,
                        "",
                        wrap(f"You get this because {self.reason}."),
                        f"{self.stop_label}:",
                        self.stop_url,
                    ]
                ),
            ]
        )

    def _change_in_text(self, change: FieldChange) -> str:
        if change.is_long:
            return f"{change.field}: changed, see the problem's page"
        return wrap(f"{change.field}: {change.old or 'none'} -> {change.new or 'none'}")

    def for_html(self) -> dict[str, Any]:
        """What the template prints."""
        return {
            "words": self,
            "title": self.problem.synopsis,
            "body": html_of(self.text),
            "settings_url": f"{settings.BASE_URL}/my/subscriptions/",
        }


def html_of(text: str) -> SafeString:
    """Markdown for a mail, in which a path alone leads nowhere."""
    found = _PATH.sub(rf"\g<1>{settings.BASE_URL}\g<2>", render_markdown(text))
    return mark_safe(found)  # noqa: S308 - cleaned by the renderer; only our address was added


def event_words(message: Message, event: Event, person: Person, stop_url: str) -> EventWords:
    """What `event` means to `person`."""
    problem = event.problem
    (entry,) = describe([event], person)
    target = _target_words(message, problem)
    is_duplicates = message.reach == Reach.PROBLEM and message.target_id != problem.pk
    return EventWords(
        problem=problem,
        actor=event.actor.handle if event.actor is not None else "Groundswell",
        deed=_deed(event, entry.changes),
        url=f"{settings.BASE_URL}{problem.get_absolute_url()}",
        reason=_reason_of_duplicate(message)
        if is_duplicates
        else _reason(message, problem, target),
        stop_label=f"Stop mails about {target}",
        stop_url=stop_url,
        text=_text(event),
        changes=entry.changes,
        facts=_facts(event, problem),
    )


def _deed(event: Event, changes: list[FieldChange]) -> str:
    if event.kind == Event.Kind.REPORTED:
        return "reported this problem"
    if event.kind == Event.Kind.COMMENTED:
        return "commented"
    if event.kind == Event.Kind.ATTACHED and event.attachment is not None:
        size = filesizeformat(event.attachment.size).replace("\xa0", " ")
        return f"attached {event.attachment.name} ({size})"
    names = [change.field for change in changes]
    return (
        f"changed {', '.join(names[:-1]) + ' and ' if names[1:] else ''}{names[-1]}"
        if (names)
        else "changed this problem"
    )


def _text(event: Event) -> str:
    if event.kind == Event.Kind.REPORTED:
        problem = event.problem
        repeat = problem.how_to_repeat
        return problem.description + (f"\n\nHow to repeat:\n\n{repeat}" if repeat else "")
    return event.comment.text if event.comment is not None else event.note


def _facts(event: Event, problem: Problem) -> list[tuple[str, str]]:
    """What a reader wants to know of a new report before its text, and of files with a comment."""
    if event.comment is not None:
        names = event.comment.attachments.values_list("name", flat=True)
        return [("files", ", ".join(names))] if names else []
    if event.kind != Event.Kind.REPORTED:
        return []
    found = [
        ("kind", f"{problem.kind}, {problem.severity}"),
        ("release", str(problem.release or "")),
        ("architecture", problem.architecture),
        ("hardware", problem.hardware),
        ("files", ", ".join(problem.attachments.values_list("name", flat=True))),
    ]
    return [(name, value) for name, value in found if value]


def _target_words(message: Message, problem: Problem) -> str:
    """What the subscription covers. The problem may have moved since."""
    if message.reach == Reach.PROBLEM:
        return "this problem" if message.target_id == problem.pk else f"#{message.target_id}"
    if message.reach == Reach.COMPONENT:
        component = problem.component
        if component.pk != message.target_id:
            component = find_target(Reach.COMPONENT, message.target_id) or component  # type: ignore[assignment]
        return f"{component.product}/{component}"
    if message.reach == Reach.PRODUCT:
        return str(find_target(Reach.PRODUCT, message.target_id) or problem.product)
    return "everything"


def _reason(message: Message, problem: Problem, target: str) -> str:
    if message.reason == Reason.ASSIGNEE and message.person_id != problem.assignee_id:
        return "it was assigned to you"
    if message.reason == Reason.MAINTAINER:
        return f"you maintain {target}"
    return _GROUNDS.get(Reason(message.reason), f"you follow {target}")


def _reason_of_duplicate(message: Message) -> str:
    """The words for who is told because of a duplicate."""
    number = f"#{message.target_id}"
    words = {
        Reason.REPORTER: f"you reported {number}",
        Reason.COMMENTER: f"you commented on {number}",
        Reason.ASSIGNEE: f"{number} is assigned to you",
    }
    return f"{words.get(Reason(message.reason), f'you follow {number}')}, a duplicate of it"
