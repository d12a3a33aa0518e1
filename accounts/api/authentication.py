"""Who asks: a system's token, or the session of a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DjangoSession
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import AccessToken, Person
from accounts.services import digest_of

SCHEME: Final = "Bearer"
NOTE_USE_EVERY = timedelta(minutes=1)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer gw_…`, looked up by the digest of the secret."""

    def authenticate(self, request: Request) -> tuple[Person, AccessToken] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        token = (
            AccessToken.objects.select_related("person")
            .filter(digest=digest_of(secret.strip()), revoked_at=None, person__is_active=True)
            .first()
        )
        if token is None:
            raise AuthenticationFailed(
                "This token is unknown or was revoked. Sign in again for a new one."
            )
        _note_use(token)
        return token.person, token

    def authenticate_header(self, request: Request) -> str:
        return f'{SCHEME} realm="groundswell"'


class SessionAuthentication(DjangoSession):
    """The session of the web pages; everything but reading needs the CSRF token too."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        return super().authenticate(request)


def _note_use(token: AccessToken) -> None:
    """Once a minute is enough to tell which tokens live, and spares a write on each request."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - NOTE_USE_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTE_USE_EVERY)
        AccessToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
