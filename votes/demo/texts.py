"""Hand-written building blocks, and how they become a report or an answer."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from tracker.models import Kind

FOLDER: Final = Path(__file__).parent
# Of families about holes in the security a few are enough.
FEW: Final = 3
SHARE: Final = 8
_SECOND_RELEASE: Final = timedelta(days=745)
_NEWEST_RELEASE: Final = timedelta(days=20)


@dataclass(frozen=True, eq=False)
class Family:
    """Reports of one kind about one component: lists from which each takes its parts."""

    product: str
    component: str
    synopses: list[str]
    # One for each synopsis but the first, with steps behind "||".
    details: list[str]
    tell: list[str]
    steps: list[str]
    log: str
    ask: str
    cause: str
    fix: str
    severity: list[str]
    kind: str = Kind.DEFECT
    confidential: bool = False
    # Other people's words for the first synopsis: what its duplicates say.
    again: list[str] = field(default_factory=list)
    # Where it is seen, if not on any of the product's.
    hardware: list[str] = field(default_factory=list)

    @property
    def share(self) -> int:
        """How many of the problems are of this family, beside the shares of the others."""
        return FEW if self.confidential else SHARE


@dataclass(frozen=True)
class ComponentTexts:
    slug: str
    title: str
    description: str
    families: list[Family]


@dataclass(frozen=True)
class ProductTexts:
    slug: str
    title: str
    description: str
    releases: list[str]
    architectures: list[str]
    hardware: list[str]
    components: list[ComponentTexts]


@dataclass
class Facts:
    """What the braces of a text stand for, for one problem and one speaker."""

    values: dict[str, Any]

    def fill(self, text: str) -> str:
        return text.format(**self.values)


@dataclass
class Report:
    """The texts of one problem."""

    synopsis: str
    description: str
    how_to_repeat: str
    log: str
    release: str
    architecture: str
    hardware: str


def load_common() -> dict[str, list[str]]:
    """The blocks that fit every report, by name."""
    return _read("common.toml")


def load_products() -> list[ProductTexts]:
    return [_product(_read(name)) for name in ("tideland.toml", "harbor.toml")]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))


def _product(data: dict[str, Any]) -> ProductTexts:
    components = [
        ComponentTexts(
            slug=part["slug"],
            title=part["title"],
            description=part["description"],
            families=[
                Family(product=data["slug"], component=part["slug"], **family)
                for family in part["families"]
            ],
        )
        for part in data.pop("components")
    ]
    return ProductTexts(components=components, **data)


def ages_of_releases(product: ProductTexts) -> list[timedelta]:
    """How long before the end each was published: two before all reports, the newest just now."""
    step = (_SECOND_RELEASE - _NEWEST_RELEASE) / (len(product.releases) - 2)
    return [_SECOND_RELEASE - step * (i - 1) for i in range(len(product.releases))]


def facts(
    chance: random.Random, product: ProductTexts, newest: int, hardware: list[str] | None = None
) -> Facts:
    """Fresh facts: a release not newer than `newest` (an index), a machine, some numbers."""
    index = max(1, newest - int(chance.expovariate(1.2)))
    return Facts(
        {
            "release": product.releases[index],
            "older": product.releases[index - 1],
            "arch": chance.choice(product.architectures),
            "hw": chance.choice(hardware or product.hardware),
            "n": chance.randrange(11, 96),
            "small": chance.randrange(2, 9),
            "pid": chance.randrange(1017, 9840),
            "hex": f"{chance.getrandbits(32):08x}",
            "other": "{other}",
            "log": "",
            "drv": "tg",
        }
    )


def choose_synopsis(
    chance: random.Random, family: Family, taken: set[str], known: Facts
) -> tuple[str, int]:
    """The first of the family for its first report, then any that is free; and its index."""
    endings = ("", " on {arch}", " since {release}", " ({hw})", " ({n})")
    all_texts = ([known.fill(each + end) for each in family.synopses] for end in endings)
    texts = next(each for each in all_texts if set(each[1:]) - taken)
    free = [i for i, text in enumerate(texts) if i and text not in taken]
    index = chance.choice(free) if taken else 0
    taken.add(texts[index])
    return texts[index], index


def write_report(
    chance: random.Random,
    family: Family,
    synopsis: tuple[str, int],
    known: Facts,
    common: dict[str, list[str]],
) -> Report:
    """Put a report together. `known` learns the log, so that answers can quote it."""
    text, index = synopsis
    driver = re.search(r"(\w+)(?:\(4\)|:)", text)
    known.values["drv"] = driver[1] if driver else "tg"
    middle, steps, log = _middle(chance, family, index, known)
    known.values["log"] = "\n".join(log.splitlines()[:2])
    end = ["history", "expected"] if index == 0 else ["aside", "history", "expected"]
    endings = [chance.choice(block_for(common, name, family.kind)) for name in end]
    opening = known.fill(chance.choice(common["opening"]))
    paragraphs = [opening, *middle, known.fill(" ".join(filter(None, endings)))]
    return Report(
        # A title is one line without markup.
        synopsis=known.fill(text).replace("`", ""),
        description="\n\n".join(filter(None, paragraphs)),
        how_to_repeat="\n".join(f"{i}. {known.fill(s)}" for i, s in enumerate(steps, 1)),
        log=log,
        release=known.values["release"],
        architecture=known.values["arch"],
        hardware=known.values["hw"] if chance.random() < 0.6 else "",
    )


def _middle(
    chance: random.Random, family: Family, index: int, known: Facts
) -> tuple[list[str], list[str], str]:
    """(paragraphs, steps, log): all that a family knows for its first synopsis, else the detail."""
    if index:
        detail, _, steps = family.details[index - 1].partition(" || ")
        return [known.fill(detail)], steps.split("; ") if steps else [], ""
    told = sorted(chance.sample(range(len(family.tell)), 3))
    log = known.fill(family.log)
    paragraphs = [known.fill(family.tell[i]) for i in told]
    if log:
        paragraphs.append(f"```\n{log}\n```")
    return paragraphs, [step.rstrip(".") for step in family.steps], log


def block_for(common: dict[str, list[str]], name: str, kind: str) -> list[str]:
    """The block of that name in the words for this kind of problem, where there are such."""
    return common.get(f"{kind}_{name}") or common[name]


def write_log(chance: random.Random, report: Report) -> str:
    """A log file around the lines of the report, of a believable length."""
    lines = report.log.splitlines() or list(_QUIET_LINES)
    second = chance.randrange(3600)
    out = []
    for _ in range(chance.randrange(30, 140)):
        second += chance.randrange(1, 40)
        clock = f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}"
        line = chance.choice(lines) if chance.random() < 0.25 else chance.choice(_QUIET_LINES)
        out.append(f"{clock} {line.replace('{n}', str(chance.randrange(10, 99)))}")
    return "\n".join(out) + "\n"


_QUIET_LINES: Final = (
    "cron[{n}1]: (root) CMD (/usr/libexec/atrun)",
    "timed: adjusting by -0.00{n} s",
    "kernel: cpu temperature {n} degC",
    "sshd[{n}12]: connection from 192.0.2.{n} closed",
    "harbor: scan finished, {n} files, nothing changed",
    "syslogd: last message repeated {n} times",
    "devd: notify system=IFNET type=LINK_UP",
    "pk: catalogue is up to date",
)
