"""What the web's doors share: who may come in, where to go next, and doing things once."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import IdempotentRequest, Person
from accounts.policies import Denied
from tracker.models import Problem
from tracker.policies import visible_problems

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def page(view: View[P]) -> View[P]:
    """Answer `Denied` as a page: the way to sign in for strangers, the reason for others."""

    @wraps(view)
    def answered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except Denied as denied:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            return render(request, "403.html", {"reason": denied.reason}, status=403)

    return answered


def signed_in(view: View[P]) -> View[P]:
    """A page of which strangers see only the way to sign in, and then come back."""

    @wraps(view)
    def answered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        return page(view)(request, *args, **kwargs)

    return answered


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page, and from there back to where the person was."""
    back = request.get_full_path() if request.method == "GET" else _sent_from(request)
    address = f"{resolve_url('account_login')}?{urlencode({'next': back})}"
    if is_htmx(request):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def _sent_from(request: HttpRequest) -> str:
    """The page whose form was sent: as the form says, or else as the browser does."""
    referer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referer, {request.get_host()}, request.is_secure()):
        return safe_next(request, "/")
    came = urlsplit(referer)
    return safe_next(request, urlunsplit(("", "", came.path or "/", came.query, "")))


def is_htmx(request: HttpRequest) -> bool:
    """Whether a fragment is wanted and not a page."""
    return request.headers.get("HX-Request") == "true"


def safe_next(request: HttpRequest, default: str) -> str:
    """Where the form says to go next, if that is a page of this site."""
    wanted = request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # A bare word would be taken for the name of a page.
    return wanted if wanted.startswith("/") and here else default


def person_of(request: HttpRequest) -> Person:
    """Who is signed in; raises `Denied` when nobody is."""
    if isinstance(request.user, Person) and request.user.is_active:
        return request.user
    raise Denied("Sign in to do this.")


def the_problem(
    request: HttpRequest, number: int, rows: Callable[[QuerySet[Problem]], QuerySet[Problem]]
) -> Problem:
    """Fetch and authorise at once: what a person may not know of is not there."""
    return get_object_or_404(rows(visible_problems(request.user)), pk=number)


def with_place(rows: QuerySet[Problem]) -> QuerySet[Problem]:
    """With what rights and most pages look at."""
    return rows.select_related("product", "component", "reporter", "release")


def new_form_token() -> str:
    """Goes into a form as a hidden field, so that sending it twice does its work once."""
    return uuid.uuid4().hex


def once(
    request: HttpRequest, make: Callable[[], str], uploads: Iterable[UploadedFile] = ()
) -> str:
    """The address to go to after a form: made by its first arrival, repeated to later ones.

    The same form with other words is another form: whoever goes back and corrects means it. All
    of `make` is one transaction.
    """
    person = person_of(request)
    key = f"form:{_fingerprint(request, uploads)}"
    try:
        with transaction.atomic():
            row = IdempotentRequest.objects.create(
                person=person, key=key, fingerprint=key[5:], status=302
            )
            address = make()
            row.headers = {"Location": address}
            row.save(update_fields=["headers"])
            return address
    except IntegrityError:
        first = IdempotentRequest.objects.filter(person=person, key=key).first()
        if first is None:
            raise
        return str(first.headers["Location"])


def _fingerprint(request: HttpRequest, uploads: Iterable[UploadedFile]) -> str:
    said: list[Any] = [request.path]
    said += sorted((k, v) for k, v in request.POST.lists() if k != "csrfmiddlewaretoken")
    said += [(upload.name, upload.size) for upload in uploads]
    return hashlib.sha256(repr(said).encode()).hexdigest()
