"""Readers of mail are killed forty times at random moments: each mail does what it says once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import PROJECT_DIR
from tests import migrated
from tests.gate.killing import COMMENTS, HELD, ROUNDS, UNKNOWN, VOTES
from tests.gate.letters import DOMAIN
from tests.services import clean_environment

pytestmark = pytest.mark.end_to_end

SEED = os.environ.get("KILL_SEED", "1")


def test_readers_that_are_killed_lose_no_mail_and_do_none_twice(tmp_path: Path) -> None:
    environment = clean_environment() | {
        "DATA_DIR": str(tmp_path),
        "MAIL_IN": DOMAIN,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    migrated.copy_sqlite(environment, tmp_path / "groundswell.sqlite3")
    done = subprocess.run(
        [sys.executable, "-m", "tests.gate.killing", SEED],
        cwd=PROJECT_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["comments"] == sorted(f"Comment {number}." for number in range(COMMENTS))
    assert found["originals"] == COMMENTS
    assert found["votes"] == VOTES
    assert found["held"] == HELD
    assert found["states"] == {"done": COMMENTS + VOTES, "held": HELD, "refused": UNKNOWN}
    assert found["unlinked"] == 0
    assert found["answers"] == ["asked@example.org"] * HELD + ["nia@example.net"]
    # Else nobody was killed in the middle of anything.
    assert found["killed"] > ROUNDS / 2
    assert found["attempts"] > 1
