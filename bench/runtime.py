"""How long the default set-up takes to start, to stop, and to take a dead worker's task up again.

    .venv/bin/python -m bench.runtime [ROUNDS]

Starts the whole product on a free port with data in a temporary folder. Prints seconds.
"""

from __future__ import annotations

import statistics
import sys
import time

from celery import Celery

from config.environment import load_environment
from config.queue import celery_settings
from tests.services import Groundswell, groundswell, wait_until

SLOW_TASKS = {"DJANGO_SETTINGS_MODULE": "tests.supervised_settings"}


def seconds(action: object) -> float:
    """How long a call takes."""
    assert callable(action)
    started = time.monotonic()
    action()
    return time.monotonic() - started


def starts_again(installation: Groundswell) -> float:
    """From the command to the first answer of a page, when nothing is to be migrated."""
    installation.stop()
    installation.log.unlink()

    def start() -> None:
        installation.start()
        wait_until(lambda: _answers(installation))

    return seconds(start)


def _answers(installation: Groundswell) -> bool:
    try:
        return installation.get("/")[0] == 200
    except OSError:
        return False


def task_returns(installation: Groundswell, number: int) -> float:
    """From `kill -9` of the worker under a task to the second begin of that task."""
    diary = installation.data_dir / f"diary-{number}"
    app = Celery("bench", set_as_current=False)
    broker_url = load_environment(installation.environment).broker_url
    app.config_from_object(celery_settings(broker_url), namespace="CELERY")
    app.send_task("tests.slow_tasks.note", [str(diary), "bench", 8])
    wait_until(lambda: diary.exists() and "begin" in diary.read_text())
    installation.kill("worker")
    taken = seconds(lambda: wait_until(lambda: diary.read_text().count("begin") == 2, 90))
    wait_until(lambda: "end" in diary.read_text())
    return taken


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with groundswell(**SLOW_TASKS) as installation:
        figures = {
            "second start to first answer": [starts_again(installation) for _ in range(rounds)],
            "killed worker's task begins again": [
                task_returns(installation, number) for number in range(rounds)
            ],
            "stop": [seconds(installation.stop)],
        }
    for name, values in figures.items():
        print(f"{name:<36} median {statistics.median(values):5.1f}  worst {max(values):5.1f}")


if __name__ == "__main__":
    main()
