"""What the views of patches read from a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.conf import settings
from django.http import Http404, QueryDict
from rest_framework import serializers
from rest_framework.request import Request

from accounts.api.inputs import Input, Words
from accounts.policies import Viewer
from patches import finding
from patches.intake.submitting import FIXES_AT_MOST
from patches.models import Patch, PatchVersion
from patches.parsed import NotAPatch, ParsedPatch, Unreadable
from patches.policies import visible_patches
from tracker.drafts import DraftErrors, Faults
from tracker.models import Problem
from tracker.policies import visible_problems

# What a form needs around its files, and the words that go with them.
FORM_BYTES: Final = 1024 * 1024
LARGEST_NUMBER: Final = 2**63 - 1
LARGEST_VERSION: Final = 2**31 - 1


class VersionInput(Input):
    """A version as JSON has it."""

    patch = Words(
        help_text="A diff, or what `git format-patch --stdout` writes, as text. What is no UTF-8"
        " goes as files in a form."
    )
    note = Words(help_text="What is new in it, in a sentence or two.")


class PatchInput(VersionInput):
    """A patch as JSON has it."""

    product = Words(help_text="Slug; that of the first of `fixes` if left out.")
    fixes = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_NUMBER),
        required=False,
        max_length=FIXES_AT_MOST,
        help_text="Numbers of problems. If left out, those that the patch itself names.",
    )
    title = Words(help_text="Taken from the patch if left out.")
    description = Words(help_text="Taken from the patch if left out.")
    target = Words(help_text="The branch that it is for; empty for the main one.")
    is_confidential = serializers.BooleanField(required=False)


class _Files(serializers.Serializer[Any]):
    file = serializers.ListField(
        child=serializers.FileField(),
        help_text="A diff or an mbox; or, repeated, the files of one series.",
    )


class VersionForm(_Files, VersionInput):
    """A version as a form has it."""


class PatchForm(_Files, PatchInput):
    """A patch as a form has it; `fixes` may be repeated."""


def patch_or_404(viewer: Viewer, number: int) -> Patch:
    """The patch, or the same 404 for one that is not there and one that is not to be seen."""
    found = visible_patches(viewer).select_related("product", "author", "submitter", "decided_by")
    patch = found.filter(pk=number).first()
    if patch is None:
        raise Http404
    return patch


def version_or_404(patch: Patch, number: int) -> PatchVersion:
    """A version of a patch that was fetched for the viewer."""
    version = patch.versions.select_related("submitter").filter(number=number).first()
    if version is None:
        raise Http404
    version.patch = patch
    return version


def version_named(patch: Patch, number: int | None) -> PatchVersion:
    """The version that a body names, the newest where it names none. Raises `DraftErrors`."""
    version = patch.versions.filter(number=number or patch.latest).first()
    if version is None:
        raise DraftErrors(
            {"version": [f"There is no version {number}; {patch.latest} is the newest."]}
        )
    version.patch = patch
    return version


def problems_named(
    viewer: Viewer, numbers: Iterable[int], faults: Faults, field: str = "fixes"
) -> list[Problem]:
    """The problems with these numbers as far as `viewer` may know of them, in the order given."""
    wanted = list(dict.fromkeys(numbers))
    rows = visible_problems(viewer).filter(pk__in=wanted).select_related("product")
    found = {problem.pk: problem for problem in rows}
    for number in wanted:
        if number not in found:
            faults.add(field, f"There is no problem {number}.")
    return [found[number] for number in wanted if number in found]


def body_of(request: Request) -> Mapping[str, Any]:
    """The words of JSON or of a form, without its files."""
    data = request.data
    if not isinstance(data, QueryDict):
        return data
    said: dict[str, Any] = {name: data.get(name) for name in data if name != "file"}
    if "fixes" in data:
        said["fixes"] = data.getlist("fixes")
    return said


def read_patch(request: Request, text: str) -> ParsedPatch:
    """The patch that was sent, as text or as files. Raises `DraftErrors` with why it is none."""
    files = request.FILES.getlist("file")
    faults = Faults()
    if bool(files) == bool(text.strip()):
        faults.add(
            "patch",
            "Send it as text in “patch”, or as files in the form field “file”"
            + (", not both." if files else "."),
        )
    elif sum(file.size or 0 for file in files) > settings.ATTACHMENT_BYTES:
        faults.add("file", f"Keep it to {settings.ATTACHMENT_BYTES // 2**20} MB.")
    faults.raise_if_any()
    try:
        return _read(files, text)
    except Unreadable as unreadable:
        why = unreadable.reason
    except NotAPatch:
        why = NotAPatch.ADVICE
    raise DraftErrors({"file" if files else "patch": [why]})


def _read(files: list[Any], text: str) -> ParsedPatch:
    if not files:
        data = text.encode("utf-8", "replace")
        return finding.read(data if data.endswith(b"\n") else data + b"\n")
    parts = [(file.name or "", file.read()) for file in files]
    for file in files:
        file.seek(0)
    return finding.read_files(parts)
