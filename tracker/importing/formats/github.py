"""GitHub's issues as its REST API gives them, and as its command line client writes them.

Whatever stands at a place where another type of JSON belongs makes that one issue a skipped one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from tracker.importing.formats.jsonstream import Objects
from tracker.importing.source import (
    NOBODY,
    Author,
    Format,
    Reading,
    Record,
    SourceComment,
    UnreadableFile,
)
from tracker.importing.tables import KINDS, SEVERITIES

Json = dict[str, Any]
_AREA: Final = re.compile(r"^(?:component|area|module|package|comp)\s*[:/-]\s*(.+)$", re.IGNORECASE)
_WEIGHT: Final = re.compile(r"^(?:severity|priority|prio|kind|type)\s*[:/-]\s*(.+)$", re.IGNORECASE)
_ENDED_AS: Final = frozenset({"duplicate", "invalid", "wontfix", "won't fix", "not a bug"})
_DUPLICATE_OF: Final = re.compile(r"^\s*duplicate of #(\d{1,18})\b", re.IGNORECASE)
_ISSUE_OF: Final = re.compile(r"/(?:issues|pulls)/(\d{1,18})(?:#.*)?$")


class WrongType(Exception):
    """The issue is not built as one; the message goes on after its place."""


def read(path: Path, reading: Reading) -> Iterator[Record]:
    """The issues of a file; pull requests are left out and counted."""
    return read_as(path, reading, lambda thing: thing)


def read_as(path: Path, reading: Reading, translate: Callable[[Json], Json]) -> Iterator[Record]:
    """The issues of a file, every issue and comment put into GitHub's words by `translate`."""
    comments = _comments_of(reading.comments) if reading.comments is not None else {}
    objects = Objects(path)
    count = 0
    for issue in objects:
        count += 1
        if issue.get("pull_request"):
            reading.left_out["pull requests"] += 1
            continue
        yield _record(issue, objects.line, comments, translate)
    if not count:
        raise UnreadableFile(f"{path.name} has no issue in it.")


def _comments_of(path: Path) -> dict[str, list[Json]]:
    """Comments by the number of their issue, from a file of all comments of a repository."""
    found: dict[str, list[Json]] = defaultdict(list)
    objects = Objects(path)
    for comment in objects:
        address = comment.get("issue_url") or comment.get("html_url")
        match = _ISSUE_OF.search(address) if isinstance(address, str) else None
        if match is None:
            raise UnreadableFile(
                f"{path.name}, the object in line {objects.line}: it has no “issue_url” that ends "
                "in /issues/NUMBER, so it is not known to which issue the comment belongs."
            )
        found[match[1]].append(comment)
    return found


def _record(
    issue: Json, line: int, comments: dict[str, list[Json]], translate: Callable[[Json], Json]
) -> Record:
    number = issue.get("number")
    record = Record(f"line {line}")
    if not isinstance(number, int) or isinstance(number, bool):
        record.fault = "has no “number” that is one, so it is no issue"
        return record
    record.place = f"issue {str(number)[:20]}, line {line}"
    try:
        _fill(record, translate(issue), comments.get(str(number), []), translate)
    except WrongType as wrong:
        record.fault = str(wrong)
    return record


def _fill(
    record: Record, issue: Json, more_comments: list[Json], translate: Callable[[Json], Json]
) -> None:
    record.put("id", str(issue["number"]))
    record.put("summary", _text(issue, "title"))
    record.put("description", _text(issue, "body"))
    record.put("status", _text(issue, "state").lower())
    record.put("resolution", _text(issue, "state_reason", "stateReason").lower().replace("_", " "))
    record.put("created", _text(issue, "created_at", "createdAt"))
    record.put("changed", _text(issue, "updated_at", "updatedAt"))
    record.put("resolved", _text(issue, "closed_at", "closedAt"))
    record.reporter = _author(issue, "user", "author")
    _assign(record, issue)
    _take_labels(record, issue)
    inside = issue.get("comments")
    if inside is not None and not isinstance(inside, (int, list)):
        raise WrongType("has “comments” that are neither a number nor a list")
    listed = inside if isinstance(inside, list) else []
    for comment in [*_objects(listed, "comments"), *more_comments]:
        _add_comment(record, translate(comment))
    if isinstance(inside, int) and inside > len(record.comments):
        record.notes.append(f"{inside} comments there; {len(record.comments)} are in the export.")


def _assign(record: Record, issue: Json) -> None:
    """To the first; further ones are a note."""
    many = _objects(_list(issue, "assignees"), "assignees")
    people = [person for person in map(_person, many) if person != NOBODY]
    record.assignee = people[0] if people else _author(issue, "assignee")
    if len(people) > 1:
        names = ", ".join(person.key or person.name for person in people)
        record.notes.append(f"Assignees there: {names[:300]}.")


def _take_labels(record: Record, issue: Json) -> None:
    """Labels say what other trackers have fields for; all of them are noted."""
    labels = []
    for label in _list(issue, "labels"):
        name = label.get("name") if isinstance(label, dict) else label
        if not isinstance(name, str):
            raise WrongType("has a label without a name")
        labels.append(name.strip())
    for name in labels:
        word = name.lower()
        weight = _WEIGHT.match(word)
        word = weight[1].strip() if weight else word
        if area := _AREA.match(name):
            record.put("component", area[1].replace(",", " "))
        elif word in KINDS:
            record.put("kind", word)
        elif word in SEVERITIES:
            record.put("severity", word)
        elif word in _ENDED_AS and record.first("status") == "closed":
            record.cells["resolution"] = [word]
    if labels:
        record.notes.append(f"Labels there: {', '.join(labels)[:500]}.")
    milestone = issue.get("milestone")
    if isinstance(milestone, dict) and isinstance(milestone.get("title"), str):
        record.notes.append(f"Milestone there: {milestone['title'][:100]}.")


def _add_comment(record: Record, comment: Json) -> None:
    key = comment.get("id")
    if not isinstance(key, (int, str)) or isinstance(key, bool) or not str(key):
        raise WrongType("has a comment without an “id”")
    text = _text(comment, "body")
    at = _text(comment, "created_at", "createdAt")
    author = _author(comment, "user", "author")
    if text.strip():
        record.comments.append(SourceComment(f"comment {key}"[:100], author, at, text))
    if record.first("status") == "closed" and (same := _DUPLICATE_OF.match(text)):
        record.same_as.append(same[1])


def _author(holder: Json, *names: str) -> Author:
    for name in names:
        person = holder.get(name)
        if isinstance(person, dict):
            return _person(person)
        if person is not None:
            raise WrongType(f"has “{name}” that is no person")
    return NOBODY


def _person(person: Json) -> Author:
    login = _text(person, "login", "username")
    return Author(_text(person, "full_name", "name") or login, login)


def _text(holder: Json, *names: str) -> str:
    for name in names:
        value = holder.get(name)
        if isinstance(value, str):
            return value
        if value is not None:
            raise WrongType(f"has “{name}” that is no text")
    return ""


def _list(holder: Json, name: str) -> list[Any]:
    value = holder.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise WrongType(f"has “{name}” that is no list")
    return value


def _objects(items: list[Any], name: str) -> list[Json]:
    if not all(isinstance(item, dict) for item in items):
        raise WrongType(f"has “{name}” that are no objects")
    return items


FORMAT: Final = Format("github", "GitHub's issues", "github", "json", read)
