"""What the mail about a patch says: what happened, with the lines that are talked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.conf import settings
from django.utils.safestring import SafeString

from accounts.models import Person
from notifications.deeds import Offer
from notifications.digests.schedule import zone
from notifications.events.mail import CONFIDENTIAL, html_of
from notifications.gate import addresses
from notifications.gate.marker import REPLY_ABOVE
from notifications.models import Message, PatchTelling, Reason
from notifications.patches import deeds
from notifications.plain import paragraphs, wrap
from patches.models import Patch, PatchEvent, PatchVersion, Review, ReviewRequest
from patches.policies import visible_patches
from patches.reading.suggestions import segments
from patches.reviews import dimensions, needs
from patches.reviews.dimensions import Dimension
from patches.reviews.talk import Remark, rated, remarks_on
from patches.waiting import turns
from patches.waiting.listing import STANDING
from tracker.models import Component, Problem
from tracker.policies import visible_problems
from tracker.text import clean_line

Kind = PatchEvent.Kind

# Of the lines that a comment is about, and of what a version changed, so much is shown.
QUOTED_LINES: Final = 12
CHANGED_LINES: Final = 60
LINE_CHARS: Final = 200
REMARKS: Final = 50

LIST_GROUND: Final = "list"
_REASONS: Final = {
    Reason.AUTHOR: "it is your patch",
    Reason.SUBMITTER: "you brought this patch",
    Reason.REVIEWER: "you reviewed this patch, or said that you will",
    Reason.ASKED: "you are asked to review this patch",
    Reason.MAINTAINER: "you maintain what this patch changes",
}
_RELATED: Final = ("actor", "person", "version", "review", "patch__product")


@dataclass(frozen=True)
class Part:
    """A part of a comment: words, or what it suggests as the rows of a diff."""

    words: str = ""
    code: str = ""

    @property
    def body(self) -> SafeString:
        """The words as HTML."""
        return html_of(self.words)

    def as_text(self) -> str:
        """In plain text."""
        return indented(self.code) if self.code else wrap(self.words.strip("\n"))


@dataclass(frozen=True)
class Quote:
    """A comment on lines: where, the lines unless a suggestion shows them, and what it says."""

    where: str
    lines: Sequence[str] = ()
    parts: Sequence[Part] = ()

    @property
    def code(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)

    def as_text(self) -> list[str]:
        """Its paragraphs in plain text."""
        lines = [f"    > {line}" for line in self.lines]
        end = ":" if self.parts else "."
        return ["\n".join([f"{self.where}{end}", *lines]), *(each.as_text() for each in self.parts)]


@dataclass(frozen=True)
class PatchHappening:
    """What somebody did to a patch, in words; `code` is what a new version changed."""

    headline: str
    text: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)
    code: str = ""

    @property
    def body(self) -> SafeString:
        """Its text as HTML."""
        return html_of(self.text)

    def cut(self, most: int) -> PatchHappening:
        """The same in short: no more than so many characters of its text, and no code."""
        text = self.text
        if len(text) > most:
            text = f"{text[:most].rpartition(' ')[0] or text[:most]} …"
        more = f"{len(self.quotes)} comments on lines" if self.quotes else ""
        facts = [*self.facts, *([("and", more)] if more else [])]
        return replace(self, text=text, facts=facts, quotes=[], code="")

    def as_text(self) -> list[str]:
        """Its paragraphs in plain text."""
        has_more = self.text or self.quotes or self.code
        return [
            wrap(f"{self.headline}{':' if has_more else '.'}"),
            wrap(self.text),
            "\n".join(wrap(f"{name}: {value}") for name, value in self.facts),
            *(part for quote in self.quotes for part in quote.as_text()),
            indented(self.code),
        ]


@dataclass(frozen=True)
class PatchWords:
    """The parts of the mail, in the words of its reader; `fixes` are those that they may know."""

    patch: Patch
    # The product, with its component where it is one alone.
    place: str
    happenings: list[PatchHappening]
    fixes: list[Problem]
    stands: str
    ground: str
    reason: str
    stop_label: str
    stop_url: str
    takes_answers: bool = False
    offers: list[Offer] = field(default_factory=list)
    act_url: str = ""

    @property
    def url(self) -> str:
        return f"{settings.BASE_URL}{self.patch.get_absolute_url()}"

    @property
    def title(self) -> str:
        return f"patch {self.patch.pk}: {clean_line(self.patch.title)}"

    @property
    def subject(self) -> str:
        return f"[{self.place}] {self.title}"

    @property
    def is_confidential(self) -> bool:
        return self.patch.is_confidential or any(each.is_confidential for each in self.fixes)

    @property
    def marker(self) -> str:
        return REPLY_ABOVE if self.takes_answers else ""

    @property
    def how_to_answer(self) -> str:
        if not self.takes_answers:
            return ""
        if not self.patch.is_waiting:
            return "Reply to comment."
        if self.ground in {Reason.AUTHOR, Reason.SUBMITTER}:
            return "Reply to comment; a diff in your reply is the next version."
        return "Reply to comment; a line “!works amd64” above it says that it works there."

    @property
    def help_url(self) -> str:
        """Where all that one can do by mail is told."""
        return f"{settings.BASE_URL}/mail/help"

    @property
    def why(self) -> str:
        """Why it came, as a sentence."""
        who = "This list gets" if self.ground == LIST_GROUND else "You get"
        return f"{who} this because {self.reason}."

    @property
    def base_url(self) -> str:
        return settings.BASE_URL

    @property
    def fixed(self) -> str:
        """The problems that it fixes, as a line."""
        return ", ".join(f"#{each.pk} {clean_line(each.synopsis)}" for each in self.fixes)

    def as_text(self) -> str:
        """The whole in plain text; lines of ours fit 72 columns."""
        how = [wrap(self.how_to_answer), f"More by mail: {self.help_url}"]
        foot = [
            "-- ",
            wrap(self.title),
            *([CONFIDENTIAL] if self.is_confidential else []),
            *([wrap(f"Fixes {self.fixed}")] if self.fixes else []),
            self.url,
            wrap(self.stands),
            *([f"Claim it, snooze it, or say that it is not yours:\n{self.act_url}"]
              if self.act_url else []),
            *(how if self.takes_answers else []),
            "",
            wrap(self.why),
            f"{self.stop_label}:",
            self.stop_url,
        ]  # fmt: skip
        said = (part for each in self.happenings for part in each.as_text())
        return paragraphs([self.marker, *said, "\n".join(foot)])

    def for_html(self) -> dict[str, Any]:
        """What the template prints."""
        settings_url = f"{settings.BASE_URL}/my/subscriptions/"
        return {"words": self, "title": self.title, "settings_url": settings_url}


def told_by(message: Message) -> list[PatchEvent]:
    """What is left to tell of the events of a person's message, the oldest first; each with its
    patch as its reader may see it now."""
    tellings = PatchTelling.objects.filter(message=message)
    rows = PatchEvent.objects.filter(pk__in=tellings.values("event"))
    told = list(rows.select_related(*_RELATED).order_by("pk"))
    seen = visible_patches(message.person).filter(pk__in={event.patch_id for event in told})
    patches = {p.pk: p for p in seen.select_related("product", "author", "submitter")}
    muted = set(_muted(message))
    told = [e for e in told if e.patch_id in patches and e.patch_id not in muted]
    for event in told:
        event.patch = patches[event.patch_id]
    return _left_of(told, message.person)


def _muted(message: Message) -> list[int]:
    if message.person is None:
        return []
    return list(message.person.muted_patches.values_list("patch", flat=True))


def _left_of(told: Sequence[PatchEvent], person: Person | None) -> list[PatchEvent]:
    """Without what is not so any more: what was asked of nobody now, what was undone."""
    last = {(e.patch_id, e.kind in _ENDS): e.pk for e in told}
    asked = STANDING.filter(person=person, patch__in={e.patch_id for e in told})
    standing = set(asked.values_list("patch", flat=True)) if person is not None else set[int]()
    return [e for e in told if _still_says_something(e, last, standing)]


_ENDS: Final = frozenset({Kind.DECIDED, Kind.REOPENED})


def _still_says_something(
    event: PatchEvent, last: dict[tuple[int, bool], int], standing: set[int]
) -> bool:
    patch = event.patch
    if event.kind == Kind.ASKED:
        return patch.is_waiting and patch.pk in standing
    if event.kind == Kind.ESCALATED:
        return patch.is_waiting and not patch.is_reviewed
    if event.kind in _ENDS:
        is_so = (event.kind == Kind.DECIDED) != patch.is_waiting
        return is_so and last[patch.pk, True] == event.pk
    return True


def patch_words(message: Message, events: Sequence[PatchEvent], stop_url: str) -> PatchWords:
    """What `events` of one patch, at least one, mean to the message's reader."""
    patch, person = events[0].patch, message.person
    assert person is not None  # noqa: S101 - those of lists have words of their own
    tellings = PatchTelling.objects.filter(message=message).order_by("-event")
    reasons = [Reason(each.reason) for each in tellings]
    ground = min(reasons, key=list(_REASONS).index)
    is_asked = any(event.kind in {Kind.ASKED, Kind.ESCALATED} for event in events)
    allowed = deeds.allowed_deeds(person, patch) if is_asked else ()
    return PatchWords(
        patch=patch,
        place=_place(patch),
        happenings=happenings(events, person),
        fixes=_fixes(patch, person),
        stands=_stands(patch),
        ground=ground,
        reason=_REASONS[ground],
        stop_label="Stop mails about this patch",
        stop_url=stop_url,
        takes_answers=addresses.is_open(),
        offers=deeds.offers(person.pk, patch.pk, allowed),
        act_url=deeds.choice_url(person.pk, patch.pk) if allowed else "",
    )


