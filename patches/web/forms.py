"""Forms that bring a patch, and what they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from accounts.policies import Viewer
from patches import finding
from patches.git.running import GitFailed
from patches.models import BRANCH_CHARS, TITLE_CHARS
from patches.parsed import NotAPatch, ParsedPatch, Unreadable
from tracker.drafts import Faults
from tracker.models import Problem
from tracker.policies import visible_problems
from tracker.web.forms import (
    Choices,
    WordsForm,
    choice_field,
    files_field,
    line_field,
    set_choices,
    text_field,
)

# A patch that was chosen as a file is kept in the form up to this many characters.
KEPT_CHARS: Final = 1_000_000
MOST_FIXES: Final = 50
FILES_HELP = "A diff or the files of a series, as <code>git format-patch</code> makes them."
TEXT_HELP = "Lines that end in CR LF survive only in a file."
FIXES_HELP = "Numbers of problems, such as “12 40”."
COMPONENTS_HELP = "Short names of the parts that it touches, of"
MOST_COMPONENTS: Final = 30
TARGET_HELP = "The branch that it is for, such as “stable/15”; empty for the main one."
NOTE_HELP = "In a sentence or two: reviewers read it first."


class VersionForm(WordsForm):
    """A new version of a patch."""

    uploads = files_field(FILES_HELP)
    text = text_field("Or paste it", TEXT_HELP, rows=10, **{"class": "code", "spellcheck": "false"})
    note = text_field("What is new", NOTE_HELP, rows=3)


class NewForm(WordsForm):
    """A new patch."""

    product = choice_field("Product", [], required=True)
    uploads = files_field(FILES_HELP)
    text = text_field("Or paste it", TEXT_HELP, rows=10, **{"class": "code", "spellcheck": "false"})
    fixes = line_field("Fixes", 400, FIXES_HELP, inputmode="numeric")
    target = line_field("Branch", BRANCH_CHARS, TARGET_HELP)
    title = line_field("Title", TITLE_CHARS, "Taken from the patch if left empty.")
    description = text_field("Description", "Taken from the patch if left empty.", rows=6)
    note = text_field("Note to reviewers", "It is no part of the patch.", rows=3)
    is_confidential = forms.BooleanField(
        label="Confidential",
        required=False,
        help_text="For security holes. Only you, the maintainers of the components it touches, "
        "triagers and committers will see it. A patch that fixes a confidential problem is so "
        "in any case.",
    )

    def __init__(self, *args: Any, products: Choices, **kwargs: Any):
        super().__init__(*args, **kwargs)
        set_choices(self, "product", products)


class EditForm(WordsForm):
    """What can be said of a patch beside its content."""

    title = line_field("Title", TITLE_CHARS, required=True)
    description = text_field("Description", rows=12)
    fixes = line_field("Fixes", 400, FIXES_HELP, inputmode="numeric")
    components = line_field("Components", 400, spellcheck="false")
    target = line_field("Branch", BRANCH_CHARS, TARGET_HELP)
    is_confidential = forms.BooleanField(
        label="Confidential", required=False, help_text="Hidden from all but those who work on it."
    )

    def __init__(self, *args: Any, components: Sequence[str], **kwargs: Any):
        super().__init__(*args, **kwargs)
        more = " and others" if len(components) > MOST_COMPONENTS else ""
        known = f"{COMPONENTS_HELP}: {', '.join(components[:MOST_COMPONENTS])}{more}."
        self.fields["components"].help_text = known if components else ""


def uploads_of(request: HttpRequest) -> list[UploadedFile]:
    """The files that were chosen; an empty choice is none."""
    return [upload for upload in request.FILES.getlist("uploads") if upload]


def read_patch(request: HttpRequest, faults: Faults) -> ParsedPatch | None:
    """What was sent, as a patch; what is wrong with it is added to `faults`."""
    uploads, text = uploads_of(request), request.POST.get("text", "")
    field = "uploads" if uploads else "text"
    if uploads and text.strip():
        faults.add("uploads", "Choose a file or paste the patch, not both: empty one of them.")
    elif not uploads and not text.strip():
        faults.add("uploads", "Choose the file of the patch, or paste it below.")
    elif sum(upload.size or 0 for upload in uploads) > settings.ATTACHMENT_BYTES:
        faults.add("uploads", f"Keep it to {settings.ATTACHMENT_BYTES // 2**20} MB.")
    else:
        try:
            return _read(uploads, text)
        except Unreadable as unreadable:
            faults.add(field, unreadable.reason)
        except NotAPatch:
            faults.add(field, NotAPatch.ADVICE)
        except GitFailed as failed:
            faults.add(field, f"It cannot be read at the moment. {failed.reason} Try again later.")
    return None


def _read(uploads: list[UploadedFile], text: str) -> ParsedPatch:
    if not uploads:
        # Browsers send every line of a form's text with CR LF.
        return finding.read(text.replace("\r\n", "\n").rstrip("\r\n").encode() + b"\n")
    files = [(upload.name or "", upload.read()) for upload in uploads]
    for upload in uploads:
        upload.seek(0)
    return finding.read_files(files)


def text_of(uploads: Iterable[UploadedFile]) -> str:
    """Chosen files as text for the form, which cannot keep files; "" where that is not exact."""
    data = b"".join(upload.read() for upload in uploads)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    return text if len(text) <= KEPT_CHARS and "\r" not in text else ""


def read_fixes(typed: str, viewer: Viewer, faults: Faults) -> list[Problem]:
    """Problems by the numbers that were typed, as far as `viewer` may know of them."""
    words = re.split(r"[\s,;]+", typed.strip()) if typed.strip() else []
    numbers = []
    for word in words[: MOST_FIXES + 1]:
        number = word.removeprefix("#")
        if re.fullmatch(r"[0-9]{1,18}", number, re.ASCII):
            numbers.append(int(number))
        else:
            faults.add("fixes", f"“{word[:30]}” is no number of a problem.")
    if len(words) > MOST_FIXES:
        faults.add("fixes", f"Name at most {MOST_FIXES} problems.")
    found = {p.pk: p for p in visible_problems(viewer).filter(pk__in=numbers)}
    for number in numbers:
        if number not in found:
            faults.add("fixes", f"There is no problem {number}.")
    return [found[number] for number in dict.fromkeys(numbers) if number in found]
