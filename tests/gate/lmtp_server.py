"""The process that takes mail, started again in no time: it is forked from one that has loaded all.

``python -m tests.gate.lmtp_server`` serves as ``python -m config.runtime.lmtp`` does, prints the
number of each process that serves, and starts another when one was killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from config.environment import load_environment
from config.runtime import children, lmtp
from config.runtime.checks import listen_for_mail


def main() -> None:
    """Until it is killed itself; what it started dies with it."""
    where = lmtp._where(load_environment(os.environ))
    listener = listen_for_mail(where)
    lmtp._load_application()
    from notifications.gate.lmtp import Door  # noqa: F401 - loaded once, for all of them

    me = os.getpid()
    while True:
        child = os.fork()
        if child == 0:
            children.die_with(me, signal.SIGKILL)
            asyncio.run(lmtp._serve(listener, where.dialect))
            os._exit(0)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit("it ended by itself")


if __name__ == "__main__":
    main()
