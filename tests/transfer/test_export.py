"""manage.py export: everything, of one moment, in the same bytes, or nothing."""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Person
from accounts.services import make_token
from accounts.transfer.registry import registry
from tests.people import make_person
from tests.problems import make_problem
from tests.transfer.archives import bytes_of, digests_in, exported, rows_of
from tests.transfer.filling import UNUSUAL, fill, person
from tracker.models import Attachment, Problem
from tracker.transfer import exporting
from tracker.transfer.columns import columns_of
from tracker.transfer.manifest import BadArchive

pytestmark = pytest.mark.django_db


def test_every_table_has_rows_and_every_row_its_fields(tmp_path: Path) -> None:
    fill()
    folder = exported(tmp_path / "archive")
    for table in registry.in_order():
        rows = rows_of(folder, table.name)
        assert len(rows) == table.model._default_manager.count() > 0, table.name
        assert {tuple(row) for row in rows} == {tuple(c.name for c in columns_of(table))}


def test_the_manifest_knows_every_file(tmp_path: Path) -> None:
    fill()
    folder = exported(tmp_path / "archive")
    found = bytes_of(folder)
    manifest = json.loads(found.pop("manifest.json"))
    files = {name: data for name, data in found.items() if name.startswith("files/")}
    assert manifest["files"]["count"] == len(files)
    assert len(files) == len(set(files.values())), "the same bytes are kept once"
    assert {name.split("/")[-1] for name in files} == digests_in(folder)
    assert manifest["files"]["bytes"] == sum(map(len, files.values()))
    for name, data in files.items():
        assert hashlib.sha256(data).hexdigest() == name.split("/")[-1]
    assert manifest["tables"].keys() == found.keys() - files.keys()
    for name, entry in manifest["tables"].items():
        assert entry["sha256"] == hashlib.sha256(found[name]).hexdigest()
        assert entry["rows"] == found[name].count(b"\n")


def test_rows_are_named_as_people_name_them(tmp_path: Path) -> None:
    fill()
    folder = exported(tmp_path / "archive")
    first = rows_of(folder, "problems")[0]
    assert (first["product"], first["component"]) == ("base", ["base", "kernel"])
    assert (first["reporter"], first["release"]) == ("rita", ["base", "14.3"])
    assert first["description"] == Problem.objects.get(pk=first["number"]).description
    assert "漢字 🌊" in (folder / "problems.jsonl").read_text()
    assert "漢字" in UNUSUAL
    vote = next(row for row in rows_of(folder, "votes") if row["note"] == "after an hour")
    assert vote["cast_at"] == "2024-02-29T01:02:03.000004Z"


def test_no_secret_of_anybody_leaves(tmp_path: Path) -> None:
    fill()
    rita = person("rita")
    rita.set_password("a long enough secret")
    rita.save()
    token, secret = make_token(rita, "laptop")
    whole = b"".join(bytes_of(exported(tmp_path / "archive")).values())
    for word in (rita.password, secret, token.prefix, token.digest, *feed_keys()):
        assert word.encode() not in whole


def feed_keys() -> list[str]:
    from votes.models import SavedSearch

    return list(SavedSearch.objects.values_list("feed_key", flat=True))


def test_the_same_state_gives_the_same_bytes(tmp_path: Path) -> None:
    fill()
    one, two = exported(tmp_path / "one"), exported(tmp_path / "two")
    assert bytes_of(one) == bytes_of(two)
    tars = [exported(tmp_path / f"{name}.tar").read_bytes() for name in ("one", "two")]
    assert tars[0] == tars[1]


