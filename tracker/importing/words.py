"""What the words of another tracker mean here, and the map files in which an operator says so.

A map file is CSV with the columns `what`, `there`, `here` (more are passed over), or JSON of the
shape {"state": {"QA wait": "in progress"}}. What may be mapped: state, resolution, severity, kind,
component, person.
"""

from __future__ import annotations

import csv
import difflib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.db.models import TextChoices

from tracker.importing.csvfile import read_rows
from tracker.importing.source import UnreadableFile
from tracker.importing.tables import KINDS, RESOLUTIONS, SEVERITIES, STATES, WITHOUT_RESOLUTION
from tracker.models import Kind, Resolution, Severity, State
from tracker.text import clean_line

CHOICES: Final[Mapping[str, type[TextChoices]]] = {
    "state": State, "resolution": Resolution, "severity": Severity, "kind": Kind,
}  # fmt: skip
MAPPED: Final = (*CHOICES, "component", "person")
_LARGEST_MAP: Final = 50_000_000


class Saying(NamedTuple):
    """One line of a map file: `there` means `here`; `place` says where that stands."""

    what: str
    there: str
    here: str
    place: str


@dataclass
class Words:
    """What words mean here: lower-case word -> ours. `unknown` counts those without a meaning."""

    system: str
    states: Mapping[str, State]
    resolutions: Mapping[str, Resolution]
    severities: Mapping[str, Severity] = field(default_factory=lambda: SEVERITIES)
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    components: Mapping[str, str] = field(default_factory=dict)
    # Groups there that everybody may belong to; "*" makes nothing confidential.
    public_groups: frozenset[str] = frozenset()
    # Whatever groups it has.
    all_confidential: bool = False
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)


def make_words(system: str, sayings: Iterable[Saying], public_groups: Iterable[str] = ()) -> Words:
    """The tables of `system`, with what the operator says put over them."""
    said: dict[str, dict[str, Any]] = {what: {} for what in MAPPED}
    for saying in sayings:
        said[saying.what][saying.there.strip().lower()] = _meaning(saying)
    resolutions = dict(RESOLUTIONS)
    if system in WITHOUT_RESOLUTION:
        resolutions[""] = WITHOUT_RESOLUTION[system]
    return Words(
        system,
        {**STATES[system], **said["state"]},
        {**resolutions, **said["resolution"]},
        {**SEVERITIES, **said["severity"]},
        {**KINDS, **said["kind"]},
        said["component"],
        frozenset(group.strip().lower() for group in public_groups),
    )


def _meaning(saying: Saying) -> Any:
    choices = CHOICES.get(saying.what)
    if choices is None:
        return clean_line(saying.here)
    word = saying.here.strip().lower()
    if word not in choices.values:
        raise UnreadableFile(
            f"{saying.place}: there is no {saying.what} “{word[:40]}” here. "
            f"Choose one of: {', '.join(choices.values)}."
        )
    return choices(word)


def read_map(path: Path) -> list[Saying]:
    """The sayings of a map file; those with an empty `here` are passed over."""
    found = _from_json(path) if path.suffix.lower() == ".json" else _from_csv(path)
    return [saying for saying in found if saying.here.strip()]


def _from_csv(path: Path) -> Iterator[Saying]:
    rows = read_rows(path)
    _, header = next(rows, (0, []))
    names = [cell.strip().lower() for cell in header]
    if not {"what", "there", "here"} <= set(names):
        raise UnreadableFile(
            f"{path.name} must have the columns what, there, here; its first line is: "
            f"{', '.join(header)[:200]}."
        )
    for line, cells in rows:
        row = dict(zip(names, cells, strict=False))
        place = f"{path.name}, line {line}"
        what = _what(row.get("what", ""), place)
        yield Saying(what, row.get("there", ""), row.get("here", ""), place)


def _from_json(path: Path) -> Iterator[Saying]:
    try:
        if path.stat().st_size > _LARGEST_MAP:
            raise UnreadableFile(f"{path.name} is too large for a map file.")
        said = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path.name} is no JSON: {str(error)[:200]}.") from None
    if not isinstance(said, dict):
        raise UnreadableFile(f'{path.name} must be an object like {{"state": {{"QA": "open"}}}}.')
    for word, meanings in said.items():
        place = f"{path.name}, “{word[:40]}”"
        what = _what(word, place)
        if not isinstance(meanings, dict):
            raise UnreadableFile(f"{place} must be an object of words and what they mean.")
        for there, here in meanings.items():
            if not isinstance(here, str):
                raise UnreadableFile(f"{place}: what “{there[:40]}” means must be text.")
            yield Saying(what, there, here, f"{place}, “{there[:40]}”")


def _what(word: str, place: str) -> str:
    """One of `MAPPED`, also in the plural."""
    plain = word.strip().lower()
    for what in MAPPED:
        if plain in (what, f"{what}s", f"{what[:-1]}ies", "people" if what == "person" else what):
            return what
    close = difflib.get_close_matches(plain[:50], MAPPED, n=1)
    hint = f" Did you mean “{close[0]}”?" if close else f" Choose one of: {', '.join(MAPPED)}."
    raise UnreadableFile(f"{place}: nothing called “{plain[:40]}” can be mapped.{hint}")


def read_people(path: Path) -> list[Saying]:
    """Two columns with a header: an address or login there, a handle or address here."""
    rows = read_rows(path)
    _, header = next(rows, (0, []))
    if len(header) < 2:
        raise UnreadableFile(
            f"{path.name} must have two columns: the address or login there, the handle or "
            "address here. Its first line, which is passed over as the header, has "
            f"{len(header)}."
        )
    found = []
    for line, cells in rows:
        place = f"{path.name}, line {line}"
        if len(cells) < 2 or not cells[0].strip():
            raise UnreadableFile(f"{place}: it must name somebody there and somebody here.")
        if cells[1].strip():
            found.append(Saying("person", cells[0], cells[1], place))
    return found


def write_map(path: Path, rows: Iterable[tuple[str, str, str, int]]) -> None:
    """A map file to be filled in: (what, there, here, how often). It names people, so only its
    owner may read it. An existing file is not overwritten.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UnreadableFile(f"{path} exists already; name another file for the map.") from None
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be written: {error.strerror}.") from None
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["what", "there", "here", "how often"])
        writer.writerows(rows)
