"""The proof: SQLite, to PostgreSQL, and back, with the same bytes and the same pages."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from config.environment import PROJECT_DIR
from tests import migrated, services

# viewer and address -> [status, text]
Pages = dict[str, list[Any]]


def instance(folder: Path, *steps: str, **environment: str) -> None:
    """Run steps in an instance with its data in `folder`; see `tests.transfer.instance`."""
    if "DATABASE_URL" not in environment:
        migrated.copy_sqlite(os.environ, folder / "groundswell.sqlite3")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.transfer.instance", *steps],
        cwd=PROJECT_DIR,
        env=services.clean_environment() | {"DATA_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def differences(address: str, before: Pages, after: Pages) -> list[str]:
    """The lines that a page has in one instance only."""
    if before[address] == after[address]:
        return []
    one, other = (str(pages[address][1]).splitlines() for pages in (before, after))
    return [address, *(line for line in difflib.ndiff(one, other) if line[0] in "+-")]


def test_an_instance_moves_to_the_other_database_and_back_unchanged(tmp_path: Path) -> None:
    a, b, c = (tmp_path / f"{name}.tar" for name in "abc")
    shown = [tmp_path / f"{name}.json" for name in "ab"]
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    with services.redis() as redis, services.migrated_postgresql() as postgresql:
        instance(first, "migrate", "fill", f"export={a}", f"pages={shown[0]}", REDIS_URL=redis)
        instance(second, "migrate", f"import={a}", f"export={b}", f"pages={shown[1]}", "recount",
                 REDIS_URL=redis, DATABASE_URL=postgresql)  # fmt: skip
        instance(third, "migrate", f"import={b}", f"export={c}", "recount", REDIS_URL=redis)
    assert a.read_bytes() == b.read_bytes() == c.read_bytes()
    before, after = (json.loads(path.read_text()) for path in shown)
    assert before.keys() == after.keys()
    assert [line for each in before for line in differences(each, before, after)] == []
    kinds = {status for status, _ in before.values()}
    assert kinds == {200, 302, 403, 404}
    assert before[" /1"][0] == 200
    assert before[" /4"][0] == 404, "confidential"
    assert before["rita /4"][0] == before["tom /4"][0] == 200
    assert before[" /patches/1/"][0] == before[" /patches/1/1/"][0] == 200
    assert before[" /patches/2/"][0] == 404, "of a confidential problem"
    assert list((second / "mail").glob("*")) == [], "nobody is mailed"
