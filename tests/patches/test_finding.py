"""What is a patch: git's own output, as files, mailboxes and mails."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from patches import finding
from patches.finding import NotAPatch, ParsedPatch
from patches.models import PatchFile
from tests.patches import made_by_git
from tests.patches.made_by_git import git, repository

Status = PatchFile.Status


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def series(folder: Path) -> bytes:
    return git(folder, "format-patch", "--stdout", "--base=HEAD~2", "-v2", "HEAD~2")


def diffs(folder: Path) -> bytes:
    """The diffs of both commits, as git writes them."""
    pairs = (("HEAD~2", "HEAD~1"), ("HEAD~1", "HEAD"))
    return b"".join(git(folder, "diff", "--binary", "-M", *pair) for pair in pairs)


def subjects(parsed: ParsedPatch) -> list[str]:
    return [commit.subject for commit in parsed.commits]


def test_a_series_keeps_its_diffs_byte_for_byte(folder: Path, series: bytes) -> None:
    parsed = finding.read(series)
    assert parsed.text == diffs(folder)
    assert parsed.original == series
    assert b"".join(parsed.text[c.offset :][: c.length] for c in parsed.commits) == parsed.text


def test_a_series_has_commits_with_words_and_authors(folder: Path, series: bytes) -> None:
    parsed = finding.read(series)
    first, second = parsed.commits
    assert subjects(parsed) == ["em: Stop the watchdog – now", "All the rest"]
    assert first.message == "Because it bites.\n\nFixes: #12"
    assert (first.author_name, first.author_email) == ("Änn Bell", "ann@example.org")
    assert first.authored_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert second.message == ""
    assert (parsed.version, list(parsed.named_problems)) == (2, [12])
    assert parsed.base_commit == git(folder, "rev-parse", "HEAD~2").decode().strip()
    assert first.patch_id == _patch_id(git(folder, "show", "HEAD~1"))
    attached = finding.read(git(folder, "format-patch", "--stdout", "--attach", "HEAD~2"))
    assert subjects(attached) == subjects(parsed)
    assert (attached.commits[0].message, attached.parts) == (first.message, 2)


def _patch_id(shown: bytes) -> str:
    said = subprocess.run(
        ["git", "patch-id", "--verbatim"], input=shown, check=True, capture_output=True
    )
    return said.stdout.decode().split()[0]


def test_every_kind_of_change_is_named(series: bytes) -> None:
    parsed = finding.read(series)
    files = {file.path: file for file in parsed.commits[1].files}
    said = {p: (f.status, f.old_path, f.old_mode, f.new_mode) for p, f in files.items()}
    assert said == {
        "crlf.txt": (Status.ADDED, "", "", "100644"),
        "empty": (Status.ADDED, "", "", "100644"),
        "gone.c": (Status.DELETED, "", "100644", ""),
        "latin.c": (Status.ADDED, "", "", "100644"),
        "link": (Status.ADDED, "", "", "120000"),
        "logo.png": (Status.MODIFIED, "", "100644", "100644"),
        "new name.c": (Status.RENAMED, "old.c", "100644", "100644"),
        'quo"ted ä.c': (Status.ADDED, "", "", "100644"),
        "sp ace.c": (Status.MODIFIED, "", "100644", "100644"),
        "sys/em.c": (Status.MODIFIED, "", "100644", "100755"),
    }
    assert [path for path, file in files.items() if file.is_binary] == ["logo.png"]
    assert (files["new name.c"].added, files["new name.c"].removed) == (0, 1)


def test_offsets_point_at_files_and_hunks(series: bytes) -> None:
    parsed = finding.read(series)
    for commit in parsed.commits:
        end = commit.offset
        for file in commit.files:
            assert file.offset == end
            assert parsed.text[file.offset :].startswith(b"diff --git ")
            end = file.offset + file.length
            for hunk in file.hunks:
                text = parsed.text[hunk.offset :][: hunk.length]
                said = f"@@ -{hunk.old_start}"
                assert text.startswith(said.encode())
                signs = [line[:1] for line in text.splitlines()[1:]]
                assert len(signs) - signs.count(b"-") - signs.count(b"\\") == hunk.new_lines
                assert len(signs) - signs.count(b"+") - signs.count(b"\\") == hunk.old_lines
        assert end == commit.offset + commit.length


def test_what_is_kept_can_be_applied(folder: Path, series: bytes, tmp_path: Path) -> None:
    git(folder, "worktree", "add", "-q", "--detach", str(tmp_path / "tree"), "HEAD~2")
    parsed = finding.read(series)
    for number, commit in enumerate(parsed.commits):
        (tmp_path / f"{number}.diff").write_bytes(parsed.text[commit.offset :][: commit.length])
        git(tmp_path / "tree", "apply", "--index", str(tmp_path / f"{number}.diff"))
    assert git(tmp_path / "tree", "write-tree") == git(folder, "rev-parse", "HEAD^{tree}")


def test_the_letter_above_a_series_names_it(folder: Path) -> None:
    given = git(folder, "format-patch", "--stdout", "--cover-letter", "--thread", "HEAD~2")
    given = given.replace(b"*** SUBJECT HERE ***", b"em: be quiet")
    parsed = finding.read(given.replace(b"*** BLURB HERE ***", b"It barks.\n\nIt bites.\n\nPR: 7"))
    assert (parsed.title, parsed.description) == ("em: be quiet", "It barks.\n\nIt bites.\n\nPR: 7")
    assert list(parsed.named_problems) == [7, 12]
    assert parsed.message_id
    assert parsed.answers == []
    assert len(parsed.commits) == 2


@pytest.mark.parametrize("kind", ["--interdiff", "--range-diff"])
def test_what_a_letter_says_of_the_version_before_is_no_commit(folder: Path, kind: str) -> None:
    made = git(folder, "format-patch", "--stdout", "--cover-letter", "-v2", f"{kind}=HEAD~1", "-2")
    parsed = finding.read(made.replace(b"*** BLURB HERE ***", b"Quiet now."))
    assert (len(parsed.commits), parsed.description) == (2, "Quiet now.")


def test_one_patch_of_a_series_says_which_it_is(folder: Path) -> None:
    given = git(folder, "format-patch", "--stdout", "--numbered", "-1", "HEAD")
    assert finding.read(given).parts == 1
    alone = finding.read(given.replace(b"[PATCH 1/1]", b"[PATCH v3 2/5]"))
    assert (alone.part, alone.parts, alone.version) == (2, 5, 3)
    assert alone.title == "All the rest"


def test_files_of_a_series_are_put_in_their_order(folder: Path, tmp_path: Path) -> None:
    git(folder, "format-patch", "-q", "--cover-letter", "-o", str(tmp_path), "HEAD~2")
    files = [(path.name, path.read_bytes()) for path in tmp_path.iterdir()]
    parsed = finding.read_files(sorted(files, reverse=True))
    assert subjects(parsed) == ["em: Stop the watchdog – now", "All the rest"]
    assert parsed.text == diffs(folder)
    assert parsed.title == "*** SUBJECT HERE ***"


@pytest.mark.parametrize(
    "options",
    [
        ("--no-prefix",),
        ("--src-prefix=i/", "--dst-prefix=w/"),
        ("--src-prefix=before/", "--dst-prefix=after/"),
    ],
)
def test_prefixes_become_those_of_git(folder: Path, options: tuple[str, ...]) -> None:
    given = git(folder, "diff", "--binary", "-M", *options, "HEAD~1", "HEAD")
    parsed = finding.read(given)
    want = finding.read(git(folder, "diff", "--binary", "-M", "HEAD~1", "HEAD"))
    assert parsed.paths == want.paths
    assert parsed.content == want.content


def test_two_files_that_git_compares_are_one_in_the_tree(tmp_path: Path) -> None:
    (tmp_path / "em.c.orig").write_text("one\n")
    (tmp_path / "em.c").write_text("two\n")
    command = ["git", "diff", "--no-index", "em.c.orig", "em.c"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True)
    parsed = finding.read(done.stdout)
    assert parsed.paths == ["em.c"]
    assert parsed.text.startswith(b"diff --git a/em.c b/em.c\nindex ")


def test_a_diff_backwards_is_one_too(folder: Path) -> None:
    parsed = finding.read(git(folder, "diff", "-R", "--binary", "HEAD~1", "HEAD"))
    (commit,) = parsed.commits
    assert {f.path for f in commit.files if f.status == Status.DELETED} >= {"link", "empty"}


@pytest.mark.parametrize(
    "options",
    [(), ("--format=raw", "--stat"), ("--format=fuller", "--date=iso"),
     ("--abbrev-commit", "--decorate", "--raw")],
)  # fmt: skip
def test_what_git_show_and_log_print_is_read_from_the_oldest(
    folder: Path, options: tuple[str, ...]
) -> None:
    printed = git(folder, "log", "-p", "--binary", *options, "HEAD~2..")
    parsed = finding.read(b"Mine:\n\n" + printed)
    assert subjects(parsed) == ["em: Stop the watchdog – now", "All the rest"]
    first = parsed.commits[0]
    assert first.message == "Because it bites.\n\nFixes: #12"
    assert (first.author_name, first.author_email) == ("Änn Bell", "ann@example.org")
    assert first.authored_at == datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize("options", [("--oneline", "--decorate"), ("--format=reference",)])
def test_a_log_of_lines_names_each_commit(folder: Path, options: tuple[str, ...]) -> None:
    parsed = finding.read(git(folder, "log", "-p", "--binary", *options, "HEAD~2.."))
    assert subjects(parsed) == ["em: Stop the watchdog – now", "All the rest"]


def test_what_changes_the_same_file_is_put_in_its_order(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for number in range(3):
        (tmp_path / "em.c").write_text(f"int a{number};\n")
        made_by_git.commit(tmp_path, f"Step {number}")
    for options in ((), ("--reverse",), ("--oneline", "--reverse"), ("--format=email",)):
        printed = git(tmp_path, "log", "-p", *options, "HEAD~2..")
        assert subjects(finding.read(printed)) == ["Step 1", "Step 2"]


def test_who_speaks_of_a_commit_above_a_diff_does_not_name_it(folder: Path) -> None:
    spoken = git(folder, "log", "-1", "HEAD~2") + b"\nThat broke it, this helps:\n\n"
    parsed = finding.read(spoken + git(folder, "diff", "HEAD~2", "HEAD~1"))
    assert (subjects(parsed), parsed.author_name) == ([""], "")
    assert parsed.description.endswith("That broke it, this helps:")


def test_a_bare_diff_is_one_commit_without_words(folder: Path) -> None:
    diff = git(folder, "diff", "HEAD~2", "HEAD~1")
    parsed = finding.read(b"This helps here.\n\n" + diff)
    assert (subjects(parsed), parsed.text, parsed.description) == ([""], diff, "This helps here.")
    assert finding.read(diff).original == b""


def test_a_series_pasted_below_other_words_is_one(folder: Path, series: bytes) -> None:
    parsed = finding.read(b"This helps here:\n\n```\n" + series + b"```\n\nOr not.\n")
    assert subjects(parsed) == ["em: Stop the watchdog – now", "All the rest"]
    assert (parsed.text, parsed.version) == (diffs(folder), 2)


# Mails


def mailed(folder: Path, **headers: str) -> EmailMessage:
    """The first commit as a mail."""
    diff = git(folder, "diff", "HEAD~2", "HEAD~1").decode()
    message = EmailMessage()
    message["From"] = "Bo Kay <bo@example.org>"
    message["Subject"] = "Re: [RFC PATCH v3] em: Stop it"
    message["Message-ID"] = "<three@example.org>"
    message["In-Reply-To"] = "<two@example.org>"
    message["References"] = "<one@example.org> <two@example.org>"
    message.set_content(f"It bites.\n\nCloses #5, #6\n---\nNot for the log.\n\n{diff}-- \nBo\n")
    return message


@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
def test_a_saved_mail_is_read_however_it_was_encoded(folder: Path, encoding: str) -> None:
    message = mailed(folder)
    text = message.get_content()
    message.set_content(text, cte=encoding)
    raw = message.as_bytes().replace(b"\n", b"\r\n")
    parsed = finding.read(raw)
    assert parsed.text == git(folder, "diff", "HEAD~2", "HEAD~1")
    assert (parsed.title, parsed.description) == ("em: Stop it", "It bites.\n\nCloses #5, #6")
    assert (parsed.version, parsed.message_id) == (3, "three@example.org")
    assert parsed.answers == ["one@example.org", "two@example.org"]
    assert list(parsed.named_problems) == [5, 6]
    assert (parsed.author_name, parsed.author_email) == ("Bo Kay", "bo@example.org")


def test_the_author_in_a_mails_text_counts_more_than_its_sender(folder: Path) -> None:
    message = mailed(folder)
    message.set_content("From: Änn Bell <ann@example.org>\n\n" + message.get_content())
    (commit,) = finding.read(message.as_bytes(), is_mail=True).commits
    assert (commit.author_name, commit.subject) == ("Änn Bell", "em: Stop it")
    assert commit.message == "It bites.\n\nCloses #5, #6"


def test_patches_attached_to_a_mail_are_one_series(folder: Path, tmp_path: Path) -> None:
    git(folder, "format-patch", "-q", "-o", str(tmp_path), "HEAD~2")
    parts = [b"\nTwo of them.\n\n> diff --git a/x b/x\n"]
    for path in sorted(tmp_path.iterdir()):
        head = f'Content-Disposition: attachment; filename="{path.name}"\n\n'
        parts.append(head.encode() + path.read_bytes())
    parts.append(b"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\niVBORw==\n")
    raw = (
        b"From: Bo Kay <bo@example.org>\nSubject: [PATCH] Make em quiet\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/mixed; boundary="=_x"\n\n--=_x\n'
        + b"\n--=_x\n".join(parts)
        + b"\n--=_x--\n"
    )
    parsed = finding.read(raw)
    assert (parsed.title, len(parsed.commits)) == ("Make em quiet", 2)
    assert parsed.description.startswith("Two of them.")
    assert parsed.text == diffs(folder)


def test_a_flowed_mail_that_lost_nothing_is_read(folder: Path) -> None:
    diff = git(folder, "diff", "HEAD~2", "HEAD~1").decode()
    stuffed = "".join(f" {line}" if line[:1] == " " else line for line in diff.splitlines(True))
    head = "From: a@example.org\nSubject: x\nContent-Type: text/plain; format=flowed\n\n"
    assert finding.read(f"{head}{stuffed}".encode()).text == diff.encode()


def test_a_quoted_patch_is_none(folder: Path) -> None:
    message = mailed(folder)
    quoted = "".join(f"> {line}" for line in message.get_content().splitlines(True))
    message.set_content(f"Bo wrote:\n{quoted}\nLooks good.\n")
    with pytest.raises(NotAPatch, match="no diff"):
        finding.read(message.as_bytes(), is_mail=True)
    with pytest.raises(NotAPatch, match="no diff"):
        finding.read(quoted.encode())
