"""What the one mail about a change of many problems says to one person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.models import Person
from notifications.events.choices import Pace, occasions_of, paces, wants_own_acts, wishes_of
from notifications.events.mail import CONFIDENTIAL, html_of
from notifications.events.quiet_hours import after_quiet, next_hour
from notifications.gate.suspension import suspended_among
from notifications.models import (
    COVERS_EVERYTHING,
    Message,
    Reach,
    Reason,
    Subscription,
    Telling,
)
from notifications.outbox.envelopes import bulk_message_id
from notifications.plain import paragraphs, wrap
from notifications.policies import writable
from tracker.models import BulkChange, BulkChangeItem, Maintainership, Problem
from tracker.policies import visible_problems
from tracker.timeline import FieldChange, describe

# An undo so soon after is silent: nobody is told of what is no longer so.
WAIT: Final = timedelta(minutes=1)
# Problems that one mail names.
MOST: Final = 100


@dataclass(frozen=True)
class BulkLine:
    """One problem of the mail, and what became of it."""

    problem: Problem
    changes: list[FieldChange]

    @property
    def url(self) -> str:
        return f"{settings.BASE_URL}{self.problem.get_absolute_url()}"


@dataclass(frozen=True)
class BulkWords:
    """The parts of the mail, in the words of its reader."""

    actor: str
    lines: list[BulkLine]
    left_out: int
    comment: str
    is_undo: bool
    stop_url: str

    stop_label = "Stop mails about these"

    @property
    def headline(self) -> str:
        count = len(self.lines) + self.left_out
        many = f"{count} problems" if count > 1 else "a problem"
        if self.is_undo:
            return f"{self.actor} took back a change of {many} that you follow"
        return f"{self.actor} changed {many} that you follow"

    @property
    def settings_url(self) -> str:
        return f"{settings.BASE_URL}/my/subscriptions/"

    def as_text(self) -> str:
        """The whole in plain text; lines of ours fit 72 columns."""
        return paragraphs(
            [
                wrap(f"{self.headline}:"),
                wrap(self.comment),
                *(_in_text(line) for line in self.lines),
                f"and {self.left_out} more." if self.left_out else "",
                "\n".join(
                    [
                        "-- ",
                        "You get this because you follow what was changed:",
                        self.settings_url,
                        f"{self.stop_label}:",
                        self.stop_url,
                    ]
                ),
            ]
        )

    def for_html(self) -> dict[str, Any]:
        """What the template prints."""
        return {"words": self, "title": self.headline, "body": html_of(self.comment)}


def _in_text(line: BulkLine) -> str:
    changes = [
        wrap(f"  {each.field}: {each.old or 'none'} -> {each.new or 'none'}")
        for each in line.changes
    ]
    title = wrap(f"#{line.problem.pk} {line.problem.synopsis}")
    secret = [f"  {CONFIDENTIAL}"] if line.problem.is_confidential else []
    return "\n".join([title, *secret, *changes, line.url])


def bulk_plans(bulk: BulkChange, items: Sequence[BulkChangeItem]) -> list[tuple[Person, Pace]]:
    """Each person whom one of the problems may concern, and how soon they want to know.

    Whom it does concern is asked when the mail is made, with what the person has muted. The same
    number of queries for all.
    """
    found = {person.pk: person for person in writable(_concerned([i.problem for i in items]))}
    actor = found.pop(bulk.actor_id, None)
    if actor is not None and wants_own_acts(actor):
        found[actor.pk] = actor
    suspended = suspended_among([person.email for person in found.values()])
    people = [p for _, p in sorted(found.items()) if p.email.lower() not in suspended]
    occasions = {each for item in items for each in occasions_of(item.event)}
    chosen = paces(people, occasions)
    return [(person, chosen[person.pk]) for person in people]


def bulk_messages(bulk: BulkChange, plans: Sequence[tuple[Person, Pace]]) -> list[Message]:
    """One message for each person who is to get a mail: in a minute, or at the full hour."""
    now = timezone.now()
    soon = {Pace.INSTANTLY: now + WAIT, Pace.HOURLY: next_hour(now + WAIT)}
    wanted = [(person, soon[pace]) for person, pace in plans if pace in soon]
    wishes = wishes_of([person for person, _ in wanted])
    return [
        Message(
            kind=Message.Kind.BULK,
            bulk_change=bulk,
            person=person,
            address=person.email,
            message_id=bulk_message_id(bulk.pk, person.pk),
            due_at=after_quiet(wishes.get(person.pk), person.time_zone, at),
        )
        for person, at in wanted
    ]


def bulk_tellings(
    items: Sequence[BulkChangeItem], plans: Sequence[tuple[Person, Pace]]
) -> list[Telling]:
    """What waits for the digests of those who want it there. Four queries for each of them."""
    problems = [item.problem for item in items]
    tellings = []
    for person, pace in plans:
        if pace != Pace.DIGEST:
            continue
        followed = follows(person, problems)
        tellings += [
            Telling(
                person=person,
                event=item.event,
                reason=Reason.CHOSEN,
                reach=followed[item.problem_id][0],
                target_id=followed[item.problem_id][1],
            )
            for item in items
            if item.problem_id in followed
        ]
    return tellings


def _concerned(problems: Sequence[Problem]) -> Iterable[Person]:
    copies = Problem.objects.filter(head__in=problems).values_list("pk", flat=True)
    numbers = [*(problem.pk for problem in problems), *copies]
    own = Problem.objects.filter(pk__in=numbers).select_related("reporter", "assignee")
    for problem in own:
        yield from (each for each in (problem.reporter, problem.assignee) if each is not None)
    components = {problem.component_id for problem in problems}
    products = {problem.product_id for problem in problems}
    for kept in Maintainership.objects.filter(component__in=components).select_related("person"):
        yield kept.person
    rows = Subscription.objects.filter(is_muted=False).filter(
        Q(problem__in=numbers)
        | Q(component__in=components)
        | Q(product__in=products)
        | COVERS_EVERYTHING
    )
    for row in rows.select_related("person"):
        yield row.person


def bulk_words(message: Message, stop_url: str) -> BulkWords | None:
    """The mail as it is true now; None when there is nothing in it for its reader any more."""
    person, bulk = message.person, message.bulk_change
    assert person is not None  # noqa: S101 - held by a constraint of the table
    assert bulk is not None  # noqa: S101
    undoes = bulk.undoes
    if undoes is not None and not _was_told(person, undoes):
        return None
    undone = BulkChangeItem.objects.filter(bulk_change__undoes=bulk).values("problem")
    items = list(
        bulk.items.filter(problem__in=visible_problems(person).values("pk"))
        .exclude(problem__in=undone)
        .select_related("problem__product", "problem__component", "event__actor")
        .order_by("problem")
    )
    followed = follows(person, [item.problem for item in items])
    mine = [item for item in items if item.problem_id in followed]
    if not mine:
        return None
    entries = describe([item.event for item in mine[:MOST]], person)
    lines = [
        BulkLine(item.problem, entry.changes) for item, entry in zip(mine, entries, strict=False)
    ]
    comment = str(bulk.asked.get("comment", ""))
    left_out = len(mine) - len(lines)
    return BulkWords(bulk.actor.handle, lines, left_out, comment, undoes is not None, stop_url)


def _was_told(person: Person, bulk: BulkChange) -> bool:
    """Whether a mail about `bulk` went to `person`: then its undo is news."""
    states = (Message.State.IN_FLIGHT, Message.State.HANDED_OVER, Message.State.SENT)
    return Message.objects.filter(person=person, bulk_change=bulk, state__in=states).exists()


Followed = tuple[Reach, int | None]


def follows(person: Person, problems: Sequence[Problem]) -> dict[int, Followed]:
    """Those of `problems` of which `person` is told, and what of theirs covers it.

    The closest word decides. Three queries.
    """
    copies = Problem.objects.filter(head__in=problems)
    heads = {copy.pk: copy.head_id for copy in copies}
    own = {copy.head_id for copy in copies if person.pk in (copy.reporter_id, copy.assignee_id)}
    said: dict[tuple[str, int | None], bool] = {
        (row.reach, row.target_id): not row.is_muted
        for row in Subscription.objects.filter(person=person)
    }
    through: dict[int, bool] = defaultdict(bool)
    for number, head in heads.items():
        through[head or 0] |= said.get((Reach.PROBLEM, number), False)
    maintained = set(
        Maintainership.objects.filter(person=person).values_list("component", flat=True)
    )
    found = {}
    for problem in problems:
        of_problem: Followed = (Reach.PROBLEM, problem.pk)
        of_component: Followed = (Reach.COMPONENT, problem.component_id)
        of_product: Followed = (Reach.PRODUCT, problem.product_id)
        is_theirs = person.pk in (problem.reporter_id, problem.assignee_id)
        words: list[tuple[Followed, bool | None]] = [
            (of_problem, said.get(of_problem)),
            (of_problem, is_theirs or None),
            (of_problem, (problem.pk in own or through[problem.pk]) or None),
            (of_component, said.get(of_component)),
            (of_component, problem.component_id in maintained or None),
            (of_product, said.get(of_product)),
            ((Reach.EVERYTHING, None), said.get((Reach.EVERYTHING, None))),
        ]
        covers, is_told = next((each for each in words if each[1] is not None), (of_product, False))
        if is_told:
            found[problem.pk] = covers
    return found
