"""Reports and patches that wait to be sent, one folder each, which survive a crash at any moment.

``outbox/<id>/`` holds ``item.json`` (what to send, to whom, with which keys, how far it came),
``report.txt`` (the report as it was written, or a patch from standard input) and ``files/1``,
``files/2``... A folder is built under another name, made durable and then renamed, so that what is
in the outbox is whole. Whoever sends an item holds the lock of its folder; the keys make a repeated
request harmless.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from send_problem.disk import (
    cannot_write,
    private_folder,
    read_json,
    state_folder,
    sync_folder,
    why,
    write_json,
)
from send_problem.failures import Exit, Failure
from send_problem.words import speakable

BUILDING = ".new-"
ENDED = ".done-"
SENT = ".sent"
STALE_SECONDS = 24 * 3600
REMEMBERED_SECONDS = 7 * 24 * 3600


@dataclass
class Attachment:
    """A file of an item: ``stored`` is its copy, ``answer`` what the server said of it."""

    name: str
    stored: str
    size: int
    sha256: str
    key: str
    answer: dict[str, Any] | None = None
    refused: str = ""


@dataclass
class Item:
    """One report or patch on its way. Times are seconds since the epoch.

    ``path`` is where a patch goes; its ``body`` are the fields of the form that its files go with.
    ``answer`` is what the server said of it.
    """

    id: str
    server: str
    account: str
    queued_at: float
    body: dict[str, Any]
    key: str
    fingerprint: str
    source: str
    attachments: list[Attachment] = field(default_factory=list)
    number: int | None = None
    url: str = ""
    reason: str = ""
    is_refused: bool = False
    path: str = ""
    answer: dict[str, Any] | None = None

    @property
    def is_patch(self) -> bool:
        """True for a patch, which goes out in one piece."""
        return bool(self.path)

    @property
    def label(self) -> str:
        """What it is at the server: ``#12``, or ``patch 7``."""
        return f"patch {self.number}" if self.is_patch else f"#{self.number}"

    @property
    def title(self) -> str:
        """A few words that tell it from others."""
        return str(self.body.get("synopsis") or self.body.get("title") or self.source)

    @property
    def copy(self) -> Path:
        """Where what was written is kept."""
        return self.folder if self.is_patch else self.folder / "report.txt"

    @property
    def has_arrived(self) -> bool:
        """True when nothing of it is left to send."""
        return self.number is not None and all(a.answer is not None for a in self.attachments)

    @property
    def folder(self) -> Path:
        """Where the item is kept."""
        return outbox_folder() / self.id

    def save(self) -> None:
        """Write how far it came, durably."""
        write_json(self.folder / "item.json", asdict(self))


@dataclass(frozen=True)
class Draft:
    """A report that was checked: its bytes as written, the request body, the files to attach.

    With a ``path`` it is a patch: ``original`` are then the bytes of standard input, if any.
    """

    server: str
    account: str
    source: str
    original: bytes
    body: dict[str, Any]
    files: list[Path]
    path: str = ""


def outbox_folder() -> Path:
    """The folder of the outbox."""
    return state_folder() / "outbox"


def items() -> list[Item]:
    """All items, oldest first."""
    try:
        names = _names()
    except OSError:
        return []
    found = [load(name) for name in sorted((n for n in names if n.isdigit()), key=int)]
    return [item for item in found if item is not None]


def _names() -> list[str]:
    return [path.name for path in outbox_folder().iterdir()]


def load(name: str) -> Item | None:
    """The item with that id; ``None`` when there is none."""
    return _understand(read_json(outbox_folder() / name / "item.json")) if name.isdigit() else None


def _understand(value: dict[str, Any]) -> Item | None:
    try:
        attachments = [Attachment(**entry) for entry in value.pop("attachments")]
        return Item(**value, attachments=attachments)
    except (KeyError, TypeError):
        return None


@contextlib.contextmanager
def put(draft: Draft) -> Iterator[Item]:
    """Store a draft durably and hold its lock; the same unfinished draft is taken up again.

    So is one that another call has sent since. A script that repeats ``send`` until it succeeds
    therefore sends one report, not several.
    """
    private_folder(outbox_folder())
    fingerprint = _fingerprint(draft)
    waiting = _waiting(fingerprint)
    if waiting is not None:
        with hold(waiting.id, patience=None) as item:
            if item is not None:
                yield item
                return
    sent = _sent(fingerprint)
    if sent is not None:
        yield sent
        return
    item, lock = _store(draft, fingerprint)
    try:
        yield item
    finally:
        os.close(lock)


def is_known(draft: Draft) -> bool:
    """True when the same draft waits, or was sent by a call that answered somebody else."""
    fingerprint = _fingerprint(draft)
    return _waiting(fingerprint) is not None or _sent(fingerprint) is not None


def _waiting(fingerprint: str) -> Item | None:
    return next((item for item in items() if item.fingerprint == fingerprint), None)


def _sent(fingerprint: str) -> Item | None:
    return _understand(read_json(outbox_folder() / SENT / f"{fingerprint}.json"))


@contextlib.contextmanager
def hold(name: str, patience: float | None = 0.0) -> Iterator[Item | None]:
    """Hold an item's lock and read it anew; ``None`` when another process has it, or it is gone.

    ``patience`` is how many seconds to wait for the lock, ``None`` without end.
    """
    lock = _open_lock(name, patience)
    if lock is None:
        yield None
        return
    try:
        # The one who held the lock before may have sent and removed the item.
        yield load(name)
    finally:
        os.close(lock)