def list_words(event: PatchEvent, component: Component) -> PatchWords:
    """What the list of `component` reads of a patch that nobody reviews."""
    patch = event.patch
    place = f"{component.product}/{component}"
    return PatchWords(
        patch=patch,
        place=place,
        happenings=happenings([event], None),
        fixes=_fixes(patch, None),
        stands=_stands(patch),
        ground=LIST_GROUND,
        reason=f"it is the list of {place}",
        stop_label="Which list it is",
        stop_url=f"{settings.BASE_URL}/products/{component.product.slug}/edit",
    )


def _place(patch: Patch) -> str:
    slugs = list(patch.components.order_by("slug").values_list("slug", flat=True)[:2])
    return f"{patch.product.slug}/{slugs[0]}" if len(slugs) == 1 else patch.product.slug


def _fixes(patch: Patch, person: Person | None) -> list[Problem]:
    seen = visible_problems(person).filter(patches=patch)
    return list(seen.only("number", "synopsis", "is_confidential").order_by("pk"))


def _stands(patch: Patch) -> str:
    return f"{turns.turn_words(patch)} {needs.sentence(patch)}".strip()


def happenings(events: Sequence[PatchEvent], person: Person | None) -> list[PatchHappening]:
    """Each of `events` in words, with the time where there are several."""
    remarks = remarks_on(e.review_id for e in events if e.review_id is not None)
    known = {e.patch.product_id: dimensions.by_slug(e.patch.product) for e in events}
    found = []
    for event in events:
        when = ""
        if len(events) > 1 and person is not None:
            at = event.at.astimezone(zone(person.time_zone))
            when = f" ({at.day} {at:%B}, {at:%H:%M})"
        found.append(
            PatchHappening(
                headline=f"{headline(event)}{when}",
                text=_text(event),
                facts=_facts(event, known[event.patch.product_id], person),
                quotes=_quotes(remarks.get(event.review_id or 0, [])),
                code=_code(event),
            )
        )
    return found


