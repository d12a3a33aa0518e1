"""The OpenAPI document, and a page that people read it on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.limits import RATES, rate_of
from accounts.api.views import ApiView

Json = dict[str, Any]
GROUPS = {
    "auth": "Signing up and in",
    "me": "Oneself",
    "tokens": "Tokens",
    "problems": "Problems",
    "patches": "Patches",
    "triage": "Triage",
    "bulk-changes": "Triage",
    "products": "Products",
    "server": "The server",
    "": "The server",
}


@cache
def openapi() -> Json:
    """The document; it is the same for everybody and for as long as the process lives."""
    document: Json = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    document["servers"] = [{"url": settings.BASE_URL}]
    return document


class SchemaRenderer(OpenApiJsonRenderer):
    media_type = "application/vnd.oai.openapi+json"


class SchemaView(ApiView):
    """OpenAPI 3 as JSON."""

    schema = None
    renderer_classes = (SchemaRenderer,)

    def get(self, request: Request) -> Response:
        return Response(openapi())


@dataclass
class Named:
    """A parameter, or a member of a body: name, type in words, and what it means."""

    name: str
    kind: str
    says: str
    required: bool = False
    place: str = ""


@dataclass
class Body:
    """A request's or an answer's body."""

    status: str
    says: str
    members: list[Named] = field(default_factory=list)
    is_list: bool = False


@dataclass
class Operation:
    """One entry of the page."""

    name: str
    method: str
    path: str
    title: str
    says: str
    needs_token: bool
    parameters: list[Named]
    takes: Body | None
    gives: list[Body]
    errors: list[str]
    example: str


class DocsView(View):
    """The document as one page, made on the server: it needs neither scripts nor another host."""

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {"groups": groups(openapi()), "limits": _limits(), "BASE_URL": settings.BASE_URL}
        return render(request, "accounts/api_docs.html", context)


def groups(document: Json) -> list[tuple[str, list[Operation]]]:
    """The operations under their headings, in the order of `GROUPS`."""
    found: dict[str, list[Operation]] = {heading: [] for heading in GROUPS.values()}
    for path, methods in document["paths"].items():
        first = path.removeprefix("/api/v1/").split("/")[0]
        for method, operation in methods.items():
            found[GROUPS.get(first, "The server")].append(
                _operation(document, path, method, operation)
            )
    return [(heading, operations) for heading, operations in found.items() if operations]


def _operation(document: Json, path: str, method: str, said: Json) -> Operation:
    first, _, rest = said.get("description", "").partition("\n")
    responses = said["responses"]
    return Operation(
        name=said["operationId"],
        method=method.upper(),
        path=path,
        title=first,
        says=" ".join(rest.split()),
        needs_token={} not in said.get("security", [{}]),
        parameters=[_parameter(each) for each in said.get("parameters", [])],
        takes=_body(document, "", said["requestBody"]) if "requestBody" in said else None,
        gives=[_body(document, s, r) for s, r in responses.items() if s < "300"],
        errors=[status for status in responses if status >= "300"],
        example=_example(path, method, said),
    )


def _parameter(said: Json) -> Named:
    schema = said["schema"]
    return Named(
        said["name"],
        _kind(schema),
        " ".join(part for part in (said.get("description", ""), _choices(schema)) if part),
        said.get("required", False),
        said["in"],
    )


def _choices(schema: Json) -> str:
    values = schema.get("enum") or schema.get("items", {}).get("enum")
    return f"One of: {', '.join(str(value) for value in values if value)}." if values else ""


def _kind(schema: Json) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "allOf" in schema:
        return _kind(schema["allOf"][0])
    if schema.get("type") == "array":
        return f"{_kind(schema['items'])}[]"
    kind = str(schema.get("type", "any"))
    shape = {"date-time": "time", "uri": "address", "email": "e-mail", "binary": "file"}
    return shape.get(schema.get("format", ""), kind)


def _body(document: Json, status: str, said: Json) -> Body:
    for content in said.get("content", {}).values():
        schema = _resolved(document, content["schema"])
        is_list = set(schema.get("properties", {})) == {"next", "previous", "results"}
        if is_list:
            schema = _resolved(document, schema["properties"]["results"]["items"])
        members = list(_members(document, schema))
        return Body(status, said.get("description", ""), members, is_list)
    return Body(status, said.get("description", ""))


def _members(document: Json, schema: Json) -> Iterator[Named]:
    required = schema.get("required", [])
    for name, member in schema.get("properties", {}).items():
        says = [member.get("description", ""), _choices(member)]
        yield Named(name, _kind(member), " ".join(s for s in says if s), name in required)


def _resolved(document: Json, schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rsplit("/", 1)[-1]
    found: Json = document["components"]["schemas"][name]
    return found


def _example(path: str, method: str, said: Json) -> str:
    """The operation as a command of curl."""
    address = settings.BASE_URL + path
    for name, value in (("{number}", "12"), ("{slug}", "base"), ("{attachment_id}", "3")):
        address = address.replace(name, value)
    address = address.replace("{token_id}", "5")
    words = ["curl"] if method == "get" else [f"curl -X {method.upper()}"]
    if {} not in said.get("security", [{}]) or path.endswith(("/me/", "/tokens/")):
        words.append("-H 'Authorization: Bearer gw_…'")
    content = said.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        words.append("-F file=@dmesg.txt")
    elif content:
        words += ["-H 'Content-Type: application/json'", f"-d '{_sample(content)}'"]
    return " \\\n  ".join([*words, address])


def _sample(content: Json) -> str:
    examples = content.get("application/json", {}).get("examples", {})
    for example in examples.values():
        return json.dumps(example["value"], ensure_ascii=False, indent=2).replace("\n", "\n  ")
    return "{…}"


def _limits() -> list[tuple[str, int, str]]:
    words = {3600: "an hour", 60: "a minute"}
    rates = [(name, rate_of(name)) for name in RATES]
    return [(n.replace("_", " "), r.most, words.get(r.seconds, f"{r.seconds} s")) for n, r in rates]
