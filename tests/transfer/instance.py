"""One instance in a process of its own: ``python -m tests.transfer.instance STEP...``.

Steps: ``migrate``, ``fill``, ``import=FILE``, ``export=FILE``, ``pages=FILE`` (what each viewer
is shown, as JSON). DATA_DIR and DATABASE_URL choose the instance, as always.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

VIEWERS = ("", "rita", "tom")
PROBLEMS = range(1, 12)
PATCHES = range(1, 7)
# Pages say how long ago things were, so all look at them at the same time.
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
# Made anew for every page; and the key of a private feed, which is a secret that stays behind.
TOKENS = re.compile(r'(name="(?:csrfmiddlewaretoken|form_token)" value="|\.atom\?key=)[^"]+')


def addresses() -> Iterator[str]:
    """The pages and API addresses that are compared."""
    from votes.models import SavedSearch

    yield from ("/", "/problems.atom", "/products/", "/products/base/", "/searches/", "/people/")
    yield from ("/people/rita", "/people/mara", "/people/1/manage", "/triage/", "/my/")
    yield from ("/my/subscriptions/", "/my/digest/", "/api/v1/products/", "/products/base/edit")
    for sort in ("heat", "people", "newest", "active"):
        yield f"/problems/?state=any&sort={sort}"
        yield f"/api/v1/problems/?state=any&sort={sort}&limit=100"
    yield "/problems/?q=traffic"
    yield "/api/v1/problems/similar/?product=base&synopsis=em1+stops+passing+traffic"
    for search in SavedSearch.objects.filter(is_shared=True).order_by("pk"):
        yield f"/searches/{search.pk}/"
        yield f"/searches/{search.pk}.atom"
    for turn in ("all&sort=path", "all&sort=age", "decided"):
        yield f"/patches/?turn={turn}"
    yield from ("/patches/forgotten/", "/patches.atom", "/products/base/maintainers")
    for number in PATCHES:
        yield from (f"/patches/{number}/", f"/patches/{number}/1/", f"/patches/{number}.patch")
    for number in PROBLEMS:
        yield from (f"/{number}", f"/{number}/why", f"/{number}/history", f"/{number}/voters")
        yield f"/api/v1/problems/{number}/"
        yield from (f"/api/v1/problems/{number}/{each}/"
                    for each in ("comments", "attachments", "history"))  # fmt: skip


def pages() -> dict[str, Any]:
    """viewer and address -> [status, text]."""
    import time_machine
    from django.test import Client

    from accounts.models import Person

    found: dict[str, Any] = {}
    for viewer in VIEWERS:
        with time_machine.travel(NOW, tick=False):
            client = Client(headers={"host": "127.0.0.1"})
            if viewer:
                client.force_login(
                    Person.objects.get(handle=viewer),
                    "allauth.account.auth_backends.AuthenticationBackend",
                )
            for address in addresses():
                response = client.get(address)
                text = response.getvalue().decode()
                found[f"{viewer} {address}"] = [response.status_code, TOKENS.sub(r"\1", text)]
    return found


def fill() -> None:
    """A small demonstration, and a row in every table."""
    from django.core.management import call_command

    from tests.transfer import filling

    filling.fill()
    call_command("demo", problems=60, seed=3, until=datetime(2026, 6, 15, tzinfo=UTC))
    call_command("index_problems", stdout=StringIO())


def prepare() -> None:
    """Django with a cache of its own, so that no instance shows what another one kept."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django
    from django.conf import settings

    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.CHART_SECONDS = 0
    # Where the files lie differs; nothing that is shown may tell.
    settings.IS_DEFAULT_SETUP = True
    django.setup()


def main(steps: list[str]) -> None:
    prepare()
    from django.core.management import call_command

    from tracker.transfer.exporting import export
    from tracker.transfer.loading import import_archive

    does: dict[str, Callable[[Path], object]] = {
        "migrate": lambda _: call_command("migrate", verbosity=0),
        "fill": lambda _: fill(),
        "recount": lambda _: call_command("recount_votes", check=True),
        "import": import_archive,
        "export": export,
        "pages": lambda path: path.write_text(json.dumps(pages())),
    }
    for step in steps:
        name, _, path = step.partition("=")
        does[name](Path(path))


if __name__ == "__main__":
    main(sys.argv[1:])
