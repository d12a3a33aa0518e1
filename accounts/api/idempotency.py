"""`Idempotency-Key`: a request that is sent again is answered again, and done once.

The key's row is written first, in the transaction of the work. Whoever comes second with the same
key waits at the unique constraint (PostgreSQL) or for the write lock (SQLite) until the first has
finished: then either the answer is there, or the first has failed and the work is free to be done.
An error rolls the row back with everything else, so errors are not kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, connection, transaction
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.problems import KeyReused
from accounts.models import IdempotentRequest, Person

HEADER: Final = "Idempotency-Key"
MOST_CHARS: Final = 255
WAIT_SECONDS: Final = 10


@dataclass
class Made:
    """The answer to a request that made something."""

    body: dict[str, Any]
    location: str = ""
    status: int = 201
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        headers = self.headers | ({"Location": self.location} if self.location else {})
        return Response(self.body, self.status, headers=headers)


Work = Callable[[IdempotentRequest | None], Made]
Reveal = Callable[[IdempotentRequest, Made], None]


def once(request: Request, person: Person, work: Work, reveal: Reveal | None = None) -> Response:
    """Do `work` once for each key of `person`, and answer as the first time.

    `work` is given the key's row, or None where no key was sent. `reveal(row, made)` adds what is
    not to be stored to an answer, the first and the later ones alike. Raises `KeyReused`.
    """
    key = _key(request)
    # Read before the transaction begins: a slow sender must not hold it.
    fingerprint = _fingerprint(request) if key else ""
    if not key:
        with transaction.atomic():
            return work(None).response()
    with transaction.atomic():
        row, is_first = _claim(person, key, fingerprint)
        if row.fingerprint != fingerprint:
            raise KeyReused
        made = _first(row, work) if is_first else _again(row)
        if reveal is not None:
            reveal(row, made)
        return made.response()


def _key(request: Request) -> str:
    key = request.headers.get(HEADER, "").strip()
    if len(key) > MOST_CHARS or not key.isprintable():
        raise ValidationError({HEADER: f"Use at most {MOST_CHARS} printable characters."})
    return key


def _claim(person: Person, key: str, fingerprint: str) -> tuple[IdempotentRequest, bool]:
    """The row of this key, and whether it was made just now."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
    rows = IdempotentRequest.objects.filter(person=person, key=key)
    if row := rows.first():
        return row, False
    try:
        with transaction.atomic():
            made = IdempotentRequest.objects.create(person=person, key=key, fingerprint=fingerprint)
    except IntegrityError:
        return rows.get(), False
    return made, True


def _first(row: IdempotentRequest, work: Work) -> Made:
    made = work(row)
    # As text: PostgreSQL gives the members of an object back in another order.
    row.status, row.body = made.status, json.dumps(made.body)
    row.headers = made.headers | {"Location": made.location}
    row.save(update_fields=["status", "body", "headers"])
    return made


def _again(row: IdempotentRequest) -> Made:
    headers = dict(row.headers)
    location = headers.pop("Location", "")
    return Made(json.loads(row.body or "{}"), location, row.status or 201, headers)


def _fingerprint(request: Request) -> str:
    """SHA-256 of method, path and what the body says.

    Of a form the fields and the files' names and bytes, since the boundary between them may differ
    from one sending to the next.
    """
    digest = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    data = request.data
    files = request.FILES
    said = {name: value for name, value in data.items() if name not in files} if files else data
    digest.update(json.dumps(said, sort_keys=True, default=str).encode())
    for name in sorted(files):
        for upload in files.getlist(name):
            digest.update(f"\n{name}\n{upload.name}\n{_sha256(upload)}".encode())
    return digest.hexdigest()


def _sha256(upload: UploadedFile) -> str:
    digest = hashlib.sha256()
    for chunk in upload.chunks():
        digest.update(chunk)
    upload.seek(0)
    return digest.hexdigest()
