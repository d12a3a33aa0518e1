"""How often somebody may ask, counted in Redis.

Counting is by fixed windows: one counter for each limit, person or address, and window. A Redis
that is down counts nothing and stops nobody.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import time
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.policies import as_person

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rate:
    """So many in so many seconds."""

    most: int
    seconds: int


MINUTE, HOUR = 60, 3600
# A trial on one machine, with everybody behind one address, must not run into these.
_FROM_ONE_ADDRESS: Final = 10 if settings.IS_DEFAULT_SETUP else 1

RATES: Final[dict[str, Rate]] = {
    "read": Rate(1200 * _FROM_ONE_ADDRESS, MINUTE),
    "write": Rate(600, HOUR),
    "report": Rate(60, HOUR),
    "vote": Rate(600, HOUR),
    "comment": Rate(120, HOUR),
    "attach": Rate(300, HOUR),
    "token": Rate(60, HOUR),
    # mailed codes: by the address that is written to, and by where the request comes from
    "code_for_address": Rate(10, HOUR),
    "code": Rate(200 * _FROM_ONE_ADDRESS, HOUR),
    "confirm": Rate(600 * _FROM_ONE_ADDRESS, HOUR),
}


def spend(name: str, whose: str) -> None:
    """Count one use of the limit `name` by `whose`. Raises `Throttled` once it is used up."""
    rate = rate_of(name)
    now = time.time()
    window = int(now // rate.seconds)
    digest = hashlib.sha256(whose.encode()).hexdigest()[:32]
    key = f"limit:{name}:{digest}:{window}"
    try:
        cache.add(key, 0, timeout=rate.seconds + 1)
        used = cache.incr(key)
    except (RedisError, OSError, ValueError) as error:
        log.warning("limit %r is not counted: %s", name, error)
        return
    if used > rate.most:
        raise Throttled(
            wait=(window + 1) * rate.seconds - now,
            detail=f"That was {rate.most} times in {_length(rate.seconds)}, which is the most.",
        )


def rate_of(name: str) -> Rate:
    """The rate in force: an installation's own (`API_RATES`, name -> (most, seconds)) or ours."""
    own = getattr(settings, "API_RATES", {}).get(name)
    return Rate(*own) if own else RATES[name]


def _length(seconds: int) -> str:
    return "an hour" if seconds == HOUR else "a minute" if seconds == MINUTE else f"{seconds} s"


def asker(request: Request) -> str:
    """Whom a limit is for: the person, or else the network address that asks."""
    person = as_person(request.user)
    return f"person {person.pk}" if person is not None else network_of(request)


def network_of(request: Request) -> str:
    """The address, or the /64 of an IPv6 one, all of which one household has.

    How many proxies stand before the server is the setting NUM_PROXIES of REST_FRAMEWORK.
    """
    said = BaseThrottle().get_ident(request) or ""
    try:
        address = ipaddress.ip_address(said)
    except ValueError:
        return f"address {said}"
    if address.version == 6:
        return f"network {ipaddress.ip_network((address, 64), strict=False)}"
    return f"address {address}"
