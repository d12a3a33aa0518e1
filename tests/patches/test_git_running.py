"""git runs for strangers: nobody's settings, no hooks, no network, bounded, with a reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from patches import checks
from patches.git import running
from patches.git.running import GitFailed, git, repository, run
from tests.patches.repositories import Repository


def test_nobodys_settings_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Somebody\n[alias]\n\tx = !echo yes\n")
    for name, value in (
        ("HOME", str(tmp_path)),
        ("XDG_CONFIG_HOME", str(tmp_path)),
        ("GIT_CONFIG_GLOBAL", str(tmp_path / ".gitconfig")),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "user.name"),
        ("GIT_CONFIG_VALUE_0", "Somebody"),
        ("GIT_DIR", str(tmp_path)),
    ):
        monkeypatch.setenv(name, value)
    assert b"Somebody" not in git(["config", "--list"])
    with repository() as path, pytest.raises(GitFailed, match="not a git command"):
        git(["x"], cwd=path)


def test_no_repository_above_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Repository(tmp_path / "repository").path)
    with pytest.raises(GitFailed, match="not a git repository"):
        git(["rev-parse", "HEAD"])


def test_hooks_of_a_repository_do_not_run(tmp_path: Path) -> None:
    made = Repository(tmp_path / "repository")
    commit = made.commit("One", {"a": "a\n"})
    hook = made.path / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    git(["update-ref", "refs/heads/other", commit], cwd=made.path / ".git")
    assert not (tmp_path / "ran").exists()


def test_nothing_is_fetched(tmp_path: Path) -> None:
    made = Repository(tmp_path / "repository")
    with repository() as path, pytest.raises(GitFailed, match="transport"):
        git(["fetch", str(made.path)], cwd=path)


def test_what_takes_too_long_ends_with_all_it_started(tmp_path: Path) -> None:
    told = tmp_path / "told"
    alias = f"alias.x=!echo $$ > {told}; exec sleep 60"
    with repository() as path, pytest.raises(GitFailed, match=r"longer than 0\.4 s"):
        git(["-c", alias, "x"], cwd=path, timeout=0.4)
    # On a machine that is very busy it may not have come that far.
    number = told.read_text().strip() if told.exists() else ""
    assert not number or not is_alive(Path("/proc") / number)


def is_alive(process: Path) -> bool:
    """Dead ones may wait for their parent to notice."""
    status = process / "status"
    return status.exists() and "State:\tZ" not in status.read_text()


def test_what_prints_too_much_is_stopped() -> None:
    with pytest.raises(GitFailed, match="more than 10 bytes"):
        git(["version"], limit=10)


def test_a_failure_names_no_folder_of_this_machine() -> None:
    with repository() as path:
        with pytest.raises(GitFailed) as failed:
            git(["log", "no such thing"], cwd=path)
        assert str(path) not in failed.value.reason
        assert failed.value.reason.startswith("git log failed: fatal:")
        assert run(["cat-file", "-e", "0" * 40], cwd=path)[0] == 1
    assert not path.exists()


def test_a_server_without_git_hears_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_git() == []
    with monkeypatch.context() as other:
        other.setattr(running, "OLDEST", (99, 0))
        assert [found.id for found in checks.check_git()] == ["patches.W002"]
    monkeypatch.setenv("PATH", os.devnull)
    for kept in (running.executable, running.version):
        kept.cache_clear()
    try:
        (found,) = checks.check_git()
    finally:
        monkeypatch.undo()
        for kept in (running.executable, running.version):
            kept.cache_clear()
    assert found.id == "patches.W001"
    assert "Install git 2.30 or later" in str(found.hint)