def headline(event: PatchEvent) -> str:
    """What happened, in a line, such as "rita reviewed version 2 and asks for changes"."""
    if event.kind == Kind.ESCALATED:
        return f"Nobody has reviewed this patch for {event.data.get('days', 14)} days"
    if event.kind == Kind.ASKED and event.actor is None:
        return "You are asked to review this patch"
    who = clean_line(event.actor.handle) if event.actor is not None else "Groundswell"
    return f"{who} {_deed(event)}"


def _deed(event: PatchEvent) -> str:
    version = f"version {event.version.number}" if event.version is not None else "it"
    data = event.data
    if event.kind == Kind.VERSION:
        return f"sent {version}" + (", the same on another base" if _is_same(event) else "")
    if event.kind == Kind.REVIEWED:
        return _deed_of_review(event, version)
    if event.kind == Kind.DECIDED:
        commit = f" as {str(data.get('commit', ''))[:12]}" if data.get("commit") else ""
        return f"{data.get('state', 'decided')} it{commit}"
    if event.kind == Kind.CHANGED:
        names = [str(change["field"]).removeprefix("is_") for change in data.get("changes", ())]
        return f"changed its {' and '.join(names) or 'description'}"
    if event.kind == Kind.RESOLVED:
        return "resolved a thread" if data.get("resolved") else "opened a thread again"
    return {
        Kind.SUBMITTED: "brought this patch",
        Kind.RATED: f"rated {version}",
        Kind.ASKED: "asks you to review this patch",
        Kind.REOPENED: "opened it again",
        Kind.CLAIMED: "will review it",
    }.get(Kind(event.kind), f"did something to {version}")


def _deed_of_review(event: PatchEvent, version: str) -> str:
    if event.data.get("verdict") == Review.Verdict.CHANGES:
        return f"reviewed {version} and asks for changes"
    if event.patch.is_by(event.actor) or not (
        event.data.get("comments") or event.data.get("ratings")
    ):
        return "commented"
    return f"reviewed {version}"


def _is_same(event: PatchEvent) -> bool:
    return bool(event.data.get("is_same_content"))


