"""What makes a mail recognisable: its ids, its thread, its list, and the address that ends it."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils import timezone

from notifications.models import Reach
from tracker.models import Component, Product

_SIGNER_SALT = "notifications.unsubscribe"
# What a link that stops a digest names: a person's own or that of a search, that of what they voted
# for, and that of a component's list, which is nobody's.
DIGEST_REACH = "digest"
VOTES_REACH = "votes digest"
LIST_REACH = "list digest"
# The mails of an hour, those about what one did oneself, and what a mail about many problems named.
ROUNDUP_REACH = "roundup"
OWN_ACTS_REACH = "own acts"
BULK_REACH = "bulk change"
# The mails about one patch.
PATCH_REACH = "patch"
DIGEST_REACHES = frozenset({DIGEST_REACH, VOTES_REACH, LIST_REACH})
OTHER_REACHES = frozenset({ROUNDUP_REACH, OWN_ACTS_REACH, BULK_REACH, PATCH_REACH})


def host() -> str:
    """The installation's host name: the right side of every id."""
    return _host_of(settings.BASE_URL)


@lru_cache(maxsize=2)
def _host_of(url: str) -> str:
    return urlsplit(url).hostname or "localhost"


def event_message_id(event_id: int, person_id: int) -> str:
    """The same for the same event and person, so that a mail sent again is known as the same."""
    return f"event-{event_id}.person-{person_id}@{host()}"


def digest_message_id(delivery_id: int, person_id: int | None) -> str:
    """That of a component's list names nobody."""
    whose = f"person-{person_id}" if person_id is not None else "list"
    return f"digest-{delivery_id}.{whose}@{host()}"


def roundup_message_id(due_at: datetime, person_id: int) -> str:
    """One for each person and time at which it comes."""
    return f"roundup-{due_at.astimezone(UTC):%Y%m%dT%H%M}.person-{person_id}@{host()}"


def bulk_message_id(bulk_change_id: int, person_id: int) -> str:
    return f"bulk-{bulk_change_id}.person-{person_id}@{host()}"


def patch_message_id(event_id: int, person_id: int) -> str:
    """That of the first event of a patch that it tells."""
    return f"patch-event-{event_id}.person-{person_id}@{host()}"


def patch_list_message_id(until: datetime, address: str) -> str:
    """One for each list and hour, which ends at `until`."""
    name = hashlib.sha256(address.lower().encode()).hexdigest()[:16]
    return f"patches-{until.astimezone(UTC):%Y%m%dT%H%M}.list-{name}@{host()}"


def account_message_id() -> str:
    """New with each call: a second code is another mail. Ids sort by their time."""
    return f"account-{timezone.now():%Y%m%dT%H%M%S.%f}.{secrets.token_hex(8)}@{host()}"


def answer_message_id() -> str:
    """New with each call, as two answers to one mail are two mails."""
    return f"answer-{timezone.now():%Y%m%dT%H%M%S.%f}.{secrets.token_hex(8)}@{host()}"


def thread_id(problem_number: int) -> str:
    """What all mails of a problem refer to, so that who joins late has one thread too."""
    return f"problem-{problem_number}@{host()}"


def patch_thread_id(number: int) -> str:
    """The same for all mails of a patch."""
    return f"patch-{number}@{host()}"


def tells_of_problems(message_id: str) -> bool:
    """Whether it is the id of a mail of ours about problems or patches, or of the thread of one."""
    kinds = ("event-", "roundup-", "bulk-", "digest-", "asked-", "problem-", "patch-")
    return message_id.startswith(kinds) and message_id.endswith(f"@{host()}")


def list_id(component: Component) -> str:
    """RFC 2919: a component is a list."""
    product = component.product
    return f"{product.slug}/{component.slug} <{component.slug}.{product.slug}.{host()}>"


def patch_list_id(product: Product) -> str:
    """RFC 2919: the patches of a product are a list."""
    return f"patches of {product.slug} <patches.{product.slug}.{host()}>"


def unsubscribe_token(person_id: int, reach: str, target_id: int | None) -> str:
    """Names whose mails of what end. It does not expire: mails are kept for years."""
    named = _base64(json.dumps([person_id, reach, target_id], separators=(",", ":")).encode())
    mac = hmac.digest(_signer_key(settings.SECRET_KEY), named, "sha256")
    return f"{named.decode()}:{_base64(mac).decode()}"


def _base64(given: bytes) -> bytes:
    return urlsafe_b64encode(given).rstrip(b"=")


@lru_cache(maxsize=2)
def _signer_key(secret: str) -> bytes:
    """The one that `Signer.sign_object` makes anew for each mail."""
    return hashlib.sha256(f"{_SIGNER_SALT}signer{secret}".encode()).digest()


def read_unsubscribe_token(token: str) -> tuple[int, str, int | None]:
    """(person, reach, target) of a token; `signing.BadSignature` for one that we did not make."""
    person_id, reach, target_id = signing.Signer(salt=_SIGNER_SALT).unsign_object(token)
    if reach not in {*DIGEST_REACHES, *OTHER_REACHES, *Reach.values}:
        raise signing.BadSignature("a token for something else")
    return person_id, reach, target_id


def unsubscribe_url(person_id: int, reach: str, target_id: int | None) -> str:
    before, after = _around_token()
    return f"{settings.BASE_URL}{before}{unsubscribe_token(person_id, reach, target_id)}{after}"


@lru_cache(maxsize=1)
def _around_token() -> tuple[str, str]:
    before, _, after = reverse("unsubscribe", args=["TOKEN"]).partition("TOKEN")
    return before, after
