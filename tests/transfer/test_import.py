"""manage.py import_archive: all of an archive into an empty instance, or nothing and the reason."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import mail
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts.models import AccountEvent, Person
from accounts.services import grant_role
from notifications.models import Message
from tests.people import make_person
from tests.problems import make_problem
from tests.transfer.archives import (
    bytes_of,
    digests_in,
    empty_instance,
    exported,
    fresh_counters,
    is_empty,
    rewrite,
    rewrite_row,
    rows_of,
)
from tests.transfer.filling import fill, person
from tracker.models import Attachment, Comment, Door, Event, Problem
from tracker.services import comment
from tracker.transfer import lines, loading
from tracker.transfer.loading import import_archive
from tracker.transfer.manifest import BadArchive
from votes.recounting import find_wrong
from votes.services import withdraw_vote

pytestmark = pytest.mark.django_db
_made: list[Path] = []


@pytest.fixture
def archive(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """A folder with an archive of everything; this instance is empty. It is made once."""
    if not _made:
        fresh_counters()
        fill()
        _made.append(exported(tmp_path_factory.mktemp("made") / "archive"))
        empty_instance()
        shutil.rmtree(settings.MEDIA_ROOT)
    fresh_counters()
    return shutil.copytree(_made[0], tmp_path / "archive")


def refused(archive: Path, match: str) -> None:
    """The import is refused for that reason and nothing is kept."""
    with pytest.raises(BadArchive, match=match):
        import_archive(archive)
    assert is_empty()
    assert not stored_files()


def stored_files() -> list[Path]:
    root = Path(settings.MEDIA_ROOT)
    return [path for path in root.rglob("*") if path.is_file()] if root.exists() else []


def expected_files(archive: Path) -> int:
    """How many are stored: what was attached and became a patch is in both places."""
    return sum(len(digests_in(archive, table)) for table in ("attachments", "patch_versions"))


def test_what_was_imported_is_exported_in_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    assert import_archive(archive) == []
    assert bytes_of(exported(tmp_path / "again")) == bytes_of(archive)
    assert list(find_wrong()) == []
    assert len(stored_files()) == expected_files(archive) > 2


def test_a_tar_file_is_imported_as_well(archive: Path, tmp_path: Path) -> None:
    import_archive(archive)
    path = exported(tmp_path / "archive.tar")
    empty_instance()
    out = StringIO()
    call_command("import_archive", str(path), stdout=out)
    assert "Imported." in out.getvalue()
    assert exported(tmp_path / "again.tar").read_bytes() == path.read_bytes()


def test_many_small_batches_give_the_same(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """References to rows of later batches, too."""
    monkeypatch.setattr(loading, "BATCH_ROWS", 1)
    import_archive(archive)
    assert bytes_of(exported(tmp_path / "again")) == bytes_of(archive)


def test_nobody_is_mailed(archive: Path, settings: Settings) -> None:
    import_archive(archive)
    assert not Message.objects.exists()
    assert mail.outbox == []
    assert not Path(settings.MAIL_FOLDER).exists()


def test_life_goes_on_after_an_import(archive: Path) -> None:
    """New rows of every kind get ids of their own, and old ones can be changed."""
    import_archive(archive)
    highest = max(Problem.objects.values_list("pk", flat=True))
    made = make_problem(Problem.objects.get(pk=highest).product, person("sam"))
    assert made.pk == highest + 1
    added = comment(made, person("rita"), "It goes on.", Door.WEB)
    assert added.pk == max(Comment.objects.exclude(pk=added.pk).values_list("pk", flat=True)) + 1
    assert grant_role(make_person("late"), "triager", by=None)  # type: ignore[arg-type]
    assert AccountEvent.objects.order_by("-pk")[0].person.handle == "late"
    assert Event.objects.filter(problem=made).count() == 2
    assert withdraw_vote(Problem.objects.get(pk=1), person("sam"))


def test_people_sign_in_with_a_mailed_code_and_no_old_password(archive: Path) -> None:
    import_archive(archive)
    rita = person("rita")
    assert not rita.has_usable_password()
    address = EmailAddress.objects.get(user=rita)
    assert (address.email, address.verified, address.primary) == ("rita@example.org", True, True)
    assert not EmailAddress.objects.filter(user=person("otto")).exists(), "never proven"


def test_texts_are_found_after_an_import(archive: Path) -> None:
    from tracker.text_index.models import Frequency, IndexedText

    import_archive(archive)
    assert IndexedText.objects.count() == Problem.objects.count() > 0
    assert Frequency.objects.exists()


def test_an_instance_with_anything_in_it_is_refused(archive: Path) -> None:
    make_person("first")
    with pytest.raises(BadArchive, match=r"not empty: it has people\. Import into a fresh"):
        import_archive(archive)
    assert Person.objects.count() == 1


def test_an_archive_for_the_public_is_refused(archive: Path, tmp_path: Path) -> None:
    import_archive(archive)
    public = exported(tmp_path / "public", is_public=True)
    empty_instance()
    with pytest.raises(BadArchive, match="Export without --public to move"):
        import_archive(public)


def test_numbers_that_are_not_those_of_the_votes_are_told(archive: Path) -> None:
    """A half-life that was another one there, for example."""
    rewrite_row(archive, "problems", 0, heat=1.5)
    (remark,) = import_archive(archive)
    assert "#1 are not those of their votes" in remark
    assert "recount_votes" in remark
    assert Problem.objects.get(pk=1).heat == 1.5


@pytest.mark.parametrize(
    ("table", "index", "fields", "reason"),
    [
        ("people", 1, {"shoe_size": 43}, r"people.jsonl, line 2: has unknown fields: shoe_size"),
        ("people", 0, {"handle": ...}, r"people.jsonl, line 1: lacks handle"),
        ("people", 0, {"handle": "../x"}, r"line 1: handle '../x': A handle is 1 to 40 letters"),
        ("people", 0, {"email": "nobody"}, r"line 1: email 'nobody': Enter a valid email"),
        ("people", 2, {"handle": "TOM"}, r"people.jsonl, line 3: .*handle.*"),
        ("people", 2, {"id": 1}, r"people.jsonl, line 3: .*already exists"),
        ("people", 0, {"id": 0}, r"line 1: 0 is no id"),
        ("people", 0, {"id": 10**30}, r"line 1: id 10+: Ensure this value is less than or equal"),
        ("people", 0, {"id": True}, r"line 1: id True is not a whole number"),
        ("people", 0, {"is_active": "yes"}, r"line 1: is_active 'yes' is not true or false"),
        ("people", 0, {"joined_at": "2026-01-01T00:00:00"}, r"line 1: joined_at .* names no zone"),
        ("people", 0, {"joined_at": 7}, r"line 1: joined_at 7 is no time"),
        ("people", 0, {"joined_at": None}, r"line 1: joined_at must not be null"),
        ("people", 0, {"time_zone": "x" * 65}, r"time_zone has 65 characters; 64 are the most"),
        ("people", 0, {"handle": "a\0b"}, r"line 1: holds a character that no text can hold"),
        ("people", 0, {"handle": "a\ud800"}, r"line 1: holds a character that no text can hold"),
        ("problems", 0, {"state": "broken"}, r"problems.jsonl, line 1: state 'broken' is none of"),
        ("problems", 0, {"state": "closed"}, r"line 1: .*problem_closed_with_resolution"),
        ("problems", 0, {"heat": "hot"}, r"line 1: heat 'hot' is not a number"),
        ("problems", 0, {"people": -1}, r"line 1: people -1: Ensure this value is greater"),
        ("problems", 0, {"product": ["base"]}, r"product \['base'\] is not a text"),
        ("problems", 0, {"component": "kernel"}, r"line 1: component must be a list of 2"),
        ("problems", 0, {"component": ["base", "x"]}, r"line 1: component names base x, which"),
        ("problems", 0, {"component": ["ports", "www"]}, r"component of #1 is none of its product"),
        ("problems", 0, {"reporter": "nobody"}, r"reporter names nobody, which is not in people"),
        ("problems", 1, {"duplicate_of": 99}, r"line 2: names 99, which is not in problems.jsonl"),
        ("problems", 1, {"head": 4}, r"head of #2 is not where its chain of duplicates ends"),
        ("comments", 0, {"problem": 99}, r"comments.jsonl, line 1: problem names 99, which is not"),
        ("attachments", 0, {"sha256": "../../etc/passwd"}, r"line 1: sha256 must be 64 lower-case"),
        ("attachments", 0, {"sha256": "0" * 64}, r"file 0+ of attachment 1 is not in the archive"),
        ("attachments", 0, {"name": "../x"}, r"line 1: name '../x' is no plain file name"),
        ("attachments", 0, {"size": 5}, r"attachment 1 has 5 bytes there and 8 in the archive"),
        ("events", 0, {"changes": [1]}, r"events.jsonl, line 1: changes must be a list of"),
        ("votes", 1, {"person": "rita", "problem": 1}, r"votes.jsonl, line [0-9]+: .*already "),
        ("releases", 0, {"released_on": "soon"}, r"released_on 'soon' is no date"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named_with_its_place(
    archive: Path, table: str, index: int, fields: dict[str, Any], reason: str
) -> None:
    rewrite_row(archive, table, index, **fields)
    refused(archive, reason)


def cycle(data: bytes) -> bytes:
    rows = [json.loads(line) for line in data.splitlines()]
    for row in rows:
        if row["number"] in {2, 3}:
            row["duplicate_of"] = 5 - row["number"]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-20], r"people.jsonl, line [0-9]+: ends without a line end"),
        (lambda data: b"<?xml version='1.0'?><bugzilla/>\n", r"line 1: is not JSON"),
        (lambda data: b"[]\n" + data, r"people.jsonl, line 1: is not an object"),
        (lambda data: data + b"\n", r"people.jsonl, line [0-9]+: is not JSON"),
        (lambda data: data.replace(b"rita", b"\xff\xfe", 1), r"line 3: is not UTF-8 at byte"),
        (lambda data: data + data.splitlines(True)[0], r"people.jsonl, line [0-9]+: .*exists"),
        (lambda data: data.replace(b'"id"', b'"id":1,"id"', 1), r"line 1: names 'id' twice"),
        (lambda data: data.replace(b'"id":1,', b'"id":NaN,', 1), r"line 1: NaN is not a number"),
        (lambda data: b"[" * 100_000 + b"\n", r"line 1: is nested too deeply"),
        (lambda data: b'{"id":' + b"1" * 5000 + b"}\n", r"line 1: is not JSON"),
        (lambda data: b" " * 5000 + b"\n" + data, r"line 1: is longer than 4,000 bytes"),
    ],
    ids=["truncated", "xml", "list", "blank", "not UTF-8", "twice", "key twice", "NaN", "deep",
         "digits", "huge"],
)  # fmt: skip
def test_a_broken_line_is_named_with_its_place(
    archive: Path, change: Callable[[bytes], bytes], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "longer" in reason:
        monkeypatch.setattr(lines, "LONGEST_LINE", 4000)
    rewrite(archive, "people", change)
    refused(archive, reason)


def test_duplicates_that_run_in_a_circle_are_refused(archive: Path) -> None:
    rewrite(archive, "problems", cycle)
    refused(archive, "the head of #2 is not where its chain of duplicates ends")


def test_a_file_that_was_changed_or_lost_is_named_before_anything_is_read(archive: Path) -> None:
    votes = archive / "votes.jsonl"
    votes.write_bytes(votes.read_bytes().replace(b"sam", b"tom", 1))
    refused(archive, r"votes.jsonl is damaged or was changed: its SHA-256 is another one")
    votes.unlink()
    refused(archive, r"votes.jsonl is missing")


def test_a_damaged_attached_file_is_named(archive: Path) -> None:
    path = next(path for path in archive.glob("files/*/*"))
    path.write_bytes(path.read_bytes()[::-1])
    refused(archive, f"{path.name} is damaged")
    path.write_bytes(b"")
    refused(archive, r"stored files with .* bytes; manifest.json says")


def test_files_that_were_stored_are_taken_away_when_the_rest_fails(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        assert len(stored_files()) == expected_files(archive) > 2
        raise KeyboardInterrupt

    monkeypatch.setattr(loading, "restart_counters", fails)
    with pytest.raises(KeyboardInterrupt):
        import_archive(archive)
    assert is_empty()
    assert not stored_files()


def set_manifest(archive: Path, **fields: Any) -> None:
    path = archive / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"version": 2}, "has version 2 of the format and this Groundswell reads version 1"),
        ({"format": "zip"}, "this is something else"),
        ({"tables": {}}, "do not have the same tables: account_events, "),
        ({"tables": 7}, "lacks what belongs into it"),
        ({"files": {"count": -1}}, "lacks what belongs into it"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(
    archive: Path, fields: dict[str, Any], reason: str
) -> None:
    set_manifest(archive, **fields)
    refused(archive, reason)


def test_what_is_no_archive_is_told_so(tmp_path: Path) -> None:
    page = tmp_path / "page.xml"
    page.write_text("<?xml version='1.0'?><bugzilla></bugzilla>")
    with pytest.raises(CommandError, match=r"neither a folder nor an undamaged tar .* imported"):
        call_command("import_archive", str(page), stdout=StringIO())
    with pytest.raises(CommandError, match="There is no folder or file"):
        call_command("import_archive", str(tmp_path / "nothing"), stdout=StringIO())
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", r"There is no manifest\.json")


def test_a_cut_tar_file_is_refused(archive: Path, tmp_path: Path) -> None:
    path = tar_of(archive, tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused(path, "undamaged tar file|manifest|missing")


def tar_of(archive: Path, tmp_path: Path, *more: tarfile.TarInfo) -> Path:
    path = tmp_path / "archive.tar"
    with tarfile.open(path, "w:") as tar:
        for each in more:
            tar.addfile(each, io.BytesIO(b"x" * each.size))
        for file in sorted(archive.rglob("*")):
            tar.add(file, str(file.relative_to(archive)), recursive=False)
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    found.size = 1 if kind == tarfile.REGTYPE else 0
    return found


@pytest.mark.parametrize(
    ("trick", "reason"),
    [
        (member("../outside"), "'../outside' does not belong into an archive"),
        (member("/etc/passwd"), "passwd' does not belong into an archive"),
        (member("files/aa/../../x"), "does not belong into an archive"),
        (member("people.jsonl", tarfile.SYMTYPE, "/etc/passwd"), "is a link, device or folder"),
        (member("people.jsonl", tarfile.LNKTYPE, "votes.jsonl"), "is a link, device or folder"),
        (member("people.jsonl", tarfile.FIFOTYPE), "is a link, device or folder"),
        (member("people.jsonl", tarfile.CHRTYPE), "is a link, device or folder"),
        (member("people.jsonl", tarfile.DIRTYPE), "is a link, device or folder"),
        (member("people.jsonl"), "people.jsonl is twice in the archive"),
        (member("shell.sh"), "'shell.sh' does not belong into an archive"),
        (member("more.jsonl"), "manifest.json does not know more.jsonl"),
    ],
    ids=lambda each: each.name if isinstance(each, tarfile.TarInfo) else "",
)
def test_a_tar_file_with_tricks_is_refused(
    archive: Path, tmp_path: Path, trick: tarfile.TarInfo, reason: str
) -> None:
    refused(tar_of(archive, tmp_path, trick), reason)


def test_a_link_in_a_folder_is_refused(archive: Path) -> None:
    (archive / "votes.jsonl").rename(archive.parent / "votes.jsonl")
    (archive / "votes.jsonl").symlink_to(archive.parent / "votes.jsonl")
    refused(archive, "'votes.jsonl' is a link, device or folder")


def test_a_tar_file_that_tar_has_packed_is_as_good(archive: Path, tmp_path: Path) -> None:
    path = tar_of(archive, tmp_path)
    import_archive(path)
    assert len(rows_of(archive, "problems")) == Problem.objects.count()


def test_a_lost_file_is_allowed_where_the_manifest_says_so(archive: Path) -> None:
    lost = rows_of(archive, "attachments")[0]
    path = archive / "files" / lost["sha256"][:2] / lost["sha256"]
    path.unlink()
    files = json.loads((archive / "manifest.json").read_text())["files"]
    set_manifest(archive, files={"count": files["count"] - 1, "missing": [lost["sha256"]],
                                 "bytes": files["bytes"] - lost["size"]})  # fmt: skip
    import_archive(archive)
    assert Attachment.objects.count() == len(rows_of(archive, "attachments"))
    assert len(stored_files()) == expected_files(archive) - 1


def test_a_file_that_an_interrupted_import_left_is_used(archive: Path) -> None:
    """After a kill -9, for example. One that is not what its name says is refused."""
    sha256 = rows_of(archive, "attachments")[0]["sha256"]
    left = Path(settings.MEDIA_ROOT) / "attachments" / sha256[:2] / sha256
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    with pytest.raises(BadArchive, match=f"A damaged file has the name .*{sha256} here"):
        import_archive(archive)
    assert is_empty()
    shutil.copy(archive / "files" / sha256[:2] / sha256, left)
    import_archive(archive)
    assert len(stored_files()) == expected_files(archive) > 2
