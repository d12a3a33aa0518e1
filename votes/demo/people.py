"""Who takes part in the demonstration. All of them are invented and live at example.org."""

from __future__ import annotations

import bisect
import random
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from accounts.models import Role
from votes.demo.texts import ProductTexts, load_common

CROWD: Final = 230
MAINTAINERS: Final = 9
NEWCOMERS: Final = 8


@dataclass(frozen=True)
class DemoPerson:
    """`role` and `password` are those of the printed table; others cannot sign in."""

    handle: str
    email: str
    joined_at: datetime
    role: Role | None = None
    password: str = ""


# The accounts that are printed: the address says the role, the handle is a name.
ROLE_ACCOUNTS: Final = (
    (Role.REPORTER, "rosa", "rosa-sees-the-tide"),
    (Role.DEVELOPER, "devin", "devin-mends-the-net"),
    (Role.TRIAGER, "tamsin", "tamsin-sorts-the-catch"),
    (Role.COMMITTER, "conrad", "conrad-keeps-the-locks"),
    (Role.ADMINISTRATOR, "harriet", "harriet-has-the-keys"),
)


@dataclass
class Cast:
    """The people by index, in the order in which they joined, and what they are."""

    people: list[DemoPerson]
    # (product, component) -> who maintains it.
    maintainers: dict[tuple[str, str], list[int]]
    newcomers: list[int]

    def __post_init__(self) -> None:
        self._joined = [person.joined_at for person in self.people]
        self.by_role = {p.role: i for i, p in enumerate(self.people) if p.role is not None}
        self.triager = self.by_role[Role.TRIAGER]
        self.staff = {i for team in self.maintainers.values() for i in team} | {
            self.by_role[role] for role in (Role.TRIAGER, Role.COMMITTER, Role.ADMINISTRATOR)
        }
        self._crowd = [i for i in range(len(self.people)) if i not in self.staff]

    def somebody(self, chance: random.Random, at: datetime) -> int:
        """Somebody of the crowd who was here at that time for a day or longer."""
        here = bisect.bisect_left(self._joined, at - timedelta(days=1))
        among = bisect.bisect_left(self._crowd, here)
        if chance.random() < 0.02:
            return self.by_role[Role.REPORTER]
        return self._crowd[chance.randrange(max(1, among))]


def make_cast(
    seed: int, products: list[ProductTexts], until: datetime, taken: Collection[str]
) -> Cast:
    """The same people for the same seed and time, but for handles that are `taken` already."""
    chance = random.Random(f"people {seed}")  # noqa: S311 - it is to be repeatable
    start = until - timedelta(days=735)
    roles = [
        DemoPerson(_free(handle, taken), f"{role}@example.org", start - timedelta(days=300 - i),
                   role, password)
        for i, (role, handle, password) in enumerate(ROLE_ACCOUNTS)
    ]  # fmt: skip
    handles = _handles(chance, {*taken, *(person.handle for person in roles)})
    maintainers = [_person(handles.pop(), start - timedelta(days=200)) for _ in range(MAINTAINERS)]
    newcomers = [
        _person(handles.pop(), until - timedelta(hours=9) + timedelta(minutes=7 * i))
        for i in range(NEWCOMERS)
    ]
    crowd = [_person(handles.pop(), _joined(chance, start, until)) for _ in range(CROWD)]
    people = sorted([*roles, *maintainers, *crowd, *newcomers], key=lambda p: p.joined_at)
    index = {person.handle: i for i, person in enumerate(people)}
    team = [index[person.handle] for person in (roles[1], *maintainers)]
    return Cast(people, _teams(chance, products, team), [index[p.handle] for p in newcomers])


def _joined(chance: random.Random, start: datetime, until: datetime) -> datetime:
    """Most were here before; the others came one by one."""
    if chance.random() < 0.6:
        return start - timedelta(days=chance.uniform(1, 300))
    return (start + (until - timedelta(days=3) - start) * chance.random()).replace(microsecond=0)


def _handles(chance: random.Random, taken: Collection[str]) -> list[str]:
    common = load_common()
    used = {handle.lower() for handle in taken}
    names = [first + last for last in common["surnames"] for first in common["people"]]
    free = [name for name in names if name not in used]
    chance.shuffle(free)
    return free


def _free(handle: str, taken: Collection[str]) -> str:
    used = {name.lower() for name in taken}
    return next(name for name in (handle, *(f"{handle}{i}" for i in range(2, 999)))
                if name not in used)  # fmt: skip


def _person(handle: str, joined_at: datetime) -> DemoPerson:
    return DemoPerson(handle, f"{handle}@example.org", joined_at)


def _teams(
    chance: random.Random, products: list[ProductTexts], team: list[int]
) -> dict[tuple[str, str], list[int]]:
    """One or two for each component; the developer of the table has one in each product."""
    teams = {}
    for product in products:
        for i, component in enumerate(product.components):
            size = chance.choice([1, 2, 2])
            members = chance.sample(team[1:], size)
            teams[product.slug, component.slug] = [team[0], *members[:1]] if i == 1 else members
    return teams