def _open_lock(name: str, patience: float | None) -> int | None:
    end = None if patience is None else time.monotonic() + patience
    try:
        lock = os.open(outbox_folder() / name / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if end is not None and time.monotonic() >= end:
                os.close(lock)
                return None
            time.sleep(0.05)


def finish(item: Item) -> None:
    """All of the item arrived: remember that for the caller who was told to wait, and remove it."""
    path = private_folder(outbox_folder() / SENT) / f"{item.fingerprint}.json"
    write_json(path, asdict(item))
    if item.folder.exists():
        remove(item)


def forget_sent(item: Item) -> None:
    """The caller has learned the number; the same report again is a new one."""
    (outbox_folder() / SENT / f"{item.fingerprint}.json").unlink(missing_ok=True)


def remove(item: Item) -> None:
    """Take an item out; the caller holds its lock."""
    ended = outbox_folder() / f"{ENDED}{uuid.uuid4().hex}"
    item.folder.rename(ended)
    sync_folder(outbox_folder())
    shutil.rmtree(ended, ignore_errors=True)


def sweep() -> None:
    """Clear away what crashed calls left: ended items, and half-built ones that nobody builds."""
    for path in outbox_folder().glob(".*-*"):
        is_half = path.name.startswith(BUILDING) and _is_abandoned(path)
        if path.name.startswith(ENDED) or is_half:
            shutil.rmtree(path, ignore_errors=True)
    for path in (outbox_folder() / SENT).glob("*.json"):
        if _age(path) > REMEMBERED_SECONDS:
            path.unlink(missing_ok=True)


def _is_abandoned(path: Path) -> bool:
    lock = _open_lock(path.name, patience=0.0) if (path / "lock").exists() else None
    if lock is None:
        return _age(path) > STALE_SECONDS
    os.close(lock)
    return True


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _store(draft: Draft, fingerprint: str) -> tuple[Item, int]:
    folder = private_folder(outbox_folder() / f"{BUILDING}{uuid.uuid4().hex}")
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        # Held from the start: no sweep takes what is being built, and no flush what is new.
        fcntl.flock(lock, fcntl.LOCK_EX)
        private_folder(folder / "files")
        (folder / "report.txt").write_bytes(draft.original)
        attachments = [_copy(folder, n, path) for n, path in enumerate(draft.files, 1)]
        if draft.path and draft.original:
            attachments.append(_typed_in(draft.original))
        item = _item(draft, attachments, fingerprint)
        return _publish(folder, item), lock
    except OSError as error:
        raise cannot_write(outbox_folder(), error) from error
    finally:
        # Gone already, unless something (Ctrl-C too) came in between.
        shutil.rmtree(folder, ignore_errors=True)


def _item(draft: Draft, attachments: list[Attachment], fingerprint: str) -> Item:
    return Item(
        id="",
        server=draft.server,
        account=draft.account,
        queued_at=time.time(),
        body=draft.body,
        key=str(uuid.uuid4()),
        fingerprint=fingerprint,
        source=draft.source,
        attachments=attachments,
        path=draft.path,
    )


def _typed_in(data: bytes) -> Attachment:
    """What came from standard input, as a file of its own."""
    digest = hashlib.sha256(data).hexdigest()
    return Attachment("stdin.patch", "report.txt", len(data), digest, str(uuid.uuid4()))


def _copy(folder: Path, number: int, path: Path) -> Attachment:
    stored = f"files/{number}"
    digest = hashlib.sha256()
    count = 0
    try:
        with path.open("rb") as source, (folder / stored).open("wb") as target:
            while piece := source.read(1 << 20):
                digest.update(piece)
                count += target.write(piece)
    except OSError as error:
        if error.filename == str(path):
            raise Failure(f"{path}: {why(error)}.", Exit.NO_INPUT) from error
        raise
    name = speakable(path.name)
    return Attachment(name, stored, count, digest.hexdigest(), str(uuid.uuid4()))


def _publish(folder: Path, item: Item) -> Item:
    with _numbering() as taken:
        item.id = str(taken + 1)
        write_json(folder / "item.json", asdict(item))
        for path in (folder / "report.txt", *(folder / "files").iterdir()):
            _sync_file(path)
        sync_folder(folder / "files")
        sync_folder(folder)
        folder.rename(item.folder)
        sync_folder(outbox_folder())
        (outbox_folder() / ".last").write_text(item.id)
    return item


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _numbering() -> Iterator[int]:
    """Hold the lock for new ids; yields the highest one ever given."""
    lock = os.open(outbox_folder() / ".numbering", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        last = outbox_folder() / ".last"
        words = [last.read_text()] if last.exists() else []
        yield max((int(word) for word in words + _names() if word.isdigit()), default=0)
    finally:
        os.close(lock)


def _fingerprint(draft: Draft) -> str:
    digest = hashlib.sha256()
    head = [draft.server, draft.account, draft.body]
    digest.update(json.dumps(head, sort_keys=True).encode())
    if draft.path:
        digest.update(f"\0{draft.path}\0".encode() + hashlib.sha256(draft.original).digest())
    for path in draft.files:
        digest.update(f"\0{path.name}\0".encode("utf-8", "replace"))
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise Failure(f"{path}: {why(error)}.", Exit.NO_INPUT) from error
    return digest.hexdigest()
