"""What the pages of a diff and the forms on them have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from patches.models import Patch, PatchVersion
from patches.overview import last_reviewed
from patches.policies import rights_on
from patches.reading.places import Place, in_address
from patches.reading.talks import Talk, talks_of
from tracker.web.pages import new_form_token


def frame(request: HttpRequest, version: PatchVersion) -> dict[str, Any]:
    """What every page of a diff has around it. Five queries at most."""
    patch = version.patch
    rights = rights_on(request.user, patch)
    talks = talks_of(version, request.user)
    return {
        "patch": patch,
        "version": version,
        "versions": list(patch.versions.order_by("number").values_list("number", flat=True)),
        "rights": rights,
        "last_reviewed": last_reviewed(patch, request.user, version.number),
        "talks": talks,
        "drafts": drafts_in(talks),
        "form_token": new_form_token(),
    }


def drafts_in(talks: Iterable[Talk]) -> int:
    """How many comments of the viewer are not sent."""
    return sum(said.is_draft for talk in talks for said in talk.said)


def talk_html(request: HttpRequest, context: Mapping[str, Any], talk: Talk) -> SafeString:
    """A thread as a fragment."""
    shared = {name: context[name] for name in ("patch", "version", "rights", "form_token")}
    html = render_to_string("patches/diff_talk.html", {**shared, "talk": talk}, request)
    return mark_safe(html)  # noqa: S308 - a template's


def address_of(patch: Patch, version: int, place: Place | None, thread: int = 0) -> str:
    """Where a place is read, whichever page that is on."""
    address = f"/patches/{patch.pk}/{version}/"
    if thread:
        return f"{address}?thread={thread}#thread-{thread}"
    return f"{address}?at={in_address(str(place))}" if place else address
