"""What a server offers: limits, products, components, releases; kept for calls without network."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from send_problem.disk import cache_folder, private_folder, read_json, write_json
from send_problem.failures import Failure
from send_problem.words import clean, same_choice

if TYPE_CHECKING:
    from send_problem.connection import Link

FRESH_SECONDS = 600
MAX_PAGES = 50
_LIMITS = {
    "attachment_bytes": 10 * 1000 * 1000,
    "attachments_per_problem": 20,
    "synopsis_chars": 200,
    "text_chars": 65536,
}


@dataclass(frozen=True)
class Product:
    """A product with its components (slug to title) and the names of its releases."""

    slug: str
    title: str
    components: dict[str, str]
    releases: list[str]


@dataclass(frozen=True)
class Catalogue:
    """The offer of one server; ``limits`` count bytes, files and characters.

    ``known`` is false when the server was never reached: then nothing can be checked against it.
    """

    limits: dict[str, int] = field(default_factory=lambda: dict(_LIMITS))
    kinds: list[str] = field(default_factory=list)
    severities: list[str] = field(default_factory=list)
    architectures: list[str] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    known: bool = False

    def product(self, slug: str) -> Product | None:
        """The product of that name, whatever its capitals."""
        found = same_choice(slug, [product.slug for product in self.products])
        return next((product for product in self.products if product.slug == found), None)


def kept_catalogue(server: str) -> Catalogue:
    """What the server said when it was last asked."""
    return _understand(read_json(_path(server)))


def is_fresh(server: str) -> bool:
    """True when the server was asked a short time ago."""
    asked_at = read_json(_path(server)).get("asked_at", 0)
    return isinstance(asked_at, (int, float)) and 0 <= time.time() - asked_at < FRESH_SECONDS


def ask_catalogue(link: Link) -> Catalogue:
    """Ask the server and keep the answer; raise what ``Link`` raises."""
    server = link.get("server/").data
    answer = {"asked_at": time.time(), "server": server, "products": _products(link)}
    try:
        private_folder(cache_folder())
        write_json(_path(link.server), answer)
    except Failure:
        pass  # A call must not fail because the cache cannot be written.
    return _understand(answer)


def _products(link: Link) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _page in range(MAX_PAGES):
        page = link.get("products/", limit=100, cursor=cursor).data
        found += [p for p in page.get("results", []) if isinstance(p, dict) and p.get("slug")]
        # Only the cursor is taken from the link, so that no request goes to another address.
        cursor = next(
            iter(parse_qs(urlsplit(page.get("next") or "").query).get("cursor", [])), None
        )
        if cursor is None:
            break
    return [
        p if "components" in p and "releases" in p else link.get(f"products/{p['slug']}/").data
        for p in found
    ]


def _understand(answer: dict[str, Any]) -> Catalogue:
    server = answer.get("server")
    if not isinstance(server, dict):
        return Catalogue()
    told = server.get("limits")
    limits = {k: v for k, v in told.items() if isinstance(v, int)} if isinstance(told, dict) else {}
    return Catalogue(
        limits={**_LIMITS, **limits},
        kinds=_words(server.get("kinds")),
        severities=_words(server.get("severities")),
        architectures=_words(server.get("architectures_hint")),
        products=[_product(product) for product in answer.get("products", [])],
        known=True,
    )


def _product(product: dict[str, Any]) -> Product:
    components = [c for c in product.get("components", []) if isinstance(c, dict)]
    releases = [r for r in product.get("releases", []) if isinstance(r, dict)]
    # Supported ones first; the order of the server otherwise.
    releases.sort(key=lambda release: not release.get("is_supported", True))
    return Product(
        slug=clean(str(product["slug"])),
        title=clean(str(product.get("title", ""))),
        components={clean(str(c["slug"])): clean(str(c.get("title", ""))) for c in components},
        releases=[clean(str(release["name"])) for release in releases],
    )


def _words(value: object) -> list[str]:
    return [clean(str(word)) for word in value] if isinstance(value, list) else []


def _path(server: str) -> Any:
    return cache_folder() / f"{quote(server, safe='')}.json"
