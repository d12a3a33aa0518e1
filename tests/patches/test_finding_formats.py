"""What is a patch: every other way in which diffs are written, packed and sent."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import lzma
import subprocess
from pathlib import Path

import pytest

from patches import finding
from patches.finding import ParsedPatch
from patches.models import PatchFile
from patches.parsed import ParsedFile
from tests.patches.made_by_git import git, source

Status = PatchFile.Status

HUNK = """\
@@ -1,3 +1,3 @@
 int a;
-int b;
+int c;
 int d;
"""
DIFF = f"diff --git a/sys/em.c b/sys/em.c\n--- a/sys/em.c\n+++ b/sys/em.c\n{HUNK}".encode()
NEW = "@@ -0,0 +1 @@\n+int a;\n"
GONE = "@@ -1 +0,0 @@\n-int a;\n"


def only(parsed: ParsedPatch) -> ParsedFile:
    (commit,) = parsed.commits
    (file,) = commit.files
    return file


def test_subversion_names_files_by_an_index() -> None:
    text = (
        "Index: sys/em.c\n" + "=" * 67 + "\n--- sys/em.c\t(revision 123)\n"
        f"+++ sys/em.c\t(working copy)\n{HUNK}\nProperty changes on: sys/em.c\n{'_' * 67}\n"
        "Added: svn:executable\n## -0,0 +1 ##\n+*\n\\ No newline at end of property\n"
        f"Index: new.c\n{'=' * 67}\n--- new.c\t(nonexistent)\n+++ new.c\t(working copy)\n{NEW}"
    )
    parsed = finding.read(text.encode())
    first, second = parsed.commits[0].files
    assert (first.path, first.status) == ("sys/em.c", Status.MODIFIED)
    assert (second.path, second.status, second.new_mode) == ("new.c", Status.ADDED, "100644")
    assert parsed.text.startswith(DIFF)
    assert parsed.original == text.encode()


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("a/sys/em.c", "b/sys/em.c", "sys/em.c"),
        ("sys/em.c.orig\t2026-11-20 10:00:00.000 +0100", "sys/em.c\t2026-11-20 10:01", "sys/em.c"),
        ("sys/em.c", "sys/em.c.new", "sys/em.c"),
        ("src-1.0.orig/sys/em.c", "src-1.0/sys/em.c", "sys/em.c"),
        ("./sys/em.c~", "./sys/em.c", "sys/em.c"),
        ("sys/em.c 20 Nov 2026 10:00:00 -0000 1.5", "sys/em.c 20 Nov 2026 10:01", "sys/em.c"),
        ("sys/em.c   Fri Nov 20 10:00:00 2026", "sys/em.c   Fri Nov 20 10:00:01 2026", "sys/em.c"),
        ("base/sys/em.c:1.5\tFri Nov 20", "new/sys/em.c:1.5.2.1\tFri Nov 20", "sys/em.c"),
        ("a/my file.c\t2026-11-20", "b/my file.c\t2026-11-20", "my file.c"),
        ('"a/quo\\"ted.c"', '"b/quo\\"ted.c"', 'quo"ted.c'),
        ("em.c", "em2.c", "em.c"),
    ],
)
def test_the_two_names_above_a_diff_tell_the_file(old: str, new: str, path: str) -> None:
    file = only(finding.read(f"--- {old}\n+++ {new}\n{HUNK}".encode()))
    assert (file.path, file.status) == (path, Status.MODIFIED)


@pytest.mark.parametrize(
    ("old", "new", "hunk", "status"),
    [
        ("/dev/null", "b/em.c", NEW, Status.ADDED),
        ("/dev/null\tThu Jan 01 00:00:00 1970 +0000", "b/em.c", NEW, Status.ADDED),
        ("a/em.c\t1970-01-01 01:00:00.000000000 +0100", "b/em.c\t2026-11-20", NEW, Status.ADDED),
        ("a/em.c", "/dev/null", GONE, Status.DELETED),
        ("a/em.c\t2026-11-20", "b/em.c\t1969-12-31 19:00:00 -0500", GONE, Status.DELETED),
    ],
)
def test_files_that_come_and_go(old: str, new: str, hunk: str, status: Status) -> None:
    parsed = finding.read(f"diff -ruN x y\n--- {old}\n+++ {new}\n{hunk}".encode())
    assert (only(parsed).path, only(parsed).status) == ("em.c", status)


def changed(folder: Path) -> Path:
    """Two trees, `old` and `new`, with one change inside and one at the end without a line end."""
    for name in ("old", "new"):
        (folder / name).mkdir()
    (folder / "old" / "em.c").write_text(source(l20="x\f\x85y"))
    (folder / "new" / "em.c").write_text(source(5, 30, 31, l20="five", l49="last").rstrip("\n"))
    return folder


@pytest.mark.parametrize("option", ["-u", "-c", "", "-C1", "-U0"])
def test_each_style_of_diff_gives_the_same_file(tmp_path: Path, option: str) -> None:
    changed(tmp_path)
    command = ["diff", *([option] if option else []), "old/em.c", "new/em.c"]
    given = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True).stdout
    parsed = finding.read(b"diff old/em.c new/em.c\n" + given)
    assert (only(parsed).path, only(parsed).added, only(parsed).removed) == ("em.c", 2, 5)
    (tmp_path / "kept.diff").write_bytes(parsed.text)
    git(tmp_path / "old", "apply", "--unidiff-zero", "../kept.diff")
    assert (tmp_path / "old/em.c").read_bytes() == (tmp_path / "new/em.c").read_bytes()


def test_a_context_diff_adds_and_deletes_files(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    (tmp_path / "old/gone.c").write_text("one\n")
    (tmp_path / "new/came.c").write_text("two\nthree\n")
    command = ["diff", "-crN", "old", "new"]
    given = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True)
    came, gone = finding.read(given.stdout).commits[0].files
    assert (came.path, came.status, came.added) == ("came.c", Status.ADDED, 2)
    assert (gone.path, gone.status, gone.removed) == ("gone.c", Status.DELETED, 1)


def test_mercurial_exports_are_commits() -> None:
    text = (
        "# HG changeset patch\n# User Ann Bell <ann@example.org>\n# Date 1795165200 -3600\n"
        "# Node ID 0123456789abcdef0123456789abcdef01234567\n# Parent  0000\n"
        "em: Stop it\n\nIt bites. (Fixes #3)\n\nFixes #4\n\n"
        "diff -r 0000 -r 0123 sys/em.c\n--- a/sys/em.c\tFri Nov 20 09:00:00 2026 +0100\n"
        f"+++ b/sys/em.c\tFri Nov 20 10:00:00 2026 +0100\n{HUNK}"
    )
    parsed = finding.read(f"I made this:\n\n{text * 2}".encode())
    assert [commit.subject for commit in parsed.commits] == ["em: Stop it"] * 2
    mail = finding.mailed(f"Subject: em\n\nThis:\n\n{text}".encode())
    assert mail is not None
    assert finding.read(mail.as_file("This:")).title == "em: Stop it"
    commit = parsed.commits[0]
    assert (commit.message, commit.author_name) == ("It bites. (Fixes #3)\n\nFixes #4", "Ann Bell")
    assert commit.authored_at is not None
    assert (commit.authored_at.timestamp(), list(parsed.named_problems)) == (1795165200, [4])


def uuencoded(data: bytes) -> bytes:
    lines = (binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45))
    return b"begin 644 em.diff\n" + b"".join(lines) + b"`\nend\n"


SHAR = (
    b"# This is a shell archive.  Save it in a file, remove anything before\n#\necho x - em.diff\n"
    b"sed 's/^X//' >em.diff << 'END-of-em.diff'\n"
    + b"".join(b"X" + line for line in DIFF.splitlines(keepends=True))
    + b"END-of-em.diff\necho x - README\nsed 's/^X//' >README << 'END-of-README'\nXhi\n"
    + b"END-of-README\n"
)


@pytest.mark.parametrize(
    "given",
    [
        gzip.compress(DIFF),
        bz2.compress(DIFF),
        lzma.compress(DIFF),
        lzma.compress(DIFF, lzma.FORMAT_ALONE),
        b"Try this:\n\n" + uuencoded(DIFF) + b"\nThanks\n",
        uuencoded(gzip.compress(DIFF)),
        b"begin-base64 644 x\n" + base64.encodebytes(DIFF) + b"====\n",
        SHAR,
        DIFF.replace(b"\n", b"\r\n"),
        DIFF.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + DIFF,
        b"This:\n\n```diff\n" + DIFF + b"```\n\nWhat do you think?\n- yes\n",
        b"".join(b"    " + line for line in DIFF.splitlines(keepends=True)),
        b"Subject: x\nFrom: a@example.org\n\n" + uuencoded(DIFF),
        b"Subject: x\nFrom: a@example.org\n\n-- >8 --\n" + DIFF,
        b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nThis:\n\n"
        + DIFF.replace(b"\n-", b"\n- -")
        + b"-----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n",
        # What is never closed is looked through once, not from each beginning again.
        b"-----BEGIN PGP SIGNED MESSAGE-----\n\n" * 20_000 + DIFF,
    ],
    ids=range(17),
)
def test_a_diff_is_found_in_what_it_is_packed_into(given: bytes) -> None:
    parsed = finding.read(given)
    assert (parsed.text, parsed.original) == (DIFF, given)


def test_a_patch_of_a_file_with_carriage_returns_keeps_them() -> None:
    given = DIFF.replace(b"int a;\n", b"int a;\r\n").replace(b"int c;\n", b"int c;\r\n")
    assert finding.read(given).text == given


def test_headers_alone_may_have_carriage_returns() -> None:
    given = DIFF.replace(b"em.c\n", b"em.c\r\n")
    assert finding.read(given).text == DIFF


def test_other_encodings_are_kept_as_bytes() -> None:
    given = DIFF.replace(b"int c;", "größe;".encode("latin-1"))
    parsed = finding.read("Subject: f\xfcr\nFrom: a@example.org\n\n".encode("latin-1") + given)
    assert (parsed.text, parsed.title) == (given, "für")


def test_blanks_lost_at_the_ends_of_lines_are_put_back() -> None:
    given = DIFF.replace(b" int d;\n", b"\n")
    assert finding.read(given).text == DIFF.replace(b" int d;\n", b" \n")


def test_a_long_line_and_many_lines_do_no_harm() -> None:
    long = DIFF.replace(b"int c;", b"x" * 300_000)
    assert finding.read(long).text == long
    many = b"--- a/x\n+++ b/x\n@@ -1,100000 +1,200000 @@\n" + b" abc\n+def\n" * 100_000
    assert only(finding.read(many)).added == 100_000


def test_submodules_and_symbolic_links_are_shown_as_they_are() -> None:
    given = (
        b"diff --git a/lib b/lib\nindex 1111111..2222222 160000\n--- a/lib\n+++ b/lib\n"
        b"@@ -1 +1 @@\n-Subproject commit 1111111\n+Subproject commit 2222222\n"
        b"diff --git a/out b/out\nnew file mode 120000\nindex 0000000..3333333\n--- /dev/null\n"
        b"+++ b/out\n@@ -0,0 +1 @@\n+../../../etc/passwd\n\\ No newline at end of file\n"
    )
    parsed = finding.read(given)
    assert parsed.text == given
    assert [f.new_mode for f in parsed.commits[0].files] == ["160000", "120000"]


def test_what_only_says_that_binary_files_differ_goes_along_with_the_rest() -> None:
    given = DIFF + b"Binary files a/logo.png and b/logo.png differ\nBinary file x.o has changed\n"
    parsed = finding.read(given)
    assert [(f.path, f.is_binary) for f in parsed.commits[0].files] == [
        ("sys/em.c", False),
        ("logo.png", True),
        ("x.o", True),
    ]


def test_a_mailbox_with_two_versions_gives_the_newer_in_order() -> None:
    def mail(number: str, path: str) -> bytes:
        head = f"From ann Fri Nov 20 10:00:00 2026\nFrom: a@example.org\nSubject: [PATCH {number}]"
        return f"{head} Do {path}\n\nWhy.\n\n---\n".encode() + DIFF.replace(b"em.c", path.encode())

    mails = [mail("1/2", "a.c"), mail("v2 2/2", "d.c"), mail("v2 1/2", "c.c"), mail("2/2", "b.c")]
    parsed = finding.read(b"\n".join(mails))
    assert [commit.subject for commit in parsed.commits] == ["Do c.c", "Do d.c"]
    assert (parsed.version, parsed.parts, parsed.part) == (2, 2, 0)
