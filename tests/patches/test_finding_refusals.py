"""What is no patch, and what has the look of one and is refused in a sentence."""

from __future__ import annotations

import base64
import gzip
import io
import random
import re
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import pytest

from patches import finding
from patches.finding import NotAPatch, Unreadable, read, read_files
from patches.finding.messages import read_messages
from patches.finding.packed import Room
from patches.parsed import ParsedPatch
from tests.patches.made_by_git import git
from tests.patches.test_finding_formats import DIFF, HUNK, SHAR, uuencoded

LONG = "int watchdog(struct adapter *adapter, int timeout, const char *what);"
BINARY = b"diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png differ\n"


def diff_of(old: str, new: str = "") -> bytes:
    """A plain diff of files of these names."""
    return f"--- {old}\n+++ {new or old}\n{HUNK}".encode()


def zipped(text: bytes) -> bytes:
    """An archive with one patch in it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("em.patch", text)
    return made.getvalue()


def tarred(text: bytes) -> bytes:
    """The same as tar does it."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        entry = tarfile.TarInfo("em.patch")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    return made.getvalue()


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"\n",
        b"It stops after an hour.\n\n--\nAnn\n+++ now 20 % off +++\n",
        b"--- before\n+++ after\nThe second line is new.\n",
        b"Please use diff --git a/x b/x for that.\n",
        b"diff --git is what you want\n",
        b"".join(b"> " + line for line in DIFF.splitlines(keepends=True)),
        b"Index: of names\n===============\n\nA\n",
        b"*** Bold ***\n--- not ---\n***************\nno\n",
        b"begin 644 of the talk\nwe said nothing\n",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        gzip.compress(b"a log\n" * 1000),
        gzip.compress(DIFF)[:30],
        gzip.compress(b"\0" * 40_000_000),
        b"#!/bin/sh\ncat > x << EOF\nhi\nEOF\n",
        b"Subject: Re: [PATCH] em\nFrom: a@example.org\n\nLooks good.\n",
        b"From ann Fri Nov 20 10:00:00 2026\nSubject: [PATCH 0/2] em\n\nTwo patches.\n",
        b"@@ -1 +1 @@\n-a\n+b\n",
        b"diff --git a/x b/\n",
        b"\x7fELF\0\0\n" + DIFF,
        b"3d\n",
        b"a5 2\n",
        b"5c\nis the price\n",
        b"HG10 is not what I meant\n",
    ],
    ids=range(24),
)
def test_what_has_no_diff_is_no_patch(given: bytes) -> None:
    with pytest.raises(NotAPatch) as why:
        read(given)
    assert not isinstance(why.value, Unreadable)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (DIFF[:-8], "ends in the middle of the hunk of line 4 (“sys/em.c”)"),
        (DIFF.replace(b"-1,3", b"-1,2"), "hunk of line 4 does not have as many lines"),
        (DIFF.replace(b"+1,3", b"+1,2"), "hunk of line 4 does not have as many lines"),
        (DIFF.replace(b"-1,3 +1,3", b"-1,2 +1,2"), "hunk of line 4 does not have as many"),
        (DIFF.replace(b"int c;", LONG.encode() + b"\nint x;"), "Line 7 was wrapped by a mail"),
        (DIFF.replace(b"@@\n", b"@@ static void\nem_stop()\n"), "Line 4 was wrapped by a mail"),
        (DIFF.replace(b" int d;", b"int d;"), "Line 8 does not begin with a blank"),
        (diff_of("a/../../etc/passwd", "b/../../etc/passwd"), "leads out of the source tree"),
        (DIFF.replace(b"sys/", b"../"), "“../em.c” leads out of the source tree"),
        (diff_of("/usr/src/sys/em.c"), "“/usr/src/sys/em.c” is an absolute path"),
        (diff_of("C:\\src\\em.c"), "is an absolute path"),
        (DIFF.replace(b"a/sys", b"a//sys").replace(b"b/sys", b"b//sys"), "is an absolute path"),
        (DIFF.replace(b"sys/", b"sys//"), "is not the name of a file"),
        (DIFF.replace(b"sys/em.c", b"s\0em.c"), "control characters: “s?em.c”"),
        (DIFF.replace(b"sys/em.c", b"s\x1bem.c"), "control characters"),
        (diff_of('"a/e\\tm.c"', '"b/e\\tm.c"'), "control characters"),
        (DIFF.replace(b"sys/em.c", b".git/config"), "inside of git's own folder"),
        (DIFF.replace(b"sys/em.c", b"sys/GIT~1/config"), "inside of git's own folder"),
        (DIFF.replace(b"sys/em.c", b".git. ./config"), "inside of git's own folder"),
        (DIFF.replace(b"sys/em.c", b".git::$INDEX/x"), "inside of git's own folder"),
        (DIFF.replace(b"sys/em.c", b"sys\\.git\\x"), "inside of git's own folder"),
        (DIFF.replace(b"sys/em.c", ".g\u200cit/x".encode()), "inside of git's own folder"),
        (DIFF.replace(b"+++ b/sys/em.c", b"+++ b/sys/igb.c"), "A header names different files"),
        (DIFF.replace(b"sys/em.c", b"x" * 1001), "name of a file is too long"),
        (DIFF + HUNK.encode(), "The hunks of “sys/em.c” are not in order"),
        (BINARY, "make it with git diff --binary"),
        (BINARY.replace(b"Binary", b"Garbled"), "has no lines: the patch is not whole"),
        (b"Binary files old/x.png and new/x.png differ\n", "make it with git diff --binary"),
        (b"diff --git a/x b/x\nGIT binary patch\nliteral 3\n", "damaged or not whole at line 4"),
        (b"diff --git a/x b/x\nGIT binary patch\nliteral 3\nKc!\n\n", "damaged or not whole"),
        (b"diff --git a/x b/x\nGIT binary patch\n", "should begin at line 2 is missing"),
        (b"diff --git a/x b/x\nGIT binary patch\nliteral 0\nHcmV?d00001\n\n", "“index” line"),
        (b"diff --git a/x b/x\n--- a/x\n+++ b/x\n", "has no lines"),
        (b"diff --cc sys/em.c\n@@@ -1,1 -1,1 +1,1 @@@\n", "a merge against several parents"),
        (uuencoded(DIFF)[:-6], "uuencoded file in it is not whole"),
        (SHAR[: SHAR.index(b"END-of-em.diff\necho")], "The shell archive is not whole"),
        (b"5c5\n< a\n---\n> b\n", "does not say of which file"),
        (b"diff em.c em.c.new\n5,6c5\n< a\n---\n> b\n", "is not whole"),
        (b"Index: em.c\n5c\nint b;\n.\n", "a script for ed"),
        (
            b"*** a/x\n--- b/x\n***************\n*** 1,3 ****\n  a\n! b\n--- 1,3 ----\n  a\n! c\n",
            "The hunk of line 4 (“x”) is not whole",
        ),
        (DIFF.replace(b"-1,3", b"-" + b"9" * 20), "Line 4 begins a hunk, and its numbers cannot"),
        (DIFF + b"@@ -" + b"9" * 20 + b" +1 @@\n", "Line 9 begins a hunk, and its numbers"),
        (b"*** x\n--- x\n***************\n*** " + b"9" * 20 + b" ****\n", "is not whole"),
        (diff_of("a/", "b/"), "is not the name of a file"),
        (DIFF.replace(b"diff", b"\x1b[1mdiff"), "git diff --no-color"),
        (b"<!DOCTYPE html>\n<pre>\n" + DIFF, "a page of HTML"),
        (zipped(DIFF), "There are patches in this archive"),
        (gzip.compress(tarred(DIFF + random.Random(1).randbytes(2**18))), "in this archive"),
        (b"5c\nint b;\n.\n2d\nw\nq\n", "a script for ed"),
        (b"This:\n\ndiff -e old/em.c new/em.c\n2d\n", "a script for ed"),
        (b"diff -rn old/em.c new/em.c\nd2 1\na2 1\nint b;\n", "a diff of RCS"),
        (b"d2 1\na2 1\nint b;\n", "a diff of RCS"),
        (b"==== //depot/em.c#3 - /ws/em.c ====\n" + HUNK.encode(), "a diff of Perforce"),
        (b"\nNew patches:\n\n[stop\nann**1\n] hunk ./em.c 2\n-{\n+{ x\n", "a bundle of darcs"),
        (b"# v2 git bundle\n0123 refs/heads/main\n\nPACK", "It is a bundle"),
        (re.sub(rb"^", b"| ", DIFF, flags=re.M), "make it without --graph"),
    ],
    ids=range(56),
)
def test_what_looks_like_a_patch_is_refused_in_a_sentence(given: bytes, says: str) -> None:
    with pytest.raises(Unreadable) as why:
        read(given)
    assert says in why.value.reason
    assert len(why.value.reason) <= 300
    assert why.value.reason.endswith((".", "”.", "!", ")"))


