"""Signing up and in without a browser: a code that is mailed, and typed where it was asked for.

Nothing that a caller sees tells whether an address is registered: both ways make a challenge, and
both send a mail; only its reader learns more. An account is made when the code is typed, not
before.
"""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.handles import PLACEHOLDER, check_handle
from accounts.models import AccessToken, IdempotentRequest, Person, SetupLink, SignInChallenge
from accounts.services import (
    confirm_address,
    ensure_email_address,
    finish_sign_up,
    make_token,
    unproven_sign_ups,
)
from accounts.signals import account_mail_requested

CODE_DIGITS: Final = 8
VALID_FOR: Final = timedelta(minutes=15)
KEEP_REQUESTS: Final = timedelta(days=7)
KEEP_SPENT: Final = timedelta(days=7)

Purpose = SignInChallenge.Purpose


class CodeRefused(Exception):
    """The code does not open anything; the message says what to do."""


def ask_to_sign_up(email: str, handle: str = "") -> SignInChallenge:
    """Mail a code that makes an account for `email`, or signs in where there is one already.

    Raises ValidationError, from `check_handle`, for a handle that cannot be had.
    """
    if handle:
        check_handle(handle)
    return _challenge(Purpose.SIGN_UP, email, handle)


def ask_to_sign_in(email: str) -> SignInChallenge:
    """Mail a code that signs in; to an address that nobody has, mail how to register."""
    return _challenge(Purpose.SIGN_IN, email)


@transaction.atomic
def _challenge(purpose: Purpose, email: str, handle: str = "") -> SignInChallenge:
    email = email.lower()
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    known = Person.objects.filter(email__iexact=email).first()
    person = known if known and known.is_active and known.is_confirmed else None
    challenge = SignInChallenge(
        purpose=purpose,
        email=email,
        handle=handle,
        person=person,
        expires_at=timezone.now() + VALID_FOR,
    )
    challenge.code_digest = _digest(challenge, code)
    challenge.save(force_insert=True)
    is_closed = known is not None and not known.is_active
    _mail(challenge, code, is_closed=is_closed)
    return challenge


def _digest(challenge: SignInChallenge, code: str) -> str:
    """Keyed with the server's secret: whoever reads the table cannot try all the codes."""
    words = f"{challenge.pk}:{code}"
    return salted_hmac("accounts.codes", words, algorithm="sha256").hexdigest()


def _can_be_met(challenge: SignInChallenge, *, is_closed: bool) -> bool:
    return not is_closed and (challenge.person is not None or challenge.purpose == Purpose.SIGN_UP)


def _mail(challenge: SignInChallenge, code: str, *, is_closed: bool) -> None:
    words = {
        "code": code if _can_be_met(challenge, is_closed=is_closed) else "",
        "is_closed": is_closed,
        "is_known": challenge.person is not None,
        "is_sign_up": challenge.purpose == Purpose.SIGN_UP,
        "email": challenge.email,
        "handle": challenge.person.handle if challenge.person else challenge.handle,
        "minutes": int(VALID_FOR.total_seconds() // 60),
        "base_url": settings.BASE_URL,
    }
    subject = render_to_string("accounts/mail/code_subject.txt", words)
    account_mail_requested.send(
        SignInChallenge,
        to=challenge.email,
        subject=" ".join(subject.split()),
        text=render_to_string("accounts/mail/code.txt", words).strip() + "\n",
        html=render_to_string("accounts/mail/code.html", words),
        kind="code",
        person=challenge.person,
    )


def meet(challenge_id: str, code: str, system: str) -> tuple[AccessToken, str]:
    """A token for `system`, and its secret, in exchange for the code that was mailed.

    The person is made now when the code was asked for to sign up. Each call spends one of five
    tries. Raises `CodeRefused`.
    """
    challenge = _spend_try(challenge_id)
    typed = re.sub(r"[\s-]", "", code)
    if not constant_time_compare(challenge.code_digest, _digest(challenge, typed)):
        raise CodeRefused(_wrong(challenge.attempts_left))
    try:
        return _redeem(challenge, system)
    except IntegrityError:
        # The address was registered on the web at this very moment: now its account is there.
        return _redeem(challenge, system)


@transaction.atomic
def _redeem(challenge: SignInChallenge, system: str) -> tuple[AccessToken, str]:
    met = SignInChallenge.objects.filter(pk=challenge.pk, met_at=None).update(met_at=timezone.now())
    if not met:
        raise CodeRefused(_OVER)
    return make_token(_person_for(challenge), system)


_OVER: Final = (
    "This code is too old, was used already, or was mistyped too often. Ask for a new one."
)


def _spend_try(challenge_id: str) -> SignInChallenge:
    """Take one try off in the database, where two requests at once cannot take the same."""
    try:
        key = uuid.UUID(challenge_id)
    except ValueError:
        raise CodeRefused(_OVER) from None
    spent = SignInChallenge.objects.filter(
        pk=key, met_at=None, attempts_left__gt=0, expires_at__gt=timezone.now()
    ).update(attempts_left=F("attempts_left") - 1)
    if not spent:
        raise CodeRefused(_OVER)
    return SignInChallenge.objects.select_related("person").get(pk=key)


def _wrong(attempts_left: int) -> str:
    if attempts_left == 0:
        return "This is not the code, and it was mistyped too often. Ask for a new one."
    tries = "1 more try" if attempts_left == 1 else f"{attempts_left} more tries"
    return f"This is not the code from the mail; you have {tries}."


def _person_for(challenge: SignInChallenge) -> Person:
    """Look again: since the mail went out the account may have been made, or closed."""
    person = Person.objects.select_for_update().filter(email__iexact=challenge.email).first()
    if person is None and challenge.purpose == Purpose.SIGN_UP:
        person = Person.objects.create_user(challenge.email, PLACEHOLDER + secrets.token_hex(5))
    if person is None or not person.is_active or _is_another(person, challenge):
        raise CodeRefused(_OVER)
    if not person.is_confirmed:
        confirm_address(person)
        finish_sign_up(person, challenge.handle or handle_from(challenge.email))
    ensure_email_address(person)
    return person


def _is_another(person: Person, challenge: SignInChallenge) -> bool:
    """The address has gone over to somebody else meanwhile."""
    return challenge.person_id is not None and challenge.person_id != person.pk


def handle_from(email: str) -> str:
    """A handle made of what stands before the @; the next free one is taken when it is settled."""
    local = email.partition("@")[0].partition("+")[0]
    handle = re.sub(r"[^A-Za-z0-9._-]+", "-", local)[:36].strip("._-") or "reporter"
    try:
        return check_handle(handle)
    except ValidationError as error:
        # One that is taken gets a number when it is settled.
        return f"reporter-{handle}"[:36].rstrip("._-") if error.code == "reserved" else handle


def purge_expired() -> dict[str, int]:
    """Remove what has served: challenges, answers kept for retries, setup links, dead sign-ups."""
    now = timezone.now()
    spent = {
        "challenges": SignInChallenge.objects.filter(expires_at__lt=now - timedelta(days=1)),
        "requests": IdempotentRequest.objects.filter(created_at__lt=now - KEEP_REQUESTS),
        "links": SetupLink.objects.filter(used_at__lt=now - KEEP_SPENT),
        "sign-ups": unproven_sign_ups().filter(joined_at__lt=now - KEEP_SPENT),
    }
    return {name: rows.delete()[0] for name, rows in spent.items()}
