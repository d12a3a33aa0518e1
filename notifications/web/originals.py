"""The message behind a comment or report, and the page that says what one can do by mail."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from notifications.gate import originals
from notifications.gate.addresses import is_open, report_address
from notifications.gate.commands import COMMANDS
from notifications.gate.models import IncomingMail
from notifications.gate.patch_commands import patch_usages
from notifications.policies import may_of_mail
from patches.reviews import dimensions
from tracker.models import Product
from tracker.web.pages import page, signed_in


@require_safe
@never_cache
@signed_in
def original(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The text of a message; masked for those whose it is not."""
    row = _row(request, pk, "original.read")
    may_take = bool(may_of_mail("original.take", request.user, row))
    raw = originals.bytes_of(row)
    shown = originals.shown(row, raw, is_whole=may_take) if raw is not None else None
    context = {"row": row, "original": shown, "may_take": may_take}
    return render(request, "notifications/original.html", context)


@require_safe
@never_cache
@signed_in
def raw(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The message as it came, as a download that no browser runs."""
    content = originals.bytes_of(_row(request, pk, "original.take"))
    if content is None:
        raise Http404
    return HttpResponse(
        content,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="mail-{pk}.eml"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _row(request: HttpRequest, pk: int, action: str) -> IncomingMail:
    """Fetch and authorise at once: that there is a message is nothing that others may know."""
    rows = originals.visible_originals(request.user)
    row = get_object_or_404(rows.select_related("problem", "comment", "person"), pk=pk)
    if not may_of_mail(action, request.user, row):
        raise Http404
    return row


@require_safe
@page
def mail_help(request: HttpRequest) -> HttpResponse:
    """What one can do by mail here, and how."""
    products = Product.objects.filter(is_active=True).prefetch_related("components")
    first = next((p for p in products if p.components.all()), None)
    example = report_address(first.slug, first.components.all()[0].slug) if first else ""
    context = {
        "is_open": is_open(),
        "report_address": report_address(),
        "example": example,
        "commands": COMMANDS.values(),
        "patch_commands": patch_usages({each.slug: each for each in dimensions.USUAL}),
    }
    return render(request, "notifications/mail_help.html", context)
