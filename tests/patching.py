"""Patches for tests. Plain functions with defaults to override."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from accounts.models import Person
from patches.git.ids import content_of, patch_ids
from patches.intake.submitting import add_version, submit
from patches.models import Patch, PatchFile, PatchVersion, RatingDimension
from patches.parsed import ParsedCommit, ParsedFile, ParsedHunk, ParsedPatch
from tests.people import make_person
from tests.problems import make_product
from tracker.models import Door, Problem, Product

_serial = itertools.count(1)
_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@.*\n(?:[ +\-\\].*\n)*", re.M)


def diff(path: str = "sys/dev/em/if_em.c", new: str = "", start: int = 10) -> bytes:
    """A diff that changes line `start` + 3 of one file to `new`, a line of its own by default."""
    new = new or f"\treturn ({next(_serial)});"
    return (
        f"diff --git a/{path} b/{path}\n"
        "index 1111111..2222222 100644\n"
        f"--- a/{path}\n"
        f"+++ b/{path}\n"
        f"@@ -{start},7 +{start},7 @@ em_watchdog(struct adapter *sc)\n"
        " \tint error;\n"
        " \n"
        " \terror = 0;\n"
        "-\treturn (0);\n"
        f"+{new}\n"
        " }\n"
        " \n"
        " static void\n"
    ).encode()


def parsed(
    *diffs: bytes, subjects: Sequence[str] = (), messages: Sequence[str] = (), **values: Any
) -> ParsedPatch:
    """A version as doors hand it on: one commit for each of `diffs`, a bare diff without subjects.

    `values` are fields of the `ParsedPatch`.
    """
    texts = list(diffs) or [diff()]
    ids = patch_ids(texts)
    commits, offset = [], 0
    for i, text in enumerate(texts):
        files = tuple(_files(text, offset))
        subject = subjects[i] if i < len(subjects) else ""
        message = messages[i] if i < len(messages) else ""
        commits.append(
            ParsedCommit(
                offset, len(text), files, subject=subject, message=message, patch_id=ids[i]
            )
        )
        offset += len(text)
    return ParsedPatch(b"".join(texts), tuple(commits), content_of(ids), **values)


def _files(text: bytes, offset: int) -> Iterable[ParsedFile]:
    starts = [found.start() for found in re.finditer(rb"^diff --git ", text, re.M)]
    for start, end in itertools.pairwise([*starts, len(text)]):
        part = text[start:end]
        name = re.search(rb"^diff --git a/(\S+) b/(\S+)$", part, re.M)
        assert name is not None
        hunks = tuple(_hunks(part, offset + start))
        yield ParsedFile(
            path=name[2].decode(),
            old_path="",
            status=PatchFile.Status.MODIFIED,
            offset=offset + start,
            length=len(part),
            added=len(re.findall(rb"^\+(?!\+\+ )", part, re.M)),
            removed=len(re.findall(rb"^-(?!-- )", part, re.M)),
            hunks=hunks,
        )


def _hunks(part: bytes, offset: int) -> Iterable[ParsedHunk]:
    for found in _HUNK.finditer(part):
        old, old_lines, new, new_lines = (int(number or 1) for number in found.groups())
        start, end = found.span()
        yield ParsedHunk(old, old_lines, new, new_lines, offset + start, end - start)


def make_patch(
    product: Product | None = None,
    author: Person | None = None,
    *,
    text: bytes | ParsedPatch = b"",
    fixes: Iterable[Problem] = (),
    **values: Any,
) -> Patch:
    """A patch of its author, waiting for a first review; `values` are arguments of `submit`."""
    problems = list(fixes)
    product = product or (problems[0].product if problems else make_product())
    came = text if isinstance(text, ParsedPatch) else parsed(text or diff())
    door = values.pop("door", Door.WEB)
    values.setdefault("title", f"em: do not hang under load, take {next(_serial)}")
    return submit(came, author or make_person(), door, product, fixes=problems, **values)


def next_version(
    patch: Patch, text: bytes | ParsedPatch = b"", by: Person | None = None, **values: Any
) -> PatchVersion:
    """Another version by its author; other content unless `text` says otherwise."""
    came = text if isinstance(text, ParsedPatch) else parsed(text or diff())
    submitter = by or patch.author
    assert submitter is not None
    return add_version(patch, came, submitter, values.pop("door", Door.WEB), **values)


def newest(patch: Patch) -> PatchVersion:
    """The newest version of `patch`, as the database has it."""
    return patch.versions.select_related("patch").latest("number")


def make_dimension(product: Product, slug: str, **values: Any) -> RatingDimension:
    """A rating dimension of a product, which then has these alone."""
    values.setdefault("title", slug.title())
    return RatingDimension.objects.create(product=product, slug=slug, **values)
