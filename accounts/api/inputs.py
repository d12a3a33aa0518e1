"""Reading what a request says: the shapes here, the meaning in the services."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


class Words(serializers.CharField):
    """Text as it was sent. What is wrong with it, characters included, is for services to say."""

    def __init__(self, **options: Any) -> None:
        options = {"required": False, "allow_null": True, "allow_blank": True} | options
        super().__init__(trim_whitespace=False, **options)
        # DRF refuses NUL and lone surrogates; `tracker.text` makes them harmless instead.
        self.validators = []


class Input(serializers.Serializer[Any]):
    """A JSON object. Names that it does not have are errors, so that a slip is not passed over.

    `understood` holds the values that could be read, also when others could not.
    """

    understood: dict[str, Any]

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise ValidationError({"non_field_errors": ["Send a JSON object."]})
        self.understood, errors = {}, self._unknown(data)
        for name, field in self.fields.items():
            if name in data or field.required:
                try:
                    value = field.run_validation(data.get(name, serializers.empty))
                    self.understood[name] = value
                except ValidationError as error:
                    errors[name] = error.detail
        if errors:
            raise ValidationError(errors)
        return self.understood

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, Any]:
        errors: dict[str, Any] = {}
        for name in [str(key) for key in data if key not in self.fields][:20]:
            close = difflib.get_close_matches(name[:100], self.fields, n=1)
            hint = f" Did you mean “{close[0]}”?" if close else ""
            errors[name[:100]] = [f"There is no such field.{hint}"]
        return errors


AnInput = TypeVar("AnInput", bound=Input)


def read(kind: type[AnInput], request: Request) -> dict[str, Any]:
    """The values of the request's body. Raises ValidationError naming every wrong field."""
    form = kind(data=request.data)
    form.is_valid(raise_exception=True)
    return form.understood


def texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with "" for null: both mean that nothing is said."""
    return {name: "" if value is None else value for name, value in values.items()}


def name_of(said: str) -> str:
    """A system's name on one line, without what a terminal would obey."""
    return "".join(c for c in " ".join(said.split()) if c.isprintable()) or "unnamed"
