"""Readers of incoming mail that are killed at random: ``python -m tests.gate.killing SEED``.

One process loads the product, and forks what it kills, so that a round costs no start. Prints what
is in the database at the end, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

ROUNDS = 20
COMMENTS, VOTES, HELD, UNKNOWN = 60, 20, 4, 6


def main() -> None:
    """Store the mails, kill readers for some rounds, let the last ones finish, and tell."""
    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    connections.close_all()
    chance = random.Random(int(sys.argv[1]))
    warm_up()
    wait_for(fork(store_mails))
    killed = sum(kill_readers(chance) for _ in range(ROUNDS))
    wait_for(fork(read_all))
    print(json.dumps({"killed": killed, **tell()}))


def warm_up() -> None:
    """Load before forking what is else loaded when it is first used, by each anew."""
    from notifications import tasks  # noqa: F401
    from notifications.gate.parsing import parse
    from tests.gate.letters import letter

    parse(letter())


def fork(work: Callable[[], None]) -> int:
    """Do something in a process of its own; its number."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def wait_for(pid: int) -> None:
    assert os.waitpid(pid, 0)[1] == 0, "a process of this test has failed"


def kill_readers(chance: random.Random) -> int:
    """Two readers, each killed whatever it is at; how many were still reading."""
    readers = [fork(read_all), fork(read_all)]
    killed = 0
    for pid in readers:
        time.sleep(chance.uniform(0.01, 0.12))
        os.kill(pid, signal.SIGKILL)
        killed += os.waitpid(pid, 0)[1] == signal.SIGKILL
    return killed


def read_all() -> None:
    """Read what is due, the oldest first: two readers so come to the same message."""
    from notifications.gate import processing
    from notifications.gate.models import IncomingMail

    # Killed ones are due at once, and so two may be at the same message.
    processing.LEASE = timedelta(0)  # type: ignore[misc]
    processing.MOST_ATTEMPTS = 10_000  # type: ignore[misc]
    received = IncomingMail.objects.filter(state=IncomingMail.State.RECEIVED)
    while ids := list(received.order_by("pk").values_list("pk", flat=True)):
        for pk in ids:
            processing.process(pk)


def store_mails() -> None:
    from notifications.gate.addresses import reply_address
    from tests.gate.letters import letter, store
    from tests.people import make_person
    from tests.problems import make_problem

    problem = make_problem()
    for number in range(COMMENTS + VOTES):
        person = make_person()
        to = reply_address(person.pk, problem.pk)
        text = f"Comment {number}." if number < COMMENTS else "+1"
        store(letter(person.email, to, text), to, person.email)
    asked = make_person("asked")
    to = reply_address(asked.pk, problem.pk)
    for number in range(HELD):
        store(letter("eve@example.net", to, f"Held {number}"), to, "eve@example.net")
    for number in range(UNKNOWN):
        store(letter("nia@example.net", text=f"Unknown {number}"), sender="nia@example.net")


def tell() -> dict[str, Any]:
    from django.db.models import Count, Max

    from notifications.gate.models import HeldMail, IncomingMail
    from notifications.models import Message
    from tracker.models import Comment
    from votes.models import Vote

    states = IncomingMail.objects.values_list("state").annotate(Count("pk")).order_by("state")
    answers = Message.objects.filter(kind="answer").values_list("address", flat=True)
    return {
        "states": dict(states),
        "comments": sorted(Comment.objects.values_list("text", flat=True)),
        "votes": Vote.objects.count() - 1,
        "held": HeldMail.objects.count(),
        "answers": sorted(answers.exclude(address__startswith="person")),
        "attempts": IncomingMail.objects.aggregate(most=Max("attempts"))["most"],
        # Words that were said already become no comment, so doing it twice would show here.
        "originals": IncomingMail.objects.filter(comment__isnull=False).count(),
        "unlinked": IncomingMail.objects.filter(state="done", problem=None).count(),
    }


if __name__ == "__main__":
    main()
