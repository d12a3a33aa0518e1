"""The patches of the demonstration, made by the services. Nobody is notified: these things happened
to nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, Model, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest

from accounts.models import Person, Role
from patches import deciding, finding
from patches.demo import texts
from patches.demo.texts import Change, Text
from patches.intake import submitting
from patches.intake.submitting import add_version
from patches.models import (
    LineComment,
    Patch,
    PatchEvent,
    PatchFix,
    PatchVersion,
    Rating,
    Review,
    ReviewRequest,
)
from patches.owners import requests
from patches.owners.keeping import set_patterns
from patches.parsed import ParsedPatch
from patches.reviews.rating import Said
from patches.reviews.reviewing import add_line_comment, send_review
from patches.waiting import turns
from tracker.models import OPEN, Component, Door, Event, Problem, Product
from votes.demo.people import ROLE_ACCOUNTS
from votes.models import Vote

CLAIMED: Final = ReviewRequest.State.CLAIMED
PEOPLE: Final = 3
# Nobody is told of what an import does.
QUIET: Final = Door.IMPORT
# The columns that say when something came.
_TIMES: Final[dict[type[Model], tuple[str, ...]]] = {
    PatchVersion: ("created_at",),
    PatchEvent: ("at",),
    PatchFix: ("added_at",),
    Rating: ("at",),
    Review: ("started_at", "sent_at"),
    LineComment: ("created_at",),
    ReviewRequest: ("asked_at",),
    Event: ("at",),
}
_WITH_DOOR: Final = (PatchVersion, PatchEvent, Rating, Review, Event)
PATHS: Final = {
    ("tideland", "net"): "/sys/net/\n",
    ("tideland", "power"): "/sys/power/\n",
    ("tideland", "storage"): "/sys/storage/\n",
    ("tideland", "docs"): "/share/man/\n/doc/\n",
    ("harbor", "sync"): "/src/sync/\n",
}


@transaction.atomic
def fill_patches(until: datetime, people: QuerySet[Person]) -> int:
    """Add the patches to the rest of the demonstration, whose `people` are; how many there are."""
    before = Patch.objects.count()
    _Filling(until, people).fill()
    return Patch.objects.count() - before


class _Filling:
    def __init__(self, until: datetime, people: QuerySet[Person]) -> None:
        self.until = until
        self.products = {each.slug: each for each in Product.objects.all()}
        addresses = [f"{role}@example.org" for role, _, _ in ROLE_ACCOUNTS]
        found = {person.email: person for person in people.filter(email__in=addresses)}
        self.reporter, self.developer, self.triager, self.committer = (
            found[f"{role}@example.org"]
            for role in (Role.REPORTER, Role.DEVELOPER, Role.TRIAGER, Role.COMMITTER)
        )
        taken = {person.pk for person in found.values()}
        crowd = people.filter(joined_at__lt=until - timedelta(days=200), is_active=True)
        self.crowd = list(crowd.exclude(pk__in=taken).order_by("pk")[:12])
        self.used = set[int]()

    def fill(self) -> None:
        for (product, slug), patterns in PATHS.items():
            component = Component.objects.filter(product__slug=product, slug=slug).first()
            if component is not None:
                set_patterns(component, self.triager, patterns)
        for make in (
            self._forgotten,
            self._discussed,
            self._for_three,
            self._objected,
            self._ready,
            self._integrated,
            self._declined,
            self._fresh,
        ):
            self._settle(make())

    # The patches, the oldest first

    def _forgotten(self) -> Patch:
        fixes = self._about("tideland", "power", "stays at the lowest step", days=131)
        title = "governor: Look at the load again when the charger is pulled"
        return self._submit(title, texts.GOVERNOR, self.crowd[0], fixes, days=131)

    def _discussed(self) -> Patch:
        """Two versions, a talk about its lines, two testers, and more reviews to come."""
        author, title = self.crowd[1], "tg: Do not reset a ring that was paused"
        message = "The other side may pause a ring for longer than the timer.\n"
        manual = Text([texts.MANUAL], "tg.4: Say when a ring is reset")
        first = [Text([texts.WATCHDOG], title, message), manual]
        fixes = self._about("tideland", "net", "flow control", days=40, count=2)
        patch = self._submit(title, first, author, fixes, days=40)
        self._at(patch, 33, lambda: _remark(patch, self.developer))
        second = _parsed([Text([texts.WATCHDOG_SHORTER], title, message), manual], author)
        note = "Without the strikes."
        self._at(patch, 29, lambda: add_version(patch, second, author, QUIET, note=note))
        for days, tester, architecture in ((21, 2, "amd64"), (12, 3, "arm64")):
            said = Said("works", 1, architecture=architecture)
            self._say(patch, days, self.crowd[tester], said)
        return patch

    def _for_three(self) -> Patch:
        """What it fixes, three people have; two of its problems share one of them."""
        fixes = _problems_of_three(self.products["tideland"], self.until - timedelta(days=19))
        title = "Round sizes once, when they are printed"
        return self._submit(title, texts.SIZES, self.crowd[4], fixes, days=19)

    def _objected(self) -> Patch:
        fixes = self._about("harbor", "sync", "differ only in case", days=16)
        title = "Keep both of two names that differ only in case"
        patch = self._submit(title, texts.CONFLICTS, self.reporter, fixes, days=16)
        words = "`lower` is not enough for names like “STRASSE”: should this be `casefold`?"
        self._say(patch, 9, self.developer, Said("quality", -1), text=words, verdict="changes")
        return patch

    def _ready(self) -> Patch:
        fixes = self._about("tideland", "boot", "environments that were deleted", days=11)
        title = "loader: Leave deleted boot environments out of the menu"
        patch = self._submit(title, texts.MENU, self.developer, fixes, days=11)
        self._say(patch, 5, self.crowd[5], Said("works", 1, architecture="amd64"))
        self._say(patch, 3, self.committer, Said("quality", 1))
        return patch

    def _integrated(self) -> Patch:
        fixes = self._about("tideland", "docs", "chapter on jails", days=60)
        title = "handbook: Jails need no such option any more"
        patch = self._submit(title, texts.HANDBOOK, self.crowd[6], fixes, days=60)
        self._say(patch, 52, self.committer, Said("quality", 1), Said("documentation", 1))

        def integrate() -> None:
            commit = "5e1f0c2d9ab4"
            deciding.integrate(patch, self.committer, QUIET, commit=commit, mark_problems=False)

        self._at(patch, 51, integrate)
        return patch

    def _declined(self) -> Patch:
        fixes = self._about("harbor", "restore", "on battery is postponed", days=75)
        title = "Make backups on battery down to a fifth of its charge"
        patch = self._submit(title, texts.BATTERY, self.crowd[7], fixes, days=75)
        note = (
            "Many need those hours for something else. To ask once, and remember, would be right."
        )
        self._at(patch, 70, lambda: deciding.decline(patch, self.committer, QUIET, note=note))
        return patch

    def _fresh(self) -> Patch:
        """Somebody has just said that they look at it."""
        fixes = self._about("harbor", "restore", "takes longer than a day", days=2)
        title = "check: Verify each chunk once"
        patch = self._submit(title, texts.CHECK, self.crowd[8], fixes, days=2)
        self._at(patch, 1, lambda: requests.claim(patch, self.developer, QUIET))
        when = self.until - timedelta(days=1)
        ReviewRequest.objects.filter(patch=patch, state=CLAIMED).update(answered_at=when)
        return patch

    # Steps

    def _submit(
        self,
        title: str,
        text: Change | list[Text],
        author: Person,
        fixes: list[Problem],
        *,
        days: int,
    ) -> Patch:
        parsed = _parsed(text if isinstance(text, list) else [Text([text])], author)
        last, product = _last(Patch), fixes[0].product

        def submit() -> None:
            submitting.submit(parsed, author, QUIET, product, title=title, fixes=fixes)

        self._at(None, days, submit)
        when = self.until - timedelta(days=days)
        rows = Patch.objects.filter(pk__gt=last)
        rows.update(created_at=when, turn_since=when, changed_at=when)
        _touch(fixes, when)
        return rows.get()

    def _about(
        self, product: str, component: str, words: str, *, days: int, count: int = 1
    ) -> list[Problem]:
        """Open problems with these words, or else those of the component that most have; of those
        of which nothing was said since."""
        before = self.until - timedelta(days=days)
        rows = _open(self.products[product]).exclude(pk__in=self.used)
        quiet = rows.filter(changed_at__lt=before).order_by("-people", "number")
        named = quiet.filter(synopsis__icontains=words)[:count]
        biggest = quiet.filter(component__slug=component)[:count]
        found = list(named) or list(biggest) or list(rows.order_by("number")[:count])
        self.used |= {problem.pk for problem in found}
        return found

    def _say(
        self, patch: Patch, days: int, person: Person, *said: Said, text: str = "",
        verdict: str = Review.Verdict.COMMENT,
    ) -> None:  # fmt: skip
        def send() -> None:
            version = _newest(patch)
            send_review(version, person, QUIET, text=text, verdict=verdict, ratings=said)

        self._at(patch, days, send)

    def _at(self, patch: Patch | None, days: int, deed: Callable[[], object]) -> None:
        """Do something as if it were so many days before the end."""
        when = self.until - timedelta(days=days)
        last = {model: _last(model) for model in _TIMES}
        turn = _turn(patch)
        deed()
        for model, columns in _TIMES.items():
            values: dict[str, Any] = dict.fromkeys(columns, when)
            if model in _WITH_DOOR:
                values["door"] = Door.WEB
            model._default_manager.filter(pk__gt=last[model]).update(**values)  # noqa: SLF001
        if patch is not None:
            patch.refresh_from_db()
            rows = Patch.objects.filter(pk=patch.pk)
            rows.update(changed_at=when)
            if _turn(patch) != turn:
                rows.update(turn_since=when, waited=timedelta())
            if not patch.is_waiting:
                rows.update(decided_at=when)
            _touch(patch.fixes.all(), when)
            patch.refresh_from_db()

    def _settle(self, patch: Patch) -> None:
        """Carried as far as it would have been, so that nobody is told of it now."""
        patch.refresh_from_db()
        patch.waited, patch.stage, patch.escalate_at = timedelta(), Patch.Stage.NONE, None
        while due := turns.next_stage_due(patch):
            if due[1] > self.until:
                patch.escalate_at = due[1]
                break
            patch.stage = due[0]
        patch.save(update_fields=["waited", "stage", "escalate_at"])


def _open(product: Product) -> QuerySet[Problem]:
    """Problems that everybody may know of and that are no duplicates."""
    rows = Problem.objects.filter(OPEN, product=product, is_confidential=False, head=None)
    return rows.select_related("product", "component")


def _touch(problems: Iterable[Problem], when: datetime) -> None:
    """Their last change is this one, unless one came later."""
    numbers = [problem.pk for problem in problems]
    last = Event.objects.filter(problem=OuterRef("pk")).order_by("-at").values("at")[:1]
    at = Greatest(Coalesce(Subquery(last), Value(when)), Value(when))
    Problem.objects.filter(pk__in=numbers).update(changed_at=at)


def _parsed(series: list[Text], author: Person) -> ParsedPatch:
    return finding.read(texts.as_mail(series, author.handle, author.email))


def _remark(patch: Patch, reviewer: Person) -> None:
    """A comment on a line, and the wish for another version."""
    version = _newest(patch)
    file = version.files.earliest("commit__position", "position")
    line = file.hunks[0][2] + 6
    words = "Do we need the strikes? A ring with nothing to send is not stuck."
    add_line_comment(
        version, reviewer, words, commit=1, path=file.path, side="new", start=line, end=line
    )
    text = "Good, and simpler would be better."
    send_review(version, reviewer, QUIET, text=text, verdict=Review.Verdict.CHANGES)


def _newest(patch: Patch) -> PatchVersion:
    return patch.versions.select_related("patch").latest("number")


def _last(model: type[Model]) -> int:
    found: int | None = model._default_manager.aggregate(last=Max("pk"))["last"]  # noqa: SLF001
    return found or 0


def _turn(patch: Patch | None) -> tuple[Any, ...]:
    if patch is None:
        return ()
    return (patch.turn, patch.is_reviewed, patch.content_since)


def _problems_of_three(product: Product, before: datetime) -> list[Problem]:
    """Two open problems that share one of their three people, or as near to that as there are."""
    quiet = list(
        _open(product)
        .filter(people__lte=3, changed_at__lt=before, group=None)
        .order_by("-component__slug", "number")[:200]
    )
    voters: dict[int, set[int]] = {problem.pk: set() for problem in quiet}
    votes = Vote.objects.filter(problem__in=quiet, status=Vote.Status.COUNTED)
    for problem, person in votes.values_list("problem", "person"):
        voters[problem].add(person)

    def unfitness(pair: tuple[Problem, Problem]) -> tuple[bool, bool]:
        one, other = pair
        in_storage = one.component.slug == other.component.slug == "storage"
        return (not in_storage, not voters[one.pk] & voters[other.pk])

    for one, other in sorted(combinations(quiet, 2), key=unfitness):
        if len(voters[one.pk] | voters[other.pk]) == PEOPLE:
            return [one, other]
    return quiet[:1] or list(_open(product)[:1])
