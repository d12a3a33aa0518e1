"""The planned stories as rows. Nobody is notified: these things happened to nobody."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models.functions import Lower

from accounts.models import Person, Role
from accounts.services import grant_role
from tracker.models import (
    Attachment,
    Comment,
    Component,
    Door,
    Event,
    Maintainership,
    Problem,
    Product,
    Release,
    Resolution,
    State,
)
from tracker.products import set_maintainers
from tracker.services import store_file
from tracker.text_index import services as text_index
from votes.demo.gone import store_gone
from votes.demo.people import ROLE_ACCOUNTS, Cast, DemoPerson, make_cast
from votes.demo.stories import SPAN, Step, Story, Teller
from votes.demo.texts import ProductTexts, ages_of_releases, load_products
from votes.models import Vote
from votes.policies import YOUNG_PER_PROBLEM
from votes.recounting import find_wrong, repair

BATCH: Final = 500


class AlreadyThere(Exception):
    """The demonstration was added before, or something has taken its place; the message says."""


@dataclass
class Filled:
    """How much was added."""

    people: int = 0
    problems: int = 0
    comments: int = 0
    votes: int = 0
    attachments: int = 0


@dataclass
class _Shelves:
    """What was stored, by the names that stories use."""

    people: list[Person]
    products: dict[str, Product] = field(default_factory=dict)
    components: dict[tuple[str, str], Component] = field(default_factory=dict)
    releases: dict[tuple[str, str], Release] = field(default_factory=dict)


def check_absent() -> None:
    """Raise `AlreadyThere` when any part of the demonstration has its name taken."""
    products = load_products()
    slugs = {product.slug for product in products}
    there = Product.objects.filter(slug__in=slugs).count()
    addresses = [f"{role}@example.org" for role, _, _ in ROLE_ACCOUNTS]
    people = Person.objects.filter(email__in=addresses).count()
    if there == len(slugs) and people == len(addresses):
        raise AlreadyThere("The demonstration is there already; nothing was changed.")
    if there or people:
        names = ", ".join([*sorted(slugs), *addresses])
        raise AlreadyThere(
            f"Some of these names are taken by something else: {names}. Add the demonstration to "
            "a fresh DATA_DIR."
        )


@transaction.atomic
def fill(seed: int, count: int, until: datetime) -> Filled:
    """Add the demonstration in one transaction. Raises `AlreadyThere`."""
    check_absent()
    products = load_products()
    taken = set(Person.objects.values_list(Lower("handle"), flat=True))
    taken |= {email.split("@")[0] for email in Person.objects.values_list("email", flat=True)}
    cast = make_cast(seed, products, until, taken)
    stories = Teller(seed, products, cast, until).tell(count)
    shelves = _Shelves(_store_people(cast, until))
    for product in products:
        _store_product(product, shelves, until)
    _set_teams(cast, shelves)
    problems = _store_problems(stories, shelves)
    filled = Filled(people=len(cast.people), problems=len(problems))
    _store_history(stories, problems, shelves, filled)
    filled.votes = _store_votes(stories, problems, shelves, cast)
    for wrong in list(find_wrong()):
        repair(wrong)
    store_gone(list(shelves.products.values()), until)
    text_index.index(problems.values())
    return filled


def _store_people(cast: Cast, until: datetime) -> list[Person]:
    people = Person.objects.bulk_create([_person(planned, until) for planned in cast.people])
    EmailAddress.objects.bulk_create(
        EmailAddress(user=person, email=person.email, verified=True, primary=True)
        for person in people
    )
    for role, index in cast.by_role.items():
        if role not in {Role.REPORTER, Role.DEVELOPER}:
            grant_role(people[index], role, by=None)
    return people


def _person(planned: DemoPerson, until: datetime) -> Person:
    return Person(
        handle=planned.handle,
        email=planned.email,
        joined_at=planned.joined_at,
        email_confirmed_at=planned.joined_at + timedelta(minutes=2),
        # Nobody can sign in as the crowd, not even by a mailed code: the addresses lead nowhere.
        password=make_password(planned.password or None),
    )


def _store_product(texts: ProductTexts, shelves: _Shelves, until: datetime) -> None:
    product = Product.objects.create(
        slug=texts.slug, title=texts.title, description=texts.description, created_at=until - SPAN
    )
    shelves.products[texts.slug] = product
    newest = len(texts.releases) - 1
    ages = ages_of_releases(texts)
    for position, (name, age) in enumerate(zip(texts.releases, ages, strict=True)):
        shelves.releases[texts.slug, name] = Release.objects.create(
            product=product, name=name, position=position, released_on=(until - age).date(),
            is_supported=position > newest - 4,
        )  # fmt: skip
    for part in texts.components:
        shelves.components[texts.slug, part.slug] = Component.objects.create(
            product=product, slug=part.slug, title=part.title, description=part.description
        )


def _set_teams(cast: Cast, shelves: _Shelves) -> None:
    for place, team in cast.maintainers.items():
        component = shelves.components[place]
        members = [shelves.people[i] for i in team]
        set_maintainers(component, members, by=None)
        since = min(person.joined_at for person in members)
        Maintainership.objects.filter(component=component).update(since=since)


def _store_problems(stories: list[Story], shelves: _Shelves) -> dict[int, Problem]:
    """id(story) -> its row. The oldest get the lowest numbers."""
    rows = [_problem(story, shelves) for story in stories]
    Problem.objects.bulk_create(rows, BATCH)
    problems = {id(story): row for story, row in zip(stories, rows, strict=True)}
    for story in stories:
        if story.duplicate_of is not None:
            head = problems[id(story.duplicate_of)]
            Problem.objects.filter(pk=problems[id(story)].pk).update(duplicate_of=head, head=head)
    return problems


def _problem(story: Story, shelves: _Shelves) -> Problem:
    final: dict[str, Any] = {}
    for step in story.steps:
        final |= step.changes
    report = story.report
    changed = sum(bool(step.changes) for step in story.steps)
    return Problem(
        product=shelves.products[story.product],
        component=shelves.components[story.product, story.component],
        kind=story.kind, severity=story.severity, is_confidential=story.is_confidential,
        synopsis=report.synopsis, description=report.description,
        how_to_repeat=report.how_to_repeat, architecture=report.architecture,
        hardware=report.hardware, release=shelves.releases[story.product, report.release],
        fixed_in=_fixed_in(story, shelves),
        state=story.state, is_open=story.state != State.CLOSED,
        resolution=final.get("resolution", ""), closed_at=story.closed_at,
        reporter=shelves.people[story.reporter],
        assignee=shelves.people[final["assignee"]] if "assignee" in final else None,
        created_at=story.created_at,
        changed_at=max([story.created_at, *(step.at for step in story.steps)]),
        version=1 + changed,
    )  # fmt: skip


def _fixed_in(story: Story, shelves: _Shelves) -> Release | None:
    """The first release after the fix; the newest where none has come yet."""
    fixed = any(step.changes.get("resolution") == Resolution.FIXED for step in story.steps)
    if not fixed or story.closed_at is None:
        return None
    of_product = [r for (slug, _), r in shelves.releases.items() if slug == story.product]
    day = story.closed_at.date()
    later = [r for r in of_product if r.released_on is not None and r.released_on >= day]
    return later[0] if later else of_product[-1]


def _store_history(
    stories: list[Story], problems: Mapping[int, Problem], shelves: _Shelves, filled: Filled
) -> None:
    """Comments, files and events of all problems, in the order in which they happened."""
    events = [_reported(problems[id(story)], story) for story in stories]
    told = [(problems[id(story)], story, step) for story in stories for step in story.steps]
    told.sort(key=lambda item: item[2].at)
    comments: dict[int, Comment] = {
        id(step): _comment(problem, story, step, problems, shelves)
        for problem, story, step in told
        if step.text
    }
    Comment.objects.bulk_create(comments.values(), BATCH)
    files = {id(step): _attachment(p, step, shelves) for p, _, step in told if step.file}
    Attachment.objects.bulk_create(files.values(), BATCH)
    state = dict.fromkeys(problems, str(State.NEW))
    for problem, story, step in told:
        changes = _changes(story, step, state, problems, shelves)
        events.append(
            Event(
                problem=problem, actor=shelves.people[step.actor], kind=_kind(step),
                door=step.door, changes=changes, comment=comments.get(id(step)),
                attachment=files.get(id(step)), at=step.at,
            )
        )  # fmt: skip
    events.sort(key=lambda event: event.at)
    Event.objects.bulk_create(events, BATCH)
    filled.comments, filled.attachments = len(comments), len(files)


def _reported(problem: Problem, story: Story) -> Event:
    return Event(
        problem=problem, actor=problem.reporter, kind=Event.Kind.REPORTED, door=story.door,
        at=story.created_at,
    )  # fmt: skip


def _kind(step: Step) -> Event.Kind:
    if step.file:
        return Event.Kind.ATTACHED
    return Event.Kind.COMMENTED if step.text else Event.Kind.CHANGED


def _comment(
    problem: Problem, story: Story, step: Step, problems: Mapping[int, Problem], shelves: _Shelves
) -> Comment:
    text = step.text
    if story.duplicate_of is not None:
        text = text.replace("{other}", str(problems[id(story.duplicate_of)].pk))
    return Comment(
        problem=problem, author=shelves.people[step.actor], text=text, door=step.door,
        created_at=step.at,
    )  # fmt: skip


def _attachment(problem: Problem, step: Step, shelves: _Shelves) -> Attachment:
    name, text = step.file or ("", "")
    data = text.encode()
    attachment = Attachment(
        problem=problem, uploader=shelves.people[step.actor], name=name,
        content_type="text/plain", size=len(data), sha256=hashlib.sha256(data).hexdigest(),
        created_at=step.at,
    )  # fmt: skip
    store_file(attachment, ContentFile(data, name))
    return attachment


def _changes(
    story: Story,
    step: Step,
    state: dict[int, str],
    problems: Mapping[int, Problem],
    shelves: _Shelves,
) -> list[dict[str, Any]]:
    """As the history keeps them: old and new in words. `state` is where each problem stands."""
    in_words: dict[str, Callable[[Any], Any]] = {
        "assignee": lambda index: shelves.people[index].handle,
        "duplicate_of": lambda head: problems[id(head)].pk,
    }
    changes = []
    for name, value in step.changes.items():
        old: Any = None if name == "duplicate_of" else ""
        if name == "state":
            old, state[id(story)] = state[id(story)], str(value)
        new = in_words.get(name, str)(value)
        if new != old:
            changes.append({"field": name, "old": old, "new": new})
    return changes


def _store_votes(
    stories: list[Story], problems: Mapping[int, Problem], shelves: _Shelves, cast: Cast
) -> int:
    votes = [
        vote
        for story in stories
        for vote in itertools.chain(
            [_own_vote(story, problems, shelves)], _votes(story, problems, shelves, cast)
        )
    ]
    votes.sort(key=lambda vote: vote.cast_at)
    Vote.objects.bulk_create(votes, BATCH)
    return len(votes)


def _own_vote(story: Story, problems: Mapping[int, Problem], shelves: _Shelves) -> Vote:
    problem = problems[id(story)]
    return Vote(
        problem=problem, person=shelves.people[story.reporter], cast_at=story.created_at,
        status=Vote.Status.COUNTED, release=problem.release, architecture=problem.architecture,
        door=story.door,
    )  # fmt: skip


def _votes(
    story: Story, problems: Mapping[int, Problem], shelves: _Shelves, cast: Cast
) -> list[Vote]:
    room = YOUNG_PER_PROBLEM
    votes = []
    for planned in sorted(story.votes, key=lambda vote: vote.at):
        young = planned.person in cast.newcomers
        room -= young
        waits = young and room < 0
        votes.append(
            Vote(
                problem=problems[id(story)], person=shelves.people[planned.person],
                cast_at=planned.at, is_young=young,
                status=Vote.Status.WAITING if waits else Vote.Status.COUNTED,
                release=shelves.releases.get((story.product, planned.release)),
                architecture=planned.architecture, note=planned.note, door=Door(planned.door),
            )
        )  # fmt: skip
    return votes
