"""What all views of the API share: JSON in and out, limits, and conditional reading."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from django.conf import settings
from django.http import HttpResponseBase, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from rest_framework.exceptions import NotAuthenticated, NotFound, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.limits import asker, spend
from accounts.api.problems import LengthRequired, TooLarge
from accounts.models import Person
from accounts.policies import as_person

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HALF: Final = re.compile("[\ud800-\udfff]")


class Renderer(JSONRenderer):
    """JSON in one form only, so that an `ETag` stands for one sequence of bytes."""

    def get_indent(self, accepted_media_type: str, renderer_context: Any) -> None:
        return None


class Parser(JSONParser):
    """JSON of bounded size and depth, whose text can be kept and sent back."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return _whole(super().parse(stream, media_type, parser_context))
        except RecursionError as error:
            raise ParseError("This JSON is nested too deeply.") from error


def _whole(value: Any) -> Any:
    """Halves of surrogate pairs, which JSON can say and UTF-8 cannot, become U+FFFD."""
    if isinstance(value, str):
        return value if value.isascii() else _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(each) for name, each in value.items()}
    return value


class AlwaysJson(BaseContentNegotiation):
    """There is one form of each answer, whatever `Accept` says."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        from rest_framework.negotiation import DefaultContentNegotiation

        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: Any = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type or ""


class ApiView(APIView):
    """A view whose every answer is JSON or a problem document.

    `limits` names, by method, the limit that a request is counted against; reading is counted as
    "read" and everything else as "write". `most_bytes` is the largest body taken.
    """

    renderer_classes: Sequence[type[BaseRenderer]] = (Renderer,)
    parser_classes: Sequence[type[BaseParser]] = (Parser,)
    content_negotiation_class = AlwaysJson
    limits: ClassVar[dict[str, str]] = {}
    cache_control: ClassVar[str] = "private, no-cache"

    @property
    def most_bytes(self) -> int:
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self._refuse_length(request)
        if any("\0" in each for each in kwargs.values() if isinstance(each, str)):
            # PostgreSQL cannot be asked for it.
            raise NotFound("There is nothing here, or nothing that you may see.")
        super().initial(request, *args, **kwargs)

    def _refuse_length(self, request: Request) -> None:
        length = request.META.get("CONTENT_LENGTH") or ""
        if not length and request.META.get("HTTP_TRANSFER_ENCODING"):
            raise LengthRequired
        if length.isdigit() and int(length) > self.most_bytes:
            raise TooLarge(f"At most {self.most_bytes:,} bytes are taken here.")

    def check_throttles(self, request: Request) -> None:
        method = request.method or ""
        usual = "read" if method in READING else "write"
        spend(self.limits.get(method, usual), asker(request))

    def finalize_response(  # type: ignore[override]
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        answer = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(answer, ["Authorization", "Cookie"])
        answer.headers.setdefault("Cache-Control", self.cache_control)
        if request.method in {"GET", "HEAD"} and answer.status_code == 200:
            return with_etag(request, answer)
        return answer


def with_etag(request: Request, answer: HttpResponseBase) -> HttpResponseBase:
    """The answer under its `ETag`, or 304 when the client has just that."""
    if isinstance(answer, Response):
        answer.headers["ETag"] = etag_of(answer.data)
    etag = answer.headers.get("ETag")
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if not etag or not ("*" in known or etag in {each.removeprefix("W/") for each in known}):
        return answer
    unchanged = HttpResponseNotModified()
    for name in ("ETag", "Vary", "Cache-Control", "Content-Location", "Expires"):
        if name in answer.headers:
            unchanged.headers[name] = answer.headers[name]
    answer.close()
    return unchanged


def etag_of(data: Any) -> str:
    """The strong `ETag` of a representation: a digest of the very bytes that are sent."""
    return f'"{hashlib.sha256(Renderer().render(data)).hexdigest()[:32]}"'


def person_of(request: Request) -> Person:
    """Who is signed in. Raises 401 for nobody."""
    person = as_person(request.user)
    if person is None:
        raise NotAuthenticated("Sign in to do this: send a token, or sign in on the web.")
    return person


class Unknown(ApiView):
    """Any address of the API that means nothing."""

    schema = None
    http_method_names = [  # noqa: RUF012
        "get", "head", "post", "put", "patch", "delete", "options", "trace",
    ]  # fmt: skip

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        path = request.path
        hint = "" if path.endswith("/") else " Addresses end with a slash."
        raise NotFound(f"There is no {path[:200]} here.{hint} /api/v1/ lists what there is.")
