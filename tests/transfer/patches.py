"""A row in every table of patches, made by the services."""

from __future__ import annotations

from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import Person
from notifications.models import MutedPatch
from patches.deciding import decline
from patches.intake import looking
from patches.models import Patch, Review
from patches.owners import requests
from patches.owners.keeping import set_file, set_patterns
from patches.reviews import managing, rating, reviewing
from patches.reviews.managing import DimensionWords, PartWords
from patches.versions.comparisons import compare_version
from tests.patching import diff, make_patch, newest, next_version, parsed
from tracker.models import Door, Problem, Product
from tracker.services import attach

PATH = "sys/dev/em/if_em.c"


def fill_patches(base: Product, ports: Product, problems: dict[str, Problem]) -> None:
    """Patches for everybody, for a confidential problem, and confidential by themselves."""
    _rules(base, ports)
    _talked_about(base, problems)
    tom, rita = person("tom"), person("rita")
    hidden = make_patch(base, rita, fixes=[problems["secret"]], title="Close the hole")
    reviewing.send_review(newest(hidden), tom, Door.WEB, text="Nobody may read this review.")
    make_patch(base, rita, is_confidential=True, title="Kept from the public")
    declined = make_patch(ports, person("sam"), fixes=[problems["imported"]], target="stable/14")
    decline(declined, person("ada"), Door.API, note="Not like this.")
    _looks(problems)
    MutedPatch.objects.create(person=rita, patch=declined)
    Patch.objects.filter(pk=declined.pk).update(waited=timedelta(days=3, microseconds=7))


def person(handle: str) -> Person:
    return Person.objects.get(handle=handle)


def _rules(base: Product, ports: Product) -> None:
    tom = person("tom")
    set_file(base, tom, file_format="codeowners", text="/sys/ @mara\n# mara@example.org\n")
    set_patterns(base.components.get(slug="kernel"), tom, "/sys/dev/\n")
    managing.add_dimension(ports, tom, DimensionWords("Taste", has_minus=True))
    managing.add_rule(base, tom, "stable/*", [PartWords("works", "2", "anybody", "architecture")])


def _talked_about(base: Product, problems: dict[str, Problem]) -> None:
    """A series of two versions, with threads, ratings, and what is not said yet."""
    sam, mara = person("sam"), person("mara")
    first = parsed(diff(PATH), diff("sys/net/if.c"), subjects=("em: one", "net: two"),
                   messages=("Why.\n", ""), original=b"From: sam@example.org\n\n", base_commit="a1",
                   author_name="Sam", author_email="sam@example.org")  # fmt: skip
    fixes = [problems["first"], problems["imported"]]
    patch = make_patch(base, sam, text=first, fixes=fixes, target="stable/14")
    version = newest(patch)
    reviewing.add_line_comment(version, mara, "Why?\n\n```suggestion\n\treturn (5);\n```",
                               commit=1, path=PATH, side="new", start=13, end=13)  # fmt: skip
    said = [rating.Said("works", 1, release="14.3", architecture="arm64", hardware="a board"),
            rating.Said("quality", -1, note="too long")]  # fmt: skip
    review = reviewing.send_review(version, mara, Door.WEB, text="Some **words**.",
                                   verdict=Review.Verdict.CHANGES, ratings=said)  # fmt: skip
    thread = review.comments.get().thread
    reviewing.answer(thread, sam, "Because.", version=version, resolves=True)
    reviewing.send_review(version, sam, Door.WEB)
    second = next_version(patch, parsed(diff(PATH), subjects=("em: one",)), note="Shorter.")
    compare_version(second.pk)
    rating.rate(second, mara, Door.API, rating.Said("quality", 0))
    reviewing.add_line_comment(second, person("rita"), "A draft that nobody may read.",
                               commit=1, path=PATH, side="new", start=10, end=10)  # fmt: skip
    requests.claim(patch, mara, Door.WEB)
    requests.ask(patch, sam, person("dora"), Door.WEB)
    requests.snooze(patch, person("dora"), 5)


def _looks(problems: dict[str, Problem]) -> None:
    rita = person("rita")
    for name, text in (("fix.txt", diff()), ("cut.diff", diff()[:-40])):
        file = attach(problems["first"], rita, ContentFile(text, name), Door.WEB)
        # At once, where a worker would have waited for more of the same.
        file.created_at -= timedelta(hours=1)
        file.save(update_fields=["created_at"])
        looking.look(file)
    looking.look(problems["first"])
    assert timezone.now() > file.created_at
