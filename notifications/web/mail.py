"""Mail to the tracker, as a person sees it: what waits for their word, who they are known by."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Person
from notifications.gate import held as holding
from notifications.gate import processing, senders
from notifications.gate.addresses import NoSuchAddress, ReplyTo, is_open, read_recipient
from notifications.gate.addresses import report_address as address_of_reports
from notifications.gate.models import HeldMail, IncomingMail, ReplyRevocation
from notifications.web.mail_in import before_of
from tracker.models import Problem
from tracker.policies import visible_problems
from tracker.text import number_of
from tracker.web.pages import person_of, signed_in

SHOWN = 50


@require_safe
@never_cache
@signed_in
def my_mail(request: HttpRequest) -> HttpResponse:
    """Held mails, known senders, and the way to make reply addresses void."""
    person = person_of(request)
    held = list(holding.waiting_for(person, before_of(request))[:SHOWN])
    context = {
        "is_open": is_open(),
        "report_address": address_of_reports(),
        "held": [_line(each) for each in held],
        "next_url": f"?before={held[-1].pk}" if len(held) == SHOWN else "",
        "senders": person.known_senders.order_by("address", "dkim_domain")[:SHOWN],
        "revoked_at": _revoked_at(person),
    }
    return render(request, "notifications/mail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def confirm(request: HttpRequest, secret: str) -> HttpResponseBase:
    """The question whether a mail is theirs. The link is the right to answer; a GET only asks."""
    held = holding.find(secret)
    if held is None:
        return render(request, "notifications/mail_unknown.html", status=404)
    return _question(request, held)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
def held_mail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The same question, asked of who is signed in."""
    mine = HeldMail.objects.select_related("incoming__problem", "person")
    return _question(request, get_object_or_404(mine, pk=pk, person=person_of(request)))


@require_POST
@signed_in
def forget_sender(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask again about mails of one address."""
    if not senders.forget(person_of(request), pk):
        raise Http404("You have confirmed no such sender.")
    messages.success(request, "You are asked again when a mail comes from that address.")
    return redirect("my-mail")


@require_POST
@signed_in
def void_replies(request: HttpRequest) -> HttpResponseBase:
    """Make the reply addresses void: those of the problem that is named, or all."""
    person = person_of(request)
    named = request.POST.get("number", "").strip().removeprefix("#")
    if request.POST.get("what") != "all":
        problem = _problem(person, named)
        if problem is None:
            messages.error(request, "There is no such problem: write its number, such as 123.")
            return redirect("my-mail")
        senders.revoke_replies(person, problem)
        messages.success(request, f"Your reply addresses for #{problem.pk} are void.")
        return redirect("my-mail")
    senders.revoke_replies(person)
    messages.success(
        request, "All your reply addresses are void. Mails of the next hour bring new ones."
    )
    return redirect("my-mail")


def _problem(person: Person, named: str) -> Problem | None:
    return visible_problems(person).filter(pk=number_of(named)).first()


def _revoked_at(person: Person) -> object:
    row = ReplyRevocation.objects.filter(person=person, problem=None).first()
    return row.revoked_at if row is not None else None


# The question


def _question(request: HttpRequest, held: HeldMail) -> HttpResponseBase:
    if held.incoming.state != IncomingMail.State.HELD:
        return render(request, "notifications/mail_settled.html", _settled(held))
    if held.expires_at <= timezone.now():
        return render(request, "notifications/mail_unknown.html", status=410)
    answer = request.POST.get("answer", "")
    if request.method == "POST" and answer in {"mine", "not mine"}:
        act = processing.confirm if answer == "mine" else processing.disown
        act(held)
        # Whoever was quicker: the page says how it ended.
        return HttpResponseRedirect(request.path)
    status = 400 if request.method == "POST" else 200
    return render(request, "notifications/mail_question.html", _asked(held), status=status)


def _asked(held: HeldMail) -> dict[str, object]:
    """What would be done, for its person to look at."""
    mail = processing.read(held.incoming).mail
    return {
        "held": held,
        "mail": mail,
        "where": _where(held),
        "files": [file.name or "a file without a name" for file in mail.files],
        "is_known_later": bool(held.dkim_domain),
    }


def _settled(held: HeldMail) -> dict[str, object]:
    incoming = held.incoming
    problem = incoming.problem
    if problem is not None and not visible_problems(held.person).filter(pk=problem.pk).exists():
        problem = None
    return {
        "problem": problem,
        "outcome": incoming.outcome,
        "is_done": incoming.state == IncomingMail.State.DONE,
        "is_dropped": incoming.outcome == holding.DISOWNED,
    }


def _where(held: HeldMail) -> str:
    """What the mail is to, in words that give away nothing but what its address holds."""
    try:
        recipient = read_recipient(held.incoming.recipient)
    except NoSuchAddress:
        return "an address that is void by now"
    if isinstance(recipient, ReplyTo) and recipient.patch:
        return f"patch {recipient.patch}"
    if isinstance(recipient, ReplyTo):
        return f"problem #{recipient.problem}" if recipient.problem else "no problem"
    return "a new report"


@dataclass(frozen=True)
class _Line:
    """One held mail of the page."""

    held: HeldMail
    subject: str
    where: str


def _line(held: HeldMail) -> _Line:
    return _Line(held, held.incoming.subject or "no subject", _where(held))