def _text(event: PatchEvent) -> str:
    if event.review is not None:
        return event.review.text
    if event.kind in {Kind.ASKED, Kind.ESCALATED, Kind.SUBMITTED}:
        return event.patch.description
    if event.kind == Kind.VERSION and event.version is not None:
        return event.version.note
    return str(event.data.get("note", ""))


def _facts(
    event: PatchEvent, known: dict[str, Dimension], person: Person | None
) -> list[tuple[str, str]]:
    data = event.data
    found = [("rating", _in_words(each, known)) for each in data.get("ratings", ())]
    if event.kind == Kind.ASKED and person is not None:
        request = ReviewRequest.objects.filter(patch=event.patch_id, person=person).first()
        found.append(("why you", request.reason if request is not None else ""))
    if event.kind in {Kind.ASKED, Kind.ESCALATED, Kind.SUBMITTED}:
        found += _about(event.patch)
    if event.kind == Kind.VERSION and event.version is not None:
        found.append(("changes", _size(event.version)))
    if event.kind == Kind.DECIDED:
        found.append(("still lacked", "; ".join(map(str, data.get("lacked", ())))))
    return [(name, clean_line(value)) for name, value in found if value]


def _in_words(said: dict[str, Any], known: dict[str, Dimension]) -> str:
    """ "Works here, 15.0/amd64: passes traffic"."""
    word = rated(said, known)
    place = f", {word.place}" if word.place else ""
    return f"{word.words}{place}" + (f": {word.note}" if word.note else "")


def _about(patch: Patch) -> list[tuple[str, str]]:
    # A name in a patch can be anybody's: it stands beside the account, never in its place.
    author = patch.author.handle if patch.author is not None else ""
    if author and patch.author_name:
        author += f" (“{patch.author_name}” in the patch)"
    version = patch.versions.filter(number=patch.latest).first()
    people = f"{patch.demand} {'person' if patch.demand == 1 else 'people'}"
    return [
        ("by", author or patch.author_name),
        ("for", patch.target),
        ("wanted by", people if patch.demand else ""),
        ("changes", _size(version) if version is not None else ""),
    ]


def _size(version: PatchVersion) -> str:
    count = version.files_count
    files = f"{count} file{'' if count == 1 else 's'}"
    lines = f"{version.added} line{'' if version.added == 1 else 's'} added"
    return f"{files}, {lines} and {version.removed} removed"


def _quotes(remarks: Sequence[Remark]) -> list[Quote]:
    found = [_quote(remark) for remark in remarks[:REMARKS]]
    left = len(remarks) - len(found)
    return [*found, *([Quote(f"and {left} more on its page")] if left else [])]


def _quote(remark: Remark) -> Quote:
    place = remark.place
    where = "On lines that are gone"
    if place is not None:
        span = (
            f"line {place.start}"
            if place.start == place.end
            else f"lines {place.start}–{place.end}"
        )
        where = f"{place.path or 'Commit message'}, {span}" if place.start else place.path
    is_whole = place is not None and not place.start
    text = remark.comment.thread.lines
    lines = [] if is_whole else [_shown(line) for line in text.split("\n")]
    said = segments(remark.comment.text)
    parts = [Part(each.words, _suggested(lines, each.lines)) for each in said]
    shows_lines = any(each.code for each in parts)
    return Quote(where, [] if shows_lines else _cut(lines, QUOTED_LINES), parts)


def _suggested(old: Sequence[str], new: Sequence[str] | None) -> str:
    """A suggestion as a small diff; "" where it is none."""
    if new is None:
        return ""
    rows = [*(f"-{line}" for line in old), *(f"+{_shown(line)}" for line in new)]
    return "\n".join(_cut(rows, CHANGED_LINES))


def _code(event: PatchEvent) -> str:
    """What a version changed against the one before, as git says it; "" while nobody compared."""
    version = event.version
    if event.kind != Kind.VERSION or version is None or _is_same(event):
        return ""
    lines = [_shown(line) for line in version.changes.rstrip("\n").split("\n")]
    return "\n".join(_cut(lines, CHANGED_LINES))


def _shown(line: str) -> str:
    """A line of somebody's file: no control characters, and not without end."""
    kept = "".join(c for c in line.rstrip("\r\n") if c == "\t" or c.isprintable())
    return kept if len(kept) <= LINE_CHARS else f"{kept[:LINE_CHARS]}…"


def indented(code: str) -> str:
    """Code as mails have it in plain text."""
    return "\n".join(f"    {line}".rstrip() for line in code.split("\n"))


def _cut(lines: list[str], most: int) -> list[str]:
    left = len(lines) - most
    return [*lines[:most], f"… {left} more lines"] if left > 0 else lines
