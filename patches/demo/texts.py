"""What the patches of the demonstration change. All of it is invented."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """One file before and after; `start` is where the shown part begins in it."""

    path: str
    old: str
    new: str
    start: int = 1


@dataclass(frozen=True)
class Text:
    """One commit of a version. Without a subject it is a bare diff."""

    changes: Sequence[Change]
    subject: str = ""
    message: str = ""


def as_mail(texts: Sequence[Text], name: str, email: str) -> bytes:
    """A version as `git format-patch` writes it, or a bare diff."""
    if not texts[0].subject:
        return "".join(_diff(change) for change in texts[0].changes).encode()
    return "".join(
        _mail(i, len(texts), text, name, email) for i, text in enumerate(texts, 1)
    ).encode()


def _mail(number: int, count: int, text: Text, name: str, email: str) -> str:
    place = f" {number}/{count}" if count > 1 else ""
    return (
        f"From {number:040x} Mon Sep 17 00:00:00 2001\n"
        f"From: {name} <{email}>\n"
        f"Subject: [PATCH{place}] {text.subject}\n\n"
        f"{text.message}\n---\n\n{''.join(_diff(change) for change in text.changes)}-- \n2.47.1\n\n"
    )


def _diff(change: Change) -> str:
    """As git writes it; the lines before `start` are nobody's to see."""
    above = [f"// {change.path} {number}\n" for number in range(1, change.start)]
    old, new = (above + text.splitlines(keepends=True) for text in (change.old, change.new))
    lines = difflib.unified_diff(old, new, f"a/{change.path}", f"b/{change.path}")
    return f"diff --git a/{change.path} b/{change.path}\n{''.join(lines)}"


WATCHDOG = Change(
    "sys/net/tg/tg_ring.c",
    """static int
tg_watchdog(struct tg_ring *ring)
{
\tint stuck;

\tif (ring->timer == 0)
\t\treturn (0);
\tstuck = ring->tail == ring->seen;
\tif (stuck) {
\t\ttg_reset(ring->device);
\t\treturn (1);
\t}
\tring->seen = ring->tail;
\treturn (0);
}
""",
    """static int
tg_watchdog(struct tg_ring *ring)
{
\tint stuck;

\tif (ring->timer == 0 || tg_is_paused(ring->device))
\t\treturn (0);
\tstuck = ring->tail == ring->seen && ring->tail != ring->head;
\tif (stuck && ++ring->strikes > TG_STRIKES) {
\t\ttg_reset(ring->device);
\t\treturn (1);
\t}
\tring->seen = ring->tail;
\treturn (0);
}
""",
    start=211,
)
WATCHDOG_SHORTER = Change(
    WATCHDOG.path,
    WATCHDOG.old,
    WATCHDOG.new.replace(" && ++ring->strikes > TG_STRIKES", ""),
    WATCHDOG.start,
)
MANUAL = Change(
    "share/man/man4/tg.4",
    """.Bl -tag -width indent
.It Va dev.tg.X.timer
How many seconds a ring may stand still before it is reset.
.El
""",
    """.Bl -tag -width indent
.It Va dev.tg.X.timer
How many seconds a ring with something to send may stand still before it is reset.
A ring that the other side has paused is left alone.
.El
""",
    start=88,
)
GOVERNOR = Change(
    "sys/power/governor.c",
    """	governor->source = power_source();
	if (governor->source == POWER_BATTERY)
		governor_step(governor, STEP_LOWEST);
""",
    """	governor->source = power_source();
	if (governor->source == POWER_BATTERY)
		governor_step(governor, STEP_LOWEST);
	governor->stepped_at = 0;
	governor_look(governor);
""",
    start=164,
)
SIZES = Change(
    "lib/libutil/humanize.c",
    """	while (bytes >= 1000) {
		bytes = (bytes + 999) / 1000;
		unit++;
	}
""",
    """	for (divisor = 1; bytes / divisor >= 1000; divisor *= 1000)
		unit++;
	bytes = (bytes + divisor / 2) / divisor;
""",
    start=57,
)
MENU = Change(
    "boot/loader/menu.c",
    """	for (each = environments; each != NULL; each = each->next)
		menu_add(menu, each->name);
""",
    """	for (each = environments; each != NULL; each = each->next)
		if (!each->is_deleted)
			menu_add(menu, each->name);
""",
    start=133,
)
HANDBOOK = Change(
    "doc/handbook/jails.md",
    """Begin with a jail that has no network.

    jail -c name=first path=/jails/first allow.everything=0
""",
    """Begin with a jail that has no network.

    jail -c name=first path=/jails/first
""",
    start=20,
)
CONFLICTS = Change(
    "src/sync/names.py",
    """def clashes(name: str, others: Collection[str]) -> bool:
    return name in others
""",
    """def clashes(name: str, others: Collection[str]) -> bool:
    return name.lower() in {other.lower() for other in others}
""",
    start=51,
)
BATTERY = Change(
    "src/restore/schedule.py",
    """    if power.on_battery():
        return postpone(job)
""",
    """    if power.on_battery() and power.charge() < 0.2:
        return postpone(job)
""",
    start=118,
)
CHECK = Change(
    "src/restore/checking.py",
    """    for snapshot in snapshots:
        for chunk in snapshot.chunks:
            verify(chunk)
""",
    """    seen = set()
    for snapshot in snapshots:
        for chunk in snapshot.chunks:
            if chunk.digest not in seen:
                seen.add(chunk.digest)
                verify(chunk)
""",
    start=77,
)
