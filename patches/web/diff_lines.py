"""One line of a diff with all of its bytes."""

from __future__ import annotations

from patches.models import PatchVersion, Side
from patches.reading.files import ALL, FileDiff, Source, Stored, files_of
from patches.reading.lines import ADDED, REMOVED, body
from patches.reading.places import Place
from patches.reading.whole import CannotBeShown, combined_files
from patches.versions.lines import lines_of
from tracker.drafts import Faults


def read_whole_line(version: PatchVersion, place: Place) -> bytes | None:
    """The first line of `place`, None where the version has no such line."""
    with Stored(version) as stored:
        files: list[FileDiff]
        source: Source = stored
        if place.commit == ALL:
            try:
                files, source = combined_files(version)
            except CannotBeShown:
                return None
        else:
            files = files_of(version, place.commit)
        file = next((each for each in files if each.path == place.path), None)
        return _line(file, source, place) if file else None


def _line(file: FileDiff, source: Source, place: Place) -> bytes | None:
    is_old = place.side == Side.OLD
    other = (ADDED if is_old else REMOVED).encode()
    for hunk in file.hunks:
        start, count = (
            (hunk.old_start, hunk.old_lines) if is_old else (hunk.new_start, hunk.new_lines)
        )
        if not start <= place.start < start + count:
            continue
        number = start
        for line in body(source.read(hunk.offset, hunk.length)).split(b"\n"):
            if line[:1] in {other, b"\\"}:
                continue
            if number == place.start:
                return line[1:]
            number += 1
    return None


def lines_at(version: PatchVersion, place: Place) -> list[str]:
    """The lines of a place; [] where the diff does not have all, and for a file as a whole."""
    faults = Faults()
    text = lines_of(
        version, place.commit, place.path, place.side.value, place.start, place.end, faults
    )
    return [] if faults.errors or place.is_whole else text.split("\n")