def test_a_tar_file_holds_what_a_folder_holds(tmp_path: Path) -> None:
    fill()
    folder, path = exported(tmp_path / "archive"), exported(tmp_path / "archive.tar")
    with tarfile.open(path) as tar:
        found = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
    assert found == bytes_of(folder)
    assert path.stat().st_mode & 0o077 == folder.stat().st_mode & 0o077 == 0


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there.tar").write_text("precious")
    with pytest.raises(CommandError, match=r"there\.tar is there already: name something new"):
        call_command("export", str(tmp_path / "there.tar"), stdout=StringIO())
    assert (tmp_path / "there.tar").read_text() == "precious"
    with pytest.raises(CommandError, match="is no folder: make it first"):
        call_command("export", str(tmp_path / "nowhere" / "archive"), stdout=StringIO())


def test_an_unknown_product_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    fill()
    with pytest.raises(CommandError, match="no product 'bas'; there are: base, ports"):
        call_command("export", str(tmp_path / "a"), product="bas", stdout=StringIO())
    assert list(tmp_path.glob("*a*")) == []


def test_a_lost_file_is_named_and_nothing_is_left_behind(tmp_path: Path) -> None:
    fill()
    lost = Attachment.objects.order_by("pk")[0]
    lost.file.storage.delete(lost.file.name)
    with pytest.raises(BadArchive, match=f"{lost.sha256} is lost or damaged"):
        exported(tmp_path / "archive")
    assert not [path for path in tmp_path.iterdir() if "archive" in path.name]
    err = StringIO()
    call_command("export", str(tmp_path / "archive"), skip_missing_files=True,
                 stdout=StringIO(), stderr=err)  # fmt: skip
    assert lost.sha256 in err.getvalue()
    manifest = json.loads((tmp_path / "archive" / "manifest.json").read_text())
    assert manifest["files"]["missing"] == [lost.sha256]


def test_a_damaged_file_counts_as_lost(tmp_path: Path) -> None:
    fill()
    path = Path(Attachment.objects.order_by("pk")[0].file.path)
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(BadArchive, match="lost or damaged"):
        exported(tmp_path / "archive")


def test_an_end_in_the_middle_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill()

    def interrupted(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "_write_files", interrupted)
    with pytest.raises(KeyboardInterrupt):
        exported(tmp_path / "archive.tar")
    assert not [path for path in tmp_path.iterdir() if "archive" in path.name]


@pytest.mark.django_db(transaction=True)
def test_the_archive_is_of_one_moment_while_people_write(tmp_path: Path) -> None:
    """Somebody joins and reports after the first table was written, and does not wait for us."""
    problem = make_problem()
    seen: list[str] = []

    def somebody_writes(line: str) -> None:
        if not seen:
            thread = threading.Thread(target=report_meanwhile)
            thread.start()
            thread.join(10)
            assert not thread.is_alive(), "who writes must not wait for an export"
        seen.append(line)

    folder = exported(tmp_path / "archive", say=somebody_writes)
    assert Problem.objects.count() == 2
    assert [row["number"] for row in rows_of(folder, "problems")] == [problem.pk]
    assert len(rows_of(folder, "votes")) == len(rows_of(folder, "people")) == 1


def report_meanwhile() -> None:
    try:
        make_problem(Problem.objects.get().product, make_person("late"))
    finally:
        connection.close()


def test_the_number_of_queries_does_not_follow_the_number_of_rows(
    tmp_path: Path, django_assert_max_num_queries: Any
) -> None:
    person = make_person()
    product = make_problem(reporter=person).product
    counts = []
    for more in (0, 30):
        for _ in range(more):
            make_problem(product, person)
        with django_assert_max_num_queries(200) as watched:
            exported(tmp_path / f"archive{more}")
        counts.append(len(watched))
    assert counts[0] == counts[1]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """So few rows at once that every table takes several rounds."""
    if "queries" not in request.node.name:
        monkeypatch.setattr(exporting, "CHUNK", 3)


def test_everybody_is_there_however_few_are_read_at_once(tmp_path: Path) -> None:
    fill()
    handles = [row["handle"] for row in rows_of(exported(tmp_path / "archive"), "people")]
    assert handles == list(Person.objects.order_by("pk").values_list("handle", flat=True))
