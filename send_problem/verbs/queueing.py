"""outbox, flush."""

from __future__ import annotations

import time
from typing import Any

from send_problem import outbox
from send_problem.call import Call
from send_problem.delivery import Flushed, flush
from send_problem.failures import Exit, Failure
from send_problem.outbox import Item
from send_problem.words import clean, plural


def flush_outbox(call: Call, *, with_refused: bool) -> None:
    """Send all that waits; the exit code says whether something is left."""
    call.flushes_after = False
    call.mend_rights()
    bars = call.screen.uploads()
    try:
        flushed = flush(call.link, progress=bars, with_refused=with_refused)
    finally:
        if bars:
            bars.stop()
    _tell(call, flushed)
    if flushed.refused:
        call.code = Exit.DATA
    elif flushed.waiting:
        call.code = Exit.LATER
    call.screen.answer(
        {
            "sent": [_summary(item) for item in flushed.sent],
            "waiting": [_summary(item) for item in flushed.waiting],
            "refused": [_summary(item) for item in flushed.refused],
        }
    )


def _tell(call: Call, flushed: Flushed) -> None:
    screen = call.screen
    for item in flushed.sent:
        screen.say(f"{item.label} sent: {item.url}", fg="green")
    for item in flushed.waiting:
        screen.note(f"{item.id} ({_synopsis(item)}) waits: {item.reason}", fg="yellow")
    for item in flushed.refused:
        screen.note(f"{item.id} ({_synopsis(item)}) is refused: {item.reason}", fg="red")
        screen.note(f"  Its copy is {item.copy}.")
    if not (flushed.sent or flushed.waiting or flushed.refused):
        screen.say("The outbox is empty.")


def list_outbox(call: Call) -> None:
    """Show what waits, why, and where its copy is."""
    found = outbox.items()
    call.flushes_after = False
    call.screen.table(
        ["id", "since", "state", "synopsis"],
        [[item.id, _day(item), _state(item), _synopsis(item)] for item in found],
    )
    for item in found:
        if item.reason:
            call.screen.note(f"{item.id}: {item.reason}", fg="red" if item.is_refused else None)
    if found:
        call.screen.note(f"The copies are in {outbox.outbox_folder()}.", dim=True)
    else:
        call.screen.say("The outbox is empty.")
    call.screen.answer({"items": [_summary(item) for item in found]})


def drop(call: Call, name: str) -> None:
    """Throw one report of the outbox away."""
    call.flushes_after = False
    with outbox.hold(name) as item:
        if item is None:
            raise Failure(_why_not(name), Exit.NO_INPUT)
        outbox.remove(item)
    call.screen.say(f"{name} ({_synopsis(item)}) is dropped.", fg="green")
    if item.number:
        call.screen.note(f"{item.label} was made already and stays: {item.url}")
    call.screen.answer({"dropped": item.id})


def _why_not(name: str) -> str:
    if outbox.load(name) is not None:
        return f"{name} is being sent at this moment by another send-problem."
    return f"There is no '{clean(name)}' in the outbox; 'send-problem outbox' lists it."


def _summary(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "server": item.server,
        "synopsis": item.title,
        "source": item.source,
        "copy": str(item.copy),
        "attachments": [attachment.name for attachment in item.attachments],
        "number": item.number,
        "url": item.url or None,
        "state": _state(item),
        "reason": item.reason or None,
    }


def _state(item: Item) -> str:
    if item.is_refused:
        return "refused"
    left = sum(attachment.answer is None for attachment in item.attachments)
    if item.number and left:
        return f"{item.label}, {plural(left, 'file')} left"
    return "sent" if item.number else "waits"


def _synopsis(item: Item) -> str:
    return clean(item.title)


def _day(item: Item) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(item.queued_at))
