"""patch, patches, fetch-patch, review, rate."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from send_problem.call import Call
from send_problem.disk import why
from send_problem.failures import Exit, Failure, Refused
from send_problem.outbox import Draft
from send_problem.screen import Marked
from send_problem.verbs.sending import deliver_or_keep
from send_problem.words import clean, clean_lines, plural, size, speakable

MOST_BYTES = 25 * 1024 * 1024
# As many as a server takes in one form.
MOST_FILES = 100
TURNS = ("first", "more", "author", "committer", "all", "decided")
_WAITS = {"reviewers": "reviewers", "author": "its author", "committer": "a committer"}


@dataclass(frozen=True)
class Goal:
    """What a patch is for: a problem, a product, or an older version of itself."""

    problem: int | None = None
    product: str | None = None
    patch: int | None = None


def send(call: Call, files: Sequence[str], goal: Goal, words: dict[str, str]) -> None:
    """Send a patch or a version by way of the outbox."""
    server = call.server()
    account = call.account(server)
    paths = [Path(name) for name in files if name != "-"]
    typed = _standard_input() if "-" in files else b""
    _stop_at_faults(paths, typed, has_input="-" in files)
    body: dict[str, Any] = {name: value for name, value in words.items() if value}
    if goal.problem is not None:
        body["fixes"] = [str(goal.problem)]
    if goal.product:
        body["product"] = goal.product
    path = "patches/" if goal.patch is None else f"patches/{goal.patch}/versions/"
    source = "-" if "-" in files else ", ".join(speakable(path.name) for path in paths)
    draft = Draft(server, account.email, source, typed, body, paths, path)
    try:
        deliver_or_keep(call, draft)
    except Refused as refusal:
        if goal.patch is not None:
            _say_which(refusal, goal.patch)
        raise


def _standard_input() -> bytes:
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        message = f"Standard input has more than {size(MOST_BYTES)}: send it in parts."
        raise Failure(message, Exit.NO_INPUT)
    return data


def _stop_at_faults(paths: list[Path], typed: bytes, *, has_input: bool) -> None:
    faults = [fault for path in paths if (fault := _fault(path))]
    if has_input and not typed.strip():
        faults.append("Standard input is empty: there is no patch in it.")
    if len(paths) > MOST_FILES:
        faults.append(
            f"{len(paths)} files are too many: 'git format-patch --stdout' makes one of them."
        )
    if faults:
        message = f"Nothing was sent: {plural(len(faults), 'fault')} found."
        raise Failure(message, Exit.NO_INPUT, lines=faults)


def _fault(path: Path) -> str:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return f"{path}: is not a regular file."
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        return f"{path}: {why(error)}."
    if found.st_size > MOST_BYTES:
        return f"{path}: has {size(found.st_size)}, and {size(MOST_BYTES)} are allowed."
    return f"{path}: is empty." if found.st_size == 0 else ""


def _say_which(refusal: Refused, number: int) -> None:
    if refusal.status == HTTPStatus.NOT_FOUND:
        refusal.message = f"There is no patch {number}, or none that you may see."


@contextlib.contextmanager
def _named(number: int, version: int | None = None) -> Iterator[None]:
    """Say which patch it is that is not there."""
    try:
        yield
    except Refused as refusal:
        _say_which(refusal, number)
        if refusal.status == HTTPStatus.NOT_FOUND and version is not None:
            refusal.message = f"There is no version {version} of a patch {number} that you may see."
        raise


def fetch(call: Call, number: int, version: int | None, *, is_diff: bool) -> None:
    """Write a patch to standard output, and nothing else there."""
    link = call.visitor(call.server())
    with _named(number, version):
        if version is None:
            version = int(link.get(f"patches/{number}/").data["latest"])
        kind = "patch" if is_diff else "mbox"
        data = link.download(f"patches/{number}/versions/{version}.{kind}")
    if sys.stdout.isatty():
        # What steers a terminal is for a file, not for the eyes.
        sys.stdout.write(clean_lines(data.decode("utf-8", "replace")) + "\n")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def find(call: Call, wanted: dict[str, str | None], limit: int) -> None:
    """List patches in the order of the server."""
    server = call.server()
    is_own = "me" in (wanted.get("author"), wanted.get("reviewer"))
    link = call.link(server, call.account(server)) if is_own else call.visitor(server)
    try:
        page = link.get("patches/", **wanted, limit=limit)
    except Refused as refusal:
        refusal.code = Exit.DATA
        raise
    found = [patch for patch in page.data.get("results", []) if isinstance(patch, dict)]
    call.screen.table(["", "people", "waits for", "title"], [_row(patch) for patch in found])
    if not found:
        call.screen.note("There is no such patch." + _hint(wanted))
    more = bool(page.data.get("next"))
    if more:
        call.screen.note(f"There are more than {limit}: narrow it, or --limit 100.", dim=True)
    call.screen.answer({"results": found, "more": more})


def _hint(wanted: dict[str, str | None]) -> str:
    is_usual = wanted.get("turn") in {None, "first"}
    return " --waiting lists all that wait, not for a first review alone." if is_usual else ""


def _row(patch: dict[str, Any]) -> list[str]:
    fixes = patch.get("fixes")
    numbers = [f"#{clean(str(each))}" for each in fixes] if isinstance(fixes, list) else []
    below = [clean(str(patch.get("product", "")))]
    if numbers:
        below.append(f"fixes {', '.join(numbers[:5])}{' and more' if len(numbers) > 5 else ''}")
    if author := patch.get("author"):
        below.append(f"by {clean(str(author))}")
    return [
        clean(str(patch.get("number", "?"))),
        clean(str(patch.get("demand", ""))),
        _waits_for(patch),
        Marked(clean(str(patch.get("title", ""))), below=Marked(", ".join(filter(None, below)))),
    ]


def _waits_for(patch: dict[str, Any]) -> str:
    if patch.get("state") != "waiting":
        return clean(str(patch.get("state", "")))
    if patch.get("turn") == "reviewers" and not patch.get("is_reviewed"):
        return "first review"
    return _WAITS.get(str(patch.get("turn")), clean(str(patch.get("turn", ""))))


def review(
    call: Call, number: int, text: str, version: int | None, *, asks_for_changes: bool
) -> None:
    """Say something of a version, the newest unless one is named."""
    body: dict[str, Any] = {"text": text, "verdict": "changes" if asks_for_changes else "comment"}
    if version is not None:
        body["version"] = version
    link = call.link(call.server(), call.account(call.server()))
    with _named(number):
        said = link.send("POST", f"patches/{number}/reviews/", body, str(uuid.uuid4())).data
    call.screen.say(f"Your review of patch {number} is sent.", fg="green")
    call.screen.answer(said)


def rate(call: Call, number: int, rating: dict[str, Any]) -> None:
    """Rate a version, the newest unless it names one, or take that back."""
    link = call.link(call.server(), call.account(call.server()))
    with _named(number):
        said = link.send("POST", f"patches/{number}/ratings/", rating, str(uuid.uuid4())).data
        patch = link.get(f"patches/{number}/").data
    dimension = clean(str(said.get("dimension", rating["dimension"])))
    if rating["value"]:
        sign = "+1" if rating["value"] > 0 else "-1"
        call.screen.say(f"You say {dimension} {sign} of patch {number}.", fg="green")
    else:
        call.screen.say(f"You say nothing of {dimension} on patch {number} any more.", fg="green")
    words = (clean(str(patch.get(name) or "")) for name in ("waits_for", "needs"))
    call.screen.say(" ".join(filter(None, words)))
    call.screen.answer(said)
