"""vote, unvote, gone, status, search."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from send_problem.call import Call
from send_problem.failures import Exit, Refused
from send_problem.screen import Marked
from send_problem.words import clean, plural


def vote(call: Call, number: int, environment: dict[str, str]) -> None:
    """+1 a problem; voting again changes the environment, and counts once."""
    server = call.server()
    link = call.link(server, call.account(server))
    with _named(number):
        counts = link.send("PUT", f"problems/{number}/vote/", environment).data
    if counts.get("status") == "waiting":
        call.screen.say(
            f"Your +1 of #{number} is kept and shown; it counts as soon as your account is a day"
            " old or somebody confirms it.",
            fg="green",
        )
    else:
        call.screen.say(f"Your +1 of #{number} counts.", fg="green")
    call.screen.say(f"{_count(counts)} behind it: {server}/{number}")
    call.screen.answer({"number": number, "url": f"{server}/{number}", **counts})


def withdraw(call: Call, number: int) -> None:
    """Take the +1 back; nothing changes when there was none."""
    server = call.server()
    link = call.link(server, call.account(server))
    with _named(number):
        counts = link.send("DELETE", f"problems/{number}/vote/").data
    call.screen.say(f"You have no +1 on #{number} any more.", fg="green")
    if counts:
        call.screen.say(f"{_count(counts)} behind it: {server}/{number}")
    call.screen.answer({"number": number, "url": f"{server}/{number}", **counts})


def gone(call: Call, number: int, where: dict[str, str], *, is_withdrawn: bool) -> None:
    """Say that it is gone on a release, or take that back."""
    server = call.server()
    link = call.link(server, call.account(server))
    path = f"problems/{number}/no-longer/"
    release = where.get("release", "")
    with _named(number):
        if is_withdrawn:
            said = link.send("DELETE", f"{path}?{urlencode({'release': release})}").data
            words = f"You do not say any more that #{number} is gone on {release}."
        else:
            said = link.send("PUT", path, where).data
            words = f"You say that #{number} is gone on {release}: {server}/{number}"
    call.screen.say(words, fg="green")
    results = said.get("results", []) if isinstance(said, dict) else []
    call.screen.answer({"number": number, "url": f"{server}/{number}", "gone": results})


@contextlib.contextmanager
def _named(number: int) -> Iterator[None]:
    """Say which problem it is that is not there."""
    try:
        yield
    except Refused as refusal:
        if refusal.status == HTTPStatus.NOT_FOUND:
            refusal.message = f"There is no problem #{number}, or none that you may see."
        raise


def _count(counts: dict[str, Any]) -> str:
    people = plural(int(counts.get("people") or 0), "person", "people")
    waiting = counts.get("waiting")
    return f"{people} and {waiting} waiting" if waiting else people


def status(call: Call, number: int) -> None:
    """Show a problem as it is now."""
    server = call.server()
    with _named(number):
        problem = call.visitor(server).get(f"problems/{number}/").data
    _show(call, server, number, problem)
    call.screen.answer(problem)


def _show(call: Call, server: str, number: int, problem: dict[str, Any]) -> None:
    text = {key: "" if value is None else clean(str(value)) for key, value in problem.items()}
    screen = call.screen
    screen.say(f"#{number} {text.get('synopsis', '')}", bold=True)
    state = text.get("state", "").replace("_", " ")
    if text.get("resolution"):
        state += f" ({text['resolution'].replace('_', ' ')})"
    if text.get("duplicate_of"):
        state += f", duplicate of #{text['duplicate_of'].lstrip('#')}"
    mine = " (you are one of them)" if problem.get("my_vote") else ""
    screen.pairs(
        [
            ("State", state),
            ("People", _count(problem) + mine),
            ("Where", f"{text.get('product', '')} / {text.get('component', '')}"),
            ("Kind", text.get("kind", "")),
            ("Severity", text.get("severity", "")),
            ("Found in", _environment(text)),
            ("Fixed in", text.get("fixed_in", "")),
            ("Assigned", text.get("assignee", "") or "nobody yet"),
            ("Reported", _when(text.get("created_at", ""), text.get("reporter", ""))),
            ("Changed", _when(text.get("changed_at", ""))),
            ("Page", text.get("url", "") or f"{server}/{number}"),
        ]
    )


def _environment(text: dict[str, str]) -> str:
    return ", ".join(filter(None, (text.get("release", ""), text.get("architecture", ""))))


def _when(moment: str, person: str = "") -> str:
    try:
        day = f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        day = moment
    return f"{day} by {person}" if person else day


def as_typed(words: Sequence[str]) -> str:
    """The text of the search box for the words of a command line.

    The shell has taken quotation marks away: of several words one with a blank was a phrase, or a
    value in quotation marks. A single one is the whole text, blanks and all.
    """
    if len(words) == 1:
        return words[0].strip()
    return " ".join(_requoted(word.strip()) for word in words)


def _requoted(word: str) -> str:
    if '"' in word or not any(letter.isspace() for letter in word):
        return word
    before = re.match(r"-?(?:[A-Za-z][A-Za-z_-]*:)?", word)
    at = before.end() if before else 0
    return f'{word[:at]}"{word[at:]}"'


def search(call: Call, words: str, *, product: str | None, is_all: bool, limit: int) -> None:
    """List problems that the text of a search finds, the best match first."""
    server = call.server()
    state = "any" if is_all else None
    try:
        page = call.visitor(server).get(
            "problems/", q=words, product=product, state=state, limit=limit
        )
    except Refused as refusal:
        # A product that does not exist is a wrong value here, not a missing page.
        refusal.code = Exit.DATA
        raise
    found = [problem for problem in page.data.get("results", []) if isinstance(problem, dict)]
    call.screen.table(["", "people", "state", "synopsis"], [_row(problem) for problem in found])
    if not found:
        hint = "" if is_all else " --all looks at closed ones too."
        call.screen.note(f"Nothing found for '{clean(words)}'.{hint}")
    more = bool(page.data.get("next"))
    if more:
        call.screen.note(f"There are more than {limit}: add a word, or --limit 100.", dim=True)
    call.screen.answer({"results": found, "more": more})


def _row(problem: dict[str, Any]) -> list[str]:
    people = problem.get("people")
    match = problem.get("match")
    match = match if isinstance(match, dict) else {}
    return [
        f"#{problem.get('number', '?')}",
        clean(str(people if people is not None else "")),
        clean(str(problem.get("state", ""))).replace("_", " "),
        Marked(
            *_marked(problem.get("synopsis", ""), match.get("synopsis_spans")),
            below=Marked(*_marked(match.get("snippet", ""), match.get("snippet_spans"))),
        ),
    ]


def _marked(text: Any, spans: Any) -> tuple[str, list[tuple[int, int]]]:
    """The text made safe, and its spans, unless that moved them or they are none."""
    line = clean(str(text))
    if line != text or not isinstance(spans, list):
        return line, []
    pairs = [span for span in spans if isinstance(span, list) and len(span) == 2]
    return line, [(a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int)]
