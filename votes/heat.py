"""Heat: how much a problem matters lately, as a number that only a vote can change.

Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay: A Practical Time Decay Model
for Streaming Systems", ICDE 2009), kept as a logarithm (Bernhardsson, "A neat little trick with
time decay", 2012):

    heat = ln sum_i exp((t_i - t_0) / tau)      tau = half-life / ln 2

over the times t_i of the counted votes. Between two problems the order never depends on now, so
nothing is recomputed as time goes by, and the age of a report plays no part.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.conf import settings

from tracker.models import NO_HEAT

# t_0. Any fixed time does; this keeps the exponents small for decades.
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def tau() -> timedelta:
    """The decay time: the half-life that the instance is set to, over ln 2."""
    return timedelta(days=settings.VOTE_HALF_LIFE_DAYS) / math.log(2)


def exponent(at: datetime) -> float:
    """(t - t_0) / tau, without unit."""
    return (at - EPOCH) / tau()


def log_add(heat: float, at: datetime) -> float:
    """The heat after one more counted vote at `at`."""
    one = exponent(at)
    high, low = max(heat, one), min(heat, one)
    return high + math.log1p(math.exp(low - high))


def log_sum(times: Iterable[datetime]) -> float:
    """The heat of counted votes at `times`; `NO_HEAT` without any.

    Of two votes it is `log_add` of the one to the other, to the last digit.
    """
    exponents = sorted(exponent(at) for at in times)
    if not exponents:
        return NO_HEAT
    *others, high = exponents
    return high + math.log1p(math.fsum(math.exp(each - high) for each in others))


def worth(heat: float, now: datetime) -> float:
    """How many votes cast just now would weigh the same: exp(heat - (now - t_0) / tau)."""
    return math.exp(min(heat - exponent(now), 700.0))
