"""A field of a table as JSON, there and back.

References are written as the key of the row that is meant: a handle, a number, or a list such as
["base", "15.0"] where a key has several parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Field, ForeignKey
from django.utils.dateparse import parse_duration
from django.utils.duration import duration_iso_string

from accounts.transfer.registry import BadRow, Part, Table, registry

Encode = Callable[[Any], Any]
Decode = Callable[[Any], Any]


@dataclass(frozen=True)
class Column:
    """How one field is read from the database, written as JSON, and read from JSON.

    `decode` raises `BadRow`. For a reference `target` is the table that it leads to; what is
    encoded then is the key, and decoding yields it as a tuple, or None.
    """

    name: str
    field: Field[Any, Any]
    encode: Encode | None
    decode: Decode
    target: Table | None = None


def columns_of(table: Table, part: Part | None = None) -> list[Column]:
    """The columns of a table, in the order in which they are written."""
    fields = part.fields(table) if part is not None else table.fields
    return [_column(each) for each in fields]


def _column(each: Field[Any, Any]) -> Column:
    if isinstance(each, ForeignKey):
        target = registry.tables[each.related_model]  # type: ignore[index]
        return Column(each.name, each, None, _decode_key(each, key_parts(target)), target)
    plain, decode = _plain(each)
    return Column(each.name, each, plain, _checked(each, decode))


def is_named_by_id(table: Table) -> bool:
    """Whether the key of a table is its id, so that a foreign key holds it already."""
    return table.key == (table.model._meta.pk.name,)  # noqa: SLF001


def key_parts(table: Table) -> list[tuple[str, Field[Any, Any]]]:
    """(lookup, field) of each plain part of a table's key; parts that refer are spelt out."""
    if not table.key:
        raise TypeError(f"{table.name} is referred to: its declaration must name a key")
    found = []
    for name in table.key:
        each: Any = table.model._meta.get_field(name)  # noqa: SLF001
        if isinstance(each, ForeignKey):
            inner = key_parts(registry.tables[each.related_model])  # type: ignore[index]
            found += [(f"{name}__{lookup}", plain) for lookup, plain in inner]
        else:
            found.append((name, each))
    return found


def _decode_key(each: ForeignKey[Any, Any], parts: list[tuple[str, Field[Any, Any]]]) -> Decode:
    decoders = [_checked(plain, _plain(plain)[1]) for _, plain in parts]

    def decode(value: Any) -> Any:
        if value is None:
            if not each.null:
                raise BadRow("must not be null")
            return None
        given = [value] if len(decoders) == 1 else value
        if not isinstance(given, list) or len(given) != len(decoders):
            raise BadRow(f"must be a list of {len(decoders)}")
        return tuple(read(part) for read, part in zip(decoders, given, strict=True))

    return decode


def _plain(each: Field[Any, Any]) -> tuple[Encode | None, Decode]:
    for kind, codec in _CODECS.items():
        if isinstance(each, kind):
            return codec
    raise TypeError(f"no way to write the field {each} is known; add one to {__name__}")


def _checked(each: Field[Any, Any], decode: Decode) -> Decode:
    """`decode`, null where it is allowed, and what the field itself asks for."""
    choices = {value for value, _ in each.flatchoices}
    if choices and each.blank:
        choices.add("")
    longest = each.max_length
    validators = [v for v in each.validators if not isinstance(v, MaxLengthValidator)]

    def read(value: Any) -> Any:
        if value is None:
            if not each.null:
                raise BadRow("must not be null")
            return None
        found = decode(value)
        if choices and found not in choices:
            raise BadRow(f"{_shown(value)} is none of: {', '.join(map(str, sorted(choices)))}")
        if longest is not None and isinstance(found, str) and len(found) > longest:
            raise BadRow(f"has {len(found):,} characters; {longest:,} are the most")
        if found or found == 0:
            _validate(validators, found)
        return found

    return read


def _validate(validators: list[Any], value: Any) -> None:
    try:
        for validator in validators:
            validator(value)
    except ValidationError as error:
        raise BadRow(f"{_shown(value)}: {' '.join(error.messages)}") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _of_type(kind: type, words: str) -> Decode:
    def decode(value: Any) -> Any:
        # True is an int to Python, and a mistake in an archive.
        if type(value) is not kind:
            raise BadRow(f"{_shown(value)} is not {words}")
        return value

    return decode


def _encode_time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _decode_time(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise BadRow(f"{_shown(value)} names no zone; write 2026-06-15T12:00:00.000000Z")
        return at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, BadRow):
            raise
        raise BadRow(f"{_shown(value)} is no time; write 2026-06-15T12:00:00.000000Z") from None


def _encode_date(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _decode_date(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise BadRow(f"{_shown(value)} is no date; write 2026-06-15") from None


def _encode_span(span: timedelta | None) -> str | None:
    return None if span is None else duration_iso_string(span)


def _decode_span(value: Any) -> timedelta:
    try:
        span = parse_duration(value)
    except (TypeError, ValueError, OverflowError):
        span = None
    # Of the many ways to write one, the one in which it is written here.
    if span is None or duration_iso_string(span) != value:
        raise BadRow(f"{_shown(value)} is no span of time; write P14DT00H00M00S")
    return span


def digest_of_name(name: str) -> str:
    """The SHA-256 of a stored file, which is how the last part of its name begins."""
    return name.rpartition("/")[2]


def _decode_float(value: Any) -> float:
    if type(value) not in {int, float} or not math.isfinite(value):
        raise BadRow(f"{_shown(value)} is not a number")
    return float(value)


def _sorted(value: Any) -> Any:
    """With the keys of all objects in order: PostgreSQL keeps them in one of its own."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


# The first that fits: a DateTimeField is a DateField as well.
_CODECS: Final[dict[type[Field[Any, Any]], tuple[Encode | None, Decode]]] = {
    models.BooleanField: (None, _of_type(bool, "true or false")),
    models.IntegerField: (None, _of_type(int, "a whole number")),
    models.FloatField: (None, _decode_float),
    models.DateTimeField: (_encode_time, _decode_time),
    models.DateField: (_encode_date, _decode_date),
    models.DurationField: (_encode_span, _decode_span),
    models.FileField: (digest_of_name, _of_type(str, "a text")),
    models.JSONField: (_sorted, lambda value: value),
    models.CharField: (None, _of_type(str, "a text")),
    models.TextField: (None, _of_type(str, "a text")),
}
