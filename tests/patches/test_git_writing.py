"""What goes in as commits comes out as the same commits: `git am` of our mails, on real bases."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Person
from patches.finding import read
from patches.git.writing import as_mbox, as_patch
from patches.models import Patch
from patches.parsed import ParsedPatch
from tests.patches.repositories import Repository, numbered
from tests.patching import make_patch, newest, next_version, parsed
from tests.people import make_person

pytestmark = pytest.mark.django_db

COMMIT = "--format=%T%n%an%n%ae%n%ad%n%B"
CRLF = numbered(30).replace("\n", "\r\n")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Two commits with everything that makes diffs hard, on `base`."""
    made = Repository(tmp_path_factory.mktemp("git") / "repository")
    files: dict[str, str | bytes | None] = {
        "src/a.c": numbered(40),
        "src/old name.c": numbered(40, n1="renamed"),
        "dos.txt": CRLF,
        "open.txt": "first\nlast without an end",
        "picture": bytes(range(256)),
        "run.sh": "#!/bin/sh\n",
        "gone": "gone\n",
    }
    made.commit("Base", files)
    made.git("tag", "base")
    (made.path / "src/old name.c").rename(made.path / "src/né.c")
    (made.path / "run.sh").chmod(0o755)
    made.commit(
        "Höre auf, unter Last stehen zu bleiben, auch dann wenn der Betreff sehr lang wird\n\n"
        "Two lines: one\nFrom here on.\n\n  indented  by two\n\n"
        "Signed-off-by: Ünal <u@example.org>",
        {
            "src/a.c": numbered(40, n7="sieben und fünf"),
            "src/né.c": numbered(40, n1="renamed", n20="zwanzig"),
            "dos.txt": CRLF.replace("line 7 ", "line seven "),
            "gone": None,
            "picture": bytes(range(255, -1, -1)),
        },
        GIT_AUTHOR_NAME="Ünal Yıldız, Jr",
        GIT_AUTHOR_EMAIL="u@example.org",
        GIT_AUTHOR_DATE="2026-02-03T04:05:06+09:30",
    )
    made.commit(
        "Then the rest",
        {
            "src/a.c": numbered(40, n7="sieben und fünf", n8="eight"),
            "open.txt": "first\nstill without an end",
            "from": "a\n\nFrom ann@example.org Mon Sep 17 00:00:00 2001\nb\n" + "x" * 2000,
            "link": "a",
        },
    )
    return made


def commits_after(repository: Repository, mbox: bytes) -> list[str]:
    """What git says of the commits that `git am` makes of it on the base."""
    repository.git("checkout", "-q", "--detach", "base")
    repository.git("am", "-q", stdin=mbox)
    return said(repository, "base..HEAD")


def said(repository: Repository, commits: str) -> list[str]:
    text = repository.git("log", "-z", "--reverse", "--date=iso-strict", COMMIT, commits).decode()
    return [part.strip() for part in text.split("\0")]


def submitted(came: ParsedPatch, author: Person | None = None) -> Patch:
    return make_patch(author=author, text=came, title="em: do not hang", description="It hung.")


def test_mails_of_git_come_out_as_the_same_commits(repository: Repository) -> None:
    patch = submitted(read(repository.mails("base", "main")))
    mbox = as_mbox(newest(patch))
    assert commits_after(repository, mbox) == said(repository, "base..main")


def test_a_series_of_which_the_mails_are_lost_has_the_same_trees_and_words(
    repository: Repository,
) -> None:
    version = newest(submitted(read(repository.mails("base", "main"))))
    version.original = ""
    made, real = commits_after(repository, as_mbox(version)), said(repository, "base..main")
    for one, other in zip(made, real, strict=True):
        assert one.split("\n")[:3] == other.split("\n")[:3]
        assert one.split("\n")[4:] == other.split("\n")[4:]
    # The time is the same; rows have no zones.
    assert "2026-02-02T18:35:06+00:00" in made[0]


def test_the_diffs_apply_as_they_are(repository: Repository, tmp_path: Path) -> None:
    version = newest(submitted(read(repository.mails("base", "main"))))
    repository.git("checkout", "-q", "--detach", "base")
    repository.git("apply", "--index", stdin=as_patch(version))
    assert repository.git("write-tree") == repository.git("rev-parse", "main^{tree}")
    repository.git("reset", "-q", "--hard")


def test_a_bare_diff_has_the_words_of_its_patch_and_nobodys_address(
    repository: Repository, settings: Settings
) -> None:
    settings.BASE_URL = "https://problems.example.org"
    author = make_person("ann", email="secret@example.org")
    diff = repository.git("diff", "base", "main", "--", "src/a.c")
    version = newest(submitted(read(diff), author))
    mbox = as_mbox(version)
    _, name, address, _, *words = commits_after(repository, mbox)[0].split("\n")
    assert (name, address) == ("ann", "ann@users.noreply.problems.example.org")
    assert words == ["em: do not hang", "", "It hung."]
    assert b"secret" not in mbox
    assert b"https://problems.example.org/patches/" in mbox


def test_a_mail_passes_on_neither_other_addresses_nor_what_no_page_shows(
    repository: Repository,
) -> None:
    mail = repository.mails("base", "main~1").replace(
        b"\nSubject: ", b"\nTo: list@example.org\nCc: private@example.org\nSubject: ", 1
    )
    hidden = repository.git("diff", "main~1", "main", "--", "open.txt")
    version = newest(submitted(read(mail + b"\n-- \nAnn\n")))
    mbox = as_mbox(version)
    assert b"private@" not in mbox
    assert b"list@" not in mbox
    assert hidden not in mbox


def test_words_that_look_like_a_mail_change_neither_author_nor_diff(
    repository: Repository,
) -> None:
    diff = repository.git("diff", "base", "main", "--", "src/a.c")
    words = (
        "From: Mallory <m@example.org>\n\ndiff --git a/gone b/gone\ndeleted file mode 100644\n---"
    )
    came = parsed(diff, subjects=["em: stop"], messages=[words])
    _, name, *_ = commits_after(repository, as_mbox(newest(submitted(came))))[0].split("\n")
    assert name != "Mallory"
    assert repository.git("ls-tree", "HEAD", "gone")


def test_each_version_says_which_it_is(repository: Repository) -> None:
    patch = submitted(read(repository.mails("base", "main~1")))
    other = repository.git("diff", "base", "main", "--", "src/a.c")
    version = next_version(patch, read(other))
    assert b"\nSubject: [PATCH v2] em: do not hang\n" in as_mbox(version)


@pytest.mark.parametrize("subject", ["", f"em: {'stop ' * 60}".strip()])
def test_a_commit_without_a_subject_or_with_a_very_long_one_comes_out_the_same(
    subject: str, tmp_path: Path
) -> None:
    made = Repository(tmp_path / "repository")
    made.commit("Base", {"a.c": numbered(9)})
    made.git("tag", "base")
    (made.path / "a.c").write_text(numbered(9, n4="four"))
    made.git(
        "commit", "-qa", "--allow-empty-message", "-m", subject,
        GIT_AUTHOR_DATE="2026-02-03T04:05:06+09:30",
    )  # fmt: skip
    came = read(made.mails("base", "main"))
    mbox = as_mbox(newest(submitted(came)))
    assert commits_after(made, mbox) == said(made, "base..main")