def test_what_is_packed_otherwise_is_known_by_its_name() -> None:
    packed = b"\x28\xb5\x2f\xfd" + zlib.compress(DIFF)
    with pytest.raises(Unreadable, match="gzip, bzip2 or xz"):
        read_files([("em.diff.zst", packed)])
    with pytest.raises(NotAPatch, match="no diff"):
        read_files([("core.zst", packed)])


def test_a_flowed_mail_names_what_broke_it() -> None:
    head = b"From: a@example.org\nSubject: x\nContent-Type: text/plain; format=flowed\n\n"
    broken = DIFF.replace(b"int c;", LONG.encode() + b" \nint x, int y;")
    with pytest.raises(Unreadable, match=r"format=flowed, which wraps lines"):
        read(head + broken.replace(b" int d;", b"int d;"))


def test_more_than_is_taken_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    many_hunks = b"--- a/x\n+++ b/x\n" + b"@@ -1 +1 @@\n-a\n+b\n" * 1_000_001
    with pytest.raises(Unreadable, match=r"more than 1,000,000 lines"):
        read(many_hunks)
    monkeypatch.setattr("patches.finding.diffs.MOST_HUNKS", 3)
    with pytest.raises(Unreadable, match=r"more than 3 hunks"):
        read(many_hunks[:200])
    monkeypatch.setattr("patches.finding.diffs.MOST_HUNKS", 9)
    monkeypatch.setattr("patches.finding.diffs.MOST_FILES", 3)
    with pytest.raises(Unreadable, match=r"more than 3 files"):
        read(DIFF * 4)
    monkeypatch.setattr("patches.finding.messages.MOST_COMMITS", 3)
    with pytest.raises(Unreadable, match=r"more than 3 commits"):
        read((b"From a Fri Nov 20 10:00:00 2026\nSubject: x\n\n" + DIFF) * 5)
    monkeypatch.setattr("patches.finding.MOST_BYTES", 100)
    with pytest.raises(Unreadable, match=r"more than .* MB"):
        read(DIFF)
    with pytest.raises(NotAPatch, match="too large"):
        read(b"x\n" * 200)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patches.finding.packed.MOST_BYTES", 2**20)
    bomb = gzip.compress(DIFF + b"\n" * 2**20)
    with pytest.raises(Unreadable, match=r"more than 1 MB"):
        read(bomb)


