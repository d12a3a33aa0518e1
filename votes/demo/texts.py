"""Hand-written building blocks, and how they become a report or an answer."""

from __future__ import annotations

import random
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tracker.models import Kind

FOLDER: Final = Path(__file__).parent
# Of families about holes in the security a few are enough.
FEW: Final = 3
SHARE: Final = 8


@dataclass(frozen=True)
class Family:
    """Reports of one kind about one component: lists from which each takes its parts."""

    product: str
    component: str
    subject: list[str]
    symptom: list[str]
    trigger: list[str]
    tell: list[str]
    steps: list[str]
    log: str
    ask: str
    cause: str
    fix: str
    severity: list[str]
    kind: str = Kind.DEFECT
    confidential: bool = False

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
    parts: tuple[str, str, str] = field(default=("", "", ""))


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


def facts(chance: random.Random, product: ProductTexts, newest: int) -> Facts:
    """Fresh facts: a release not newer than `newest` (an index), a machine, some numbers."""
    index = max(1, min(newest, newest - int(chance.expovariate(1.2))))
    return Facts(
        {
            "release": product.releases[index],
            "older": product.releases[index - 1],
            "arch": chance.choice(product.architectures),
            "hw": chance.choice(product.hardware),
            "n": chance.randrange(11, 96),
            "small": chance.randrange(2, 9),
            "pid": chance.randrange(1017, 9840),
            "hex": f"{chance.getrandbits(32):08x}",
            "other": "{other}",
            "log": "",
            "drv": "tg",
        }
    )


def choose_parts(
    chance: random.Random, family: Family, taken: set[tuple[str, str, str]]
) -> tuple[str, str, str]:
    """A (subject, symptom, trigger) that no other problem has; the least used subject first."""
    free = [
        (subject, symptom, trigger)
        for subject in family.subject
        for symptom in family.symptom
        for trigger in family.trigger
        if (subject, symptom, trigger) not in taken
    ]
    chance.shuffle(free)
    used = {
        part: sum(part in parts for parts in taken)
        for part in {*family.subject, *family.symptom, *family.trigger}
    }
    best = min(free, key=lambda parts: sum(used[part] for part in parts))
    taken.add(best)
    return best


def write_report(
    chance: random.Random,
    family: Family,
    parts: tuple[str, str, str],
    known: Facts,
    common: dict[str, list[str]],
) -> Report:
    """Put a report together. `known` learns the log, so that answers can quote it."""
    subject, symptom, trigger = parts
    trigger = known.fill(trigger)
    driver = re.search(r"(\w+)\(4\)", subject)
    known.values |= {
        "subject": subject, "symptom": symptom, "trigger": trigger,
        "drv": driver[1] if driver else "tg",
    }  # fmt: skip
    log = known.fill(family.log)
    known.values["log"] = "\n".join(log.splitlines()[:2]) or known.fill("exit code {small}")
    told = sorted(chance.sample(range(len(family.tell)), chance.choice([2, 2, 3])))
    paragraphs = [
        known.fill(chance.choice(common["opening"])),
        *(known.fill(family.tell[i]) for i in told),
        known.fill(
            " ".join(chance.choice(common[name]) for name in ("history", "expected"))
        ).strip(),
    ]
    if log and chance.random() < 0.55:
        paragraphs.insert(-1, f"```\n{log}\n```")
    steps = family.steps if chance.random() < 0.7 else []
    return Report(
        synopsis=_sentence(f"{subject} {symptom} {trigger}"),
        description="\n\n".join(filter(None, paragraphs)),
        how_to_repeat="\n".join(f"{i}. {known.fill(s)}" for i, s in enumerate(steps, 1)),
        log=log,
        release=known.values["release"],
        architecture=known.values["arch"],
        hardware=known.values["hw"] if chance.random() < 0.6 else "",
        parts=parts,
    )


def _sentence(text: str) -> str:
    """With a capital, unless it begins with code or a name that is written small."""
    first = text.split(maxsplit=1)[0]
    plain = first.isalpha() and first not in {"dhclient", "wireguard"}
    return text[0].upper() + text[1:] if plain else text


def write_log(chance: random.Random, report: Report) -> str:
    """A log file around the lines of the report, of a believable length."""
    lines = report.log.splitlines()
    second = chance.randrange(3600)
    out = []
    for _ in range(chance.randrange(30, 140)):
        second += chance.randrange(1, 40)
        clock = f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}"
        line = chance.choice(lines) if chance.random() < 0.25 else chance.choice(_QUIET_LINES)
        out.append(f"{clock} {line.format(n=chance.randrange(10, 99)) if '{n}' in line else line}")
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
