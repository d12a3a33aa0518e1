"""What happened to patches and waits for a person's digest, because they chose so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.db.models import Q

from accounts.models import Person
from notifications.digests.shapes import LINES, PatchLine, Section
from notifications.models import Message, PatchTelling
from notifications.patches.mail import headline
from patches.policies import visible_patches

MOST: Final = 300
# Of each patch.
SAID: Final = 3


def untold_of_patches(person: Person, message_pk: int | None) -> list[PatchTelling]:
    """What no mail told, or one that never arrived, of patches that the person may see and has not
    muted. With `message_pk` what that has told before, too. Two queries."""
    lost = (Message.State.FAILED, Message.State.DROPPED)
    waiting = Q(message=None) | Q(message__kind=Message.Kind.DIGEST, message__state__in=lost)
    if message_pk is not None:
        waiting |= Q(message=message_pk)
    muted = person.muted_patches.values("patch")
    rows = PatchTelling.objects.filter(waiting, person=person).exclude(event__patch__in=muted)
    related = ("event__actor", "event__version", "event__patch__product", "event__patch__author")
    found = list(rows.select_related(*related).order_by("event")[:MOST])
    numbers = {each.event.patch_id for each in found}
    seen = set(visible_patches(person).filter(pk__in=numbers).values_list("pk", flat=True))
    return [each for each in found if each.event.patch_id in seen]


def section_of_patches(tellings: Sequence[PatchTelling]) -> Section:
    """Each patch once, the one with the latest news first."""
    latest = {each.event.patch_id: each.event for each in tellings}
    newest = sorted(latest, key=lambda number: -latest[number].pk)
    lines = []
    for number in newest:
        said = [headline(each.event) for each in tellings if each.event.patch_id == number]
        earlier = [f"{len(said) - SAID} more before"] if len(said) > SAID else []
        lines.append(PatchLine(latest[number].patch, (*earlier, *said[-SAID:]), ()))
    title, url = "Patches that you wanted to be told of here", f"{settings.BASE_URL}/my/"
    # By no other mail, so each is told here, however many they are.
    shown = tuple(lines[: 4 * LINES])
    return Section("chosen patches", title, [], len(lines), url, is_news=True, patches=shown)
