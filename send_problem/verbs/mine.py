"""my: what waits for me, what I wait for, and the news of what I have."""

from __future__ import annotations

from typing import Any

from send_problem.call import Call
from send_problem.words import clean, plural


def my(call: Call, *, is_seen: bool) -> None:
    """Show one's own page; with `is_seen` the news are marked as read afterwards."""
    server = call.server()
    link = call.link(server, call.account(server))
    mine = link.get("my/").data
    parts = [*_list(mine, "waits_for_me"), *_list(mine, "i_wait_for")]
    for part in parts:
        _show_part(call, part)
    news = _list(mine, "news")
    if news:
        call.screen.say("News of what you have", bold=True)
    for each in news:
        _show_news(call, each)
    if not parts and not news:
        call.screen.note("Nothing waits for you, and nothing is new.")
    if is_seen:
        link.send("POST", "my/seen/")
    elif news:
        call.screen.note("'send-problem my --seen' marks the news as read.", dim=True)
    call.screen.answer(mine)


def _list(owner: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = owner.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _show_part(call: Call, part: dict[str, Any]) -> None:
    more = ", the first of them" if part.get("more") else ""
    call.screen.say(f"{clean(str(part.get('title', '')))}{more}", bold=True)
    call.screen.table(["", "synopsis", "waits"], [_row(each) for each in _list(part, "problems")])


def _row(problem: dict[str, Any]) -> list[str]:
    names = ("synopsis", "outlook")
    return [_number(problem), *(clean(str(problem.get(name) or "")) for name in names)]


def _number(problem: dict[str, Any]) -> str:
    return f"#{clean(str(problem.get('number', '?')))}"


def _show_news(call: Call, news: dict[str, Any]) -> None:
    found = news.get("problem")
    problem = found if isinstance(found, dict) else {}
    end = f" ({_fixed(problem)})" if news.get("is_fixed") else ""
    call.screen.say(f"{_number(problem)} {clean(str(problem.get('synopsis', '')))}{end}")
    left_out = news.get("left_out")
    if isinstance(left_out, int) and left_out > 0:
        call.screen.say(f"  {plural(left_out, 'thing')} before", dim=True)
    for each in _list(news, "happenings"):
        call.screen.say(f"  {str(each.get('at', ''))[:10]} {clean(str(each.get('words', '')))}")


def _fixed(problem: dict[str, Any]) -> str:
    release = clean(str(problem.get("fixed_in") or ""))
    return f"fixed in {release}" if release else "fixed"