def test_bombs_within_a_text_share_its_room() -> None:
    bomb = uuencoded(gzip.compress(b"Binary file\n" + b"\n" * 2**20))
    packed = uuencoded(gzip.compress(DIFF))
    (message,) = read_messages(bomb + packed)
    assert message.found.sections
    assert not read_messages(bomb + packed, room=Room(size=2**20))
    with pytest.raises(Unreadable, match="more than 2,000 files"):
        read_messages(uuencoded(b"abc") * 2001)


# Bytes that were changed at random


def corpus() -> list[bytes]:
    mail = b"From: =?utf-8?q?=C3=84?= <a@example.org>\nSubject: [PATCH 1/2] x\nMIME-Version: 1.0\n"
    multi = (
        mail + b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\nwords\n--b\n'
        b"Content-Type: text/x-patch; name=x.diff\nContent-Transfer-Encoding: quoted-printable\n\n"
        + DIFF.replace(b"=", b"=3D")
        + b"--b--\n"
    )
    renamed = b"diff --git a/x y b/z w\nsimilarity index 100%\nrename from x y\nrename to z w\n"
    context = b"*** a/x\n--- b/x\n***************\n*** 1,3 ****\n  a\n! b\n  c\n"
    context += b"--- 1,3 ----\n  a\n! d\n  c\n"
    normal = b"diff em.c em.c.new\n5c5\n< a\n---\n> b\n7d6\n< x\n"
    content = base64.b85encode(zlib.compress(b"abc"), pad=True)
    binary = b"diff --git a/x b/x\nindex %b..%b 100644\n" % (b"1" * 40, b"2" * 40)
    binary += b"GIT binary patch\nliteral 3\nK" + content + b"\n\n"
    mbox = b"From a Fri Nov 20 10:00:00 2026\n" + mail + b"\nFixes: #3\n---\n" + DIFF
    whole = [DIFF, multi, renamed + DIFF, context, normal, binary, mbox + b"\n" + mbox, SHAR]
    return [*whole, uuencoded(DIFF), gzip.compress(DIFF), DIFF.replace(b"\n", b"\r\n")]


