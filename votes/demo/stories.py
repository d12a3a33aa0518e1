"""What becomes of each problem, planned from a seed: who says what when, and who votes.

Nothing here touches the database. Times are real ones, people are indexes into the cast.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tracker.models import Door, Kind, Resolution, Severity, State
from votes.demo.people import Cast
from votes.demo.texts import (
    Facts,
    Family,
    ProductTexts,
    Report,
    ages_of_releases,
    block_for,
    choose_synopsis,
    facts,
    load_common,
    write_log,
    write_report,
)

NOT_YET: Final = datetime.min.replace(tzinfo=UTC)
SPAN: Final = timedelta(days=730)
DOORS: Final = [Door.WEB] * 6 + [Door.CLIENT] * 3 + [Door.API] + [Door.MAIL]
# How many problems are known to everybody, and to how many people.
FAMOUS: Final = 14


@dataclass
class Step:
    """Something that happened to a problem: words, a change of its fields, a file, or several."""

    actor: int
    text: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    file: tuple[str, str] | None = None
    # Set when all steps are known.
    at: datetime = NOT_YET
    door: Door = Door.WEB


@dataclass
class PlannedVote:
    person: int
    at: datetime
    release: str = ""
    architecture: str = ""
    note: str = ""
    door: Door = Door.WEB


@dataclass
class Story:
    """One problem from its report to what it is today."""

    product: str
    component: str
    kind: str
    severity: str
    report: Report
    reporter: int
    created_at: datetime
    end: datetime
    door: Door
    is_confidential: bool = False
    # Whether it is the one that its family's particulars were written for.
    is_first: bool = False
    steps: list[Step] = field(default_factory=list)
    votes: list[PlannedVote] = field(default_factory=list)
    duplicate_of: Story | None = None
    state: str = State.NEW
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def closed_at(self) -> datetime | None:
        return self.steps[-1].at if self.state == State.CLOSED else None


class Teller:
    """Makes the stories. The same seed, number and time give the same stories."""

    def __init__(
        self, seed: int, products: list[ProductTexts], cast: Cast, until: datetime
    ) -> None:
        self.chance = random.Random(f"stories {seed}")  # noqa: S311 - it is to be repeatable
        self.common = load_common()
        self.products = {product.slug: product for product in products}
        self.families = [f for p in products for c in p.components for f in c.families]
        self.cast = cast
        self.until = until
        self.taken: dict[Family, set[str]] = defaultdict(set)

    def tell(self, count: int) -> list[Story]:
        """`count` stories, oldest first."""
        families = self._spread([family.share for family in self.families], count)
        times = sorted(self._some_time() for _ in families)
        self.chance.shuffle(families)
        stories = [self._begin(*each) for each in zip(families, times, strict=True)]
        self._find_duplicates(stories)
        for story in stories:
            if story.duplicate_of is None:
                self._live(story)
        for story in stories:
            if story.duplicate_of is not None:
                self._end_as_duplicate(story)
        self._vote(stories)
        return stories

    def _spread(self, shares: list[int], count: int) -> list[Family]:
        """Each family as often as its share says, the rest by chance."""
        exact = [share * count / sum(shares) for share in shares]
        families = [f for f, n in zip(self.families, exact, strict=True) for _ in range(int(n))]
        open_families = [family for family in self.families if not family.confidential]
        return families + self.chance.sample(open_families * 3, count - len(families))

    def _some_time(self) -> datetime:
        """A little more of late than at the start."""
        age = SPAN * (1 - self.chance.random() ** 0.8)
        time: datetime = self.until - age - timedelta(minutes=self.chance.randrange(20, 1440))
        return time.replace(microsecond=0)

    def _begin(self, family: Family, created: datetime) -> Story:
        chance = self.chance
        known = self._facts(self.products[family.product], created, family.hardware)
        synopsis = choose_synopsis(chance, family, self.taken[family], known)
        story = Story(
            product=family.product, component=family.component, kind=family.kind,
            severity=chance.choice(family.severity),
            report=write_report(chance, family, synopsis, known, self.common),
            reporter=self.cast.somebody(chance, created), created_at=created, end=self.until,
            door=chance.choice(DOORS), is_confidential=family.confidential,
            is_first=synopsis[1] == 0,
        )  # fmt: skip
        story.fields["family"], story.fields["facts"] = family, known
        return story

    def _facts(
        self, product: ProductTexts, at: datetime, hardware: list[str] | None = None
    ) -> Facts:
        """Facts of somebody who writes at that time: no release from the future."""
        age = self.until - at
        out = [i for i, ago in enumerate(ages_of_releases(product)) if ago > age]
        newest = max(1, *out)
        return facts(self.chance, product, newest, hardware)

    def _find_duplicates(self, stories: list[Story]) -> None:
        """Later reports of a family say in other words what its first one has said."""
        by_family: dict[Family, list[Story]] = defaultdict(list)
        for story in stories:
            by_family[story.fields["family"]].append(story)
        for family, (head, *others) in by_family.items():
            later = [s for s in others if s.created_at > head.created_at + timedelta(days=1)]
            chosen = self.chance.sample(later, min(len(later), len(family.again)))
            for story, words in zip(chosen, family.again, strict=False):
                if self.chance.random() < 0.7:
                    story.duplicate_of = head
                    story.report = write_report(
                        self.chance, family, (words, 0), story.fields["facts"], self.common
                    )

    # What becomes of it

    def _live(self, story: Story) -> None:
        age = self.until - story.created_at
        chance = self.chance
        self._maybe_attach(story)
        if age < timedelta(days=4) or chance.random() < 0.12:
            steps: list[Step] = []
        else:
            steps = self._fate(story)(story)
        if chance.random() < 0.5 and steps:
            steps[1:1] = self._me_too(story, chance.choice([1, 1, 2, 3]))
        self._set_times(story, steps)
        story.steps += steps
        self._sum_up(story)

    def _fate(self, story: Story) -> Callable[[Story], list[Step]]:
        old = (self.until - story.created_at) > timedelta(days=30)
        if story.is_confidential:
            return self._fixed if old else self._worked_on
        if story.kind == Kind.ENHANCEMENT:
            return self._pick({self._fixed: 4, self._refused: 3, self._opened: 6})
        ended = 6 if old else 1
        return self._pick(
            {
                self._fixed: 5 * ended, self._dismissed: ended, self._unanswered: ended,
                self._opened: 18, self._worked_on: 8, self._asked: 5, self._patched: 3,
                self._suspended: 2,
            }
        )  # fmt: skip

    def _pick(
        self, weights: dict[Callable[[Story], list[Step]], int]
    ) -> Callable[[Story], list[Step]]:
        return self.chance.choices(list(weights), list(weights.values()))[0]

    def _say(self, name: str, story: Story) -> str:
        """One of the common blocks, with facts of its own speaker; none twice in a story."""
        said: set[str] = story.fields.setdefault("said", set())
        block = block_for(self.common, name, story.kind)
        if not story.report.log:
            block = [text for text in block if "{log}" not in text]
        text = self.chance.choice([text for text in block if text not in said] or block)
        said.add(text)
        known = self._facts(self.products[story.product], story.created_at)
        known.values["log"] = story.fields["facts"].values["log"]
        return known.fill(text)

    def _own_words(self, story: Story, name: str, otherwise: str) -> str:
        """What the family's maintainer says of its first synopsis, for which it was written."""
        family: Family = story.fields["family"]
        known: Facts = story.fields["facts"]
        return known.fill(getattr(family, name)) if story.is_first else self._say(otherwise, story)

    def _maintainer(self, story: Story) -> int:
        return self.chance.choice(self.cast.maintainers[story.product, story.component])

    def _opened(self, story: Story) -> list[Step]:
        text = self._say("triage", story) if self.chance.random() < 0.4 else ""
        steps = [Step(self.cast.triager, text, {"state": State.OPEN})]
        if self.chance.random() < 0.5:
            steps += self._question(story)
        return steps

    def _question(self, story: Story) -> list[Step]:
        ask = self._own_words(story, "ask", "questions")
        steps = [Step(self._maintainer(story), ask)]
        if self.chance.random() < 0.8:
            steps.append(Step(story.reporter, self._say("answers", story)))
        return steps

    def _worked_on(self, story: Story) -> list[Step]:
        who = self._maintainer(story)
        taken = {"assignee": who, "state": State.IN_PROGRESS}
        found = Step(who, self._own_words(story, "cause", "causes"))
        return [*self._opened(story), Step(who, self._say("working", story), taken), found]

    def _asked(self, story: Story) -> list[Step]:
        ask = self._own_words(story, "ask", "questions")
        steps = [Step(self.cast.triager, "", {"state": State.OPEN})]
        return [*steps, Step(self._maintainer(story), ask, {"state": State.FEEDBACK})]

    def _patched(self, story: Story) -> list[Step]:
        steps = self._worked_on(story)
        who = steps[-1].actor
        return [*steps, Step(who, self._say("patched", story), {"state": State.PATCHED})]

    def _suspended(self, story: Story) -> list[Step]:
        text = "This waits for the new interface, which is being written. I will come back to it."
        return [
            *self._opened(story),
            Step(self._maintainer(story), text, {"state": State.SUSPENDED}),
        ]

    def _fixed(self, story: Story) -> list[Step]:
        steps = self._patched(story) if self.chance.random() < 0.4 else self._worked_on(story)
        who = steps[-1].actor
        if self.chance.random() < 0.5:
            steps.append(Step(story.reporter, self._say("confirmed", story)))
        text = self._own_words(story, "fix", "fixed")
        return [*steps, Step(who, text, self._closing(Resolution.FIXED))]

    def _refused(self, story: Story) -> list[Step]:
        return self._closed_with(story, "wont_fix", Resolution.WILL_NOT_FIX)

    def _dismissed(self, story: Story) -> list[Step]:
        name, resolution = self.chance.choice(
            [
                ("not_a_defect", Resolution.NOT_A_DEFECT),
                ("cannot_reproduce", Resolution.CANNOT_REPRODUCE),
                ("overtaken", Resolution.OVERTAKEN),
            ]
        )
        return self._closed_with(story, name, resolution)

    def _unanswered(self, story: Story) -> list[Step]:
        steps = self._asked(story)
        text = self._say("timeout", story)
        return [*steps, Step(self.cast.triager, text, self._closing(Resolution.FEEDBACK_TIMEOUT))]

    def _closed_with(self, story: Story, name: str, resolution: Resolution) -> list[Step]:
        steps = self._opened(story)
        text = self._say(name, story)
        return [*steps, Step(self._maintainer(story), text, self._closing(resolution))]

    def _closing(self, resolution: Resolution) -> dict[str, Any]:
        return {"state": State.CLOSED, "resolution": resolution}

    def _me_too(self, story: Story, count: int) -> list[Step]:
        if story.is_confidential:
            return []
        people = [self.cast.somebody(self.chance, story.created_at) for _ in range(count)]
        return [
            Step(person, self._say("me_too", story))
            for person in dict.fromkeys(people)
            if person != story.reporter
        ]

    def _maybe_attach(self, story: Story) -> None:
        if story.kind == Kind.DEFECT and self.chance.random() < (0.6 if story.report.log else 0.1):
            name = self.chance.choice(["messages.txt", "trace.log", "console.txt", "session.log"])
            at = story.created_at + timedelta(minutes=2)
            file = (name, write_log(self.chance, story.report))
            story.steps.append(Step(story.reporter, file=file, at=at, door=story.door))

    def _end_as_duplicate(self, story: Story) -> None:
        head = story.duplicate_of
        steps = self._me_too(story, self.chance.choice([0, 0, 1]))
        closing = self._closing(Resolution.DUPLICATE) | {"duplicate_of": head}
        steps.append(Step(self.cast.triager, self._say("duplicate", story), closing))
        story.end = min(self.until, story.created_at + timedelta(days=self.chance.randrange(2, 40)))
        self._set_times(story, steps)
        story.steps += steps
        self._sum_up(story)

    # When

    def _set_times(self, story: Story, steps: list[Step]) -> None:
        """Quick at first and slower later, all before the end."""
        first = story.steps[-1].at if story.steps else story.created_at
        room = story.end - first
        pace = timedelta(days=self.chance.choice([6, 20, 45, 90]))
        reach = min(room * 0.97, pace * (1 + len(steps)))
        fractions = sorted(self.chance.random() ** 1.5 for _ in steps)
        for step, fraction in zip(steps, fractions, strict=True):
            step.at = (first + reach * (0.01 + 0.99 * fraction)).replace(microsecond=0)
            step.door = self.chance.choice(DOORS) if step.text and not step.changes else Door.WEB
        for before, after in itertools.pairwise(steps):
            after.at = max(after.at, before.at + timedelta(minutes=3))

    def _sum_up(self, story: Story) -> None:
        for step in story.steps:
            story.state = step.changes.get("state", story.state)
        if story.state == State.CLOSED:
            story.end = story.steps[-1].at

    # Who votes

    def _vote(self, stories: list[Story]) -> None:
        chance = self.chance
        public = [s for s in stories if not s.is_confidential]
        famous = self._famous(public)
        for story in public:
            size = min(45, int(2.2 * chance.paretovariate(0.95)) - 2)
            if story in famous:
                size = chance.randrange(40, 150)
            for at in self._shape(story)(story, size):
                self._cast_vote(story, at)
            self._people_who_spoke_vote(story)
        still_open = [s for s in public if s.state != State.CLOSED and s.duplicate_of is None]
        self._newcomers(max(still_open, key=lambda s: _recent(s, self.until)))

    def _famous(self, stories: list[Story]) -> list[Story]:
        """What many people know is mostly what hurts, and somebody has looked at it."""
        lasting = [
            story
            for story in stories
            if story.duplicate_of is None
            and story.state != State.NEW
            and story.end - story.created_at > timedelta(days=25)
        ]
        grave = [s for s in lasting if s.severity in {Severity.CRITICAL, Severity.MAJOR}]
        wishes = [s for s in lasting if s.kind == Kind.ENHANCEMENT]
        few = min(FAMOUS // 5, len(wishes))
        many = min(FAMOUS - few, len(grave))
        return self.chance.sample(grave, many) + self.chance.sample(wishes, few)

    def _shape(self, story: Story) -> Callable[[Story, int], list[datetime]]:
        old = self.until - story.created_at > timedelta(days=400)
        shapes = [self._steady, self._rising, self._sudden]
        return self.chance.choice([*shapes, self._old_fame] if old else shapes)

    def _between(self, story: Story, fractions: list[float]) -> list[datetime]:
        room = story.end - story.created_at
        return [story.created_at + room * min(max(f, 0.0), 0.999) for f in fractions]

    def _steady(self, story: Story, size: int) -> list[datetime]:
        return self._between(story, [self.chance.random() for _ in range(size)])

    def _rising(self, story: Story, size: int) -> list[datetime]:
        return self._between(story, [self.chance.random() ** 0.35 for _ in range(size)])

    def _old_fame(self, story: Story, size: int) -> list[datetime]:
        return self._between(story, [self.chance.expovariate(9) for _ in range(size)])

    def _sudden(self, story: Story, size: int) -> list[datetime]:
        """A trickle, and one week in which everybody seems to have it."""
        week = timedelta(days=7) / max(story.end - story.created_at, timedelta(days=7))
        peak = max(self.chance.random(), self.chance.random())
        return self._between(
            story,
            [
                self.chance.random()
                if self.chance.random() < 0.2
                else self.chance.gauss(peak, week)
                for _ in range(size)
            ],
        )

    def _cast_vote(self, story: Story, at: datetime) -> None:
        chance = self.chance
        person = self.cast.somebody(chance, at)
        voted = story.fields.setdefault("voted", {story.reporter})
        if person in voted:
            return
        voted.add(person)
        vote = PlannedVote(person, at.replace(microsecond=0), door=chance.choice(DOORS))
        if chance.random() < 0.6:
            known = self._facts(self.products[story.product], at)
            vote.release, vote.architecture = known.values["release"], known.values["arch"]
            if chance.random() < 0.25:
                vote.note = known.fill(chance.choice(self.common["vote_notes"]))
        story.votes.append(vote)

    def _people_who_spoke_vote(self, story: Story) -> None:
        voted = story.fields.setdefault("voted", {story.reporter})
        for step in story.steps:
            if step.actor not in voted and step.actor not in self.cast.staff and step.text:
                voted.add(step.actor)
                story.votes.append(PlannedVote(step.actor, step.at, door=step.door))

    def _newcomers(self, story: Story) -> None:
        """Accounts of the last hours: five of their votes count, the others wait."""
        for person in self.cast.newcomers:
            joined = self.cast.people[person].joined_at
            story.votes.append(PlannedVote(person, joined + timedelta(minutes=4)))


def _recent(story: Story, until: datetime) -> float:
    """Roughly its heat today: votes, each worth half after 90 days."""
    return math.fsum(0.5 ** ((until - vote.at) / timedelta(days=90)) for vote in story.votes)