PIECES = (
    b"\n", b"\r\n", b"\0", b"--- ", b"+++ ", b"@@ -1,9 +1 @@\n", b"diff --git a/x b/x\n", b'"',
    b"/dev/null", b"\\", b"../", b"/", b"=?utf-8?b?", b"--b\n", b"*** 1 ****\n", b"9" * 12, b" ",
    b"\xff\xfe", b"From a 2026\n", b"Content-Transfer-Encoding: base64\n", b"begin 644 x\n", b"\t",
    b"> ", b":",
)  # fmt: skip


def mutated(given: bytes, dice: random.Random) -> bytes:
    """`given` with some bytes lost, doubled, moved, or others put in."""
    for _ in range(dice.randint(1, 4)):
        at, end = sorted(dice.randint(0, len(given)) for _ in range(2))
        end = min(end, at + dice.choice((1, 5, 60, 1000)))
        given = dice.choice(
            (
                given[:at] + given[end:],
                given[:at],
                given[:end] + given[at:],
                given[:at] + dice.choice(PIECES) + given[at:],
                given[:at] + dice.choice(PIECES) + given[end:],
                given[:at] + bytes(dice.randbytes(dice.randint(1, 4))) + given[at:],
            )
        )
    return given


def check(parsed: ParsedPatch) -> None:
    """What holds of every patch, wherever it came from."""
    end = 0
    for commit in parsed.commits:
        assert commit.offset == end
        for file in commit.files:
            assert file.offset == end
            assert parsed.text[end:].startswith(b"diff --git ")
            end += file.length
            for path in filter(None, (file.path, file.old_path)):
                assert not path.startswith("/")
                assert not {"..", ".", "", ".git"} & set(path.split("/"))
                assert path.isprintable() or path.encode("utf-8")
                assert "\0" not in path
            for hunk in file.hunks:
                text = parsed.text[hunk.offset : hunk.offset + hunk.length]
                assert text.startswith(b"@@ -")
                assert file.offset < hunk.offset <= end - hunk.length
        said = (commit.subject, commit.message, commit.author_name, commit.author_email)
        assert not any("\0" in words for words in said)
    assert end == len(parsed.text)


def mutate(count: int, seed: int) -> dict[str, int]:
    """Read so many changed patches; how many were taken, refused and passed over."""
    dice = random.Random(seed)
    given = corpus()
    sentences: set[str] = set()
    seen = {"taken": 0, "refused": 0, "passed over": 0}
    for _ in range(count):
        data = mutated(dice.choice(given), dice)
        begun = time.perf_counter()
        try:
            check(read(data, is_mail=dice.random() < 0.1))
            seen["taken"] += 1
        except Unreadable as why:
            sentences.add(why.reason)
            seen["refused"] += 1
        except NotAPatch:
            seen["passed over"] += 1
        seen["slowest in ms"] = max(
            seen.get("slowest in ms", 0), int(1000 * (time.perf_counter() - begun))
        )
    assert all(10 < len(reason) <= 300 and reason.isprintable() for reason in sentences)
    return seen


def test_changed_bytes_give_a_patch_a_sentence_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # git is asked once for each that is taken, which takes most of the time.
    monkeypatch.setattr(
        "patches.finding.assembling.patch_ids", lambda diffs: ["0" * 40 for _ in diffs]
    )
    seen = mutate(300, seed=5)
    assert seen["taken"] > 50
    assert seen["refused"] > 50
    assert seen["passed over"] > 10


def test_what_is_kept_reads_as_itself_and_git_reads_it(tmp_path: Path) -> None:
    for given in corpus():
        parsed = finding.read(given)
        again = finding.read(parsed.text)
        assert again.text == parsed.text
        assert again.paths == parsed.paths
        (tmp_path / "kept.diff").write_bytes(parsed.text)
        git(tmp_path, "apply", "--numstat", "kept.diff")
