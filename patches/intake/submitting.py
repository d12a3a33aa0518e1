"""Patches as they come: the first version, those that supersede it, and what is said about them.

Every function is one transaction, takes the acting person and the door, and asks the rights itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from patches import on_problems, owners
from patches.events import record
from patches.locking import lock, lock_problems, lock_with_problems, refuse_decided
from patches.models import (
    BRANCH_CHARS,
    TITLE_CHARS,
    WAITING,
    Patch,
    PatchComponent,
    PatchEvent,
    PatchFix,
    PatchVersion,
)
from patches.owners import requests
from patches.parsed import ParsedPatch
from patches.policies import may, visible_patches
from patches.versions.comparisons import follow_up
from patches.versions.storing import Source, digest_of, store_version
from patches.waiting import demand, turns
from tracker.changes import Conflict
from tracker.drafts import Faults, check_line, check_text, nearest
from tracker.models import Component, Door, Problem, Product
from tracker.policies import visible_problems
from tracker.text import clean_line, is_blank

# How people call the main branch, for which a patch says nothing.
MAIN: Final = frozenset({"main", "master"})
FIXES_AT_MOST: Final = 100


@transaction.atomic
def submit(  # noqa: PLR0913 - each is something that a door may know
    parsed: ParsedPatch,
    submitter: Person,
    door: Door,
    product: Product,
    *,
    title: str = "",
    description: str = "",
    fixes: Iterable[Problem] = (),
    target: str = "",
    is_confidential: bool = False,
    author: Person | None = None,
    source: Source = None,
    note: str = "",
) -> Patch:
    """A new patch with its first version.

    Title and description are those of the patch unless given. `author` is the submitter unless
    the caller knows otherwise, and not from a line in the patch alone, which anybody can write.
    Raises `DraftErrors` with every fault, and `Denied`.
    """
    require(may("patch.submit", submitter))
    faults = Faults()
    problems = _check_fixes(fixes, submitter, faults)
    if not product.is_active:
        faults.add("product", f"“{product.slug}” takes no new patches any more.")
    patch = Patch(product=product, submitter=submitter, is_confidential=is_confidential)
    patch.author = author or submitter
    patch.author_name = _author_name(parsed, patch.author)
    _check_parsed(parsed, faults)
    words = title or _title_of(parsed), description or parsed.description
    _set_words(patch, *words, target, faults)
    note = check_text("note", note, faults)
    faults.raise_if_any()
    return _store(patch, parsed, submitter, door, problems, source, note)


def refuse_doubled(parsed: ParsedPatch, submitter: Person, product: Product, target: str) -> None:
    """Raise `Conflict` where a patch with this content waits for the same branch already.

    Of those that `submitter` may know of. Of two who submit the same at once the second is told:
    it holds the row of the product until the transaction ends.
    """
    Product.objects.select_for_update().get(pk=product.pk)
    branch = _check_target(target, Faults())
    newest = {"versions__number": F("latest"), "versions__content": parsed.content}
    waiting = visible_patches(submitter).filter(WAITING, product=product, target=branch)
    known = waiting.filter(**newest).order_by("pk").first()
    if known is not None:
        raise Conflict(
            f"Patch {known.pk} changes the same and waits already. Say there what you have to add."
        )


def _store(
    patch: Patch,
    parsed: ParsedPatch,
    submitter: Person,
    door: Door,
    problems: list[Problem],
    source: Source,
    note: str,
) -> Patch:
    held = lock_problems(problem.pk for problem in problems)
    patch.save()
    for problem in held:
        PatchFix.objects.create(patch=patch, problem=problem, added_by=submitter)
    version = store_version(patch, parsed, submitter, door, before=None, note=note, source=source)
    patch.latest = 1
    add_components(patch, [*_components_of(patch, parsed.paths), *(p.component for p in held)])
    demand.recount([patch])
    turns.settle(patch)
    on_problems.tell(patch, submitter, door, f"came: “{patch.title}”")
    record(patch, PatchEvent.Kind.SUBMITTED, submitter, door, version=version)
    requests.ask_owners(patch, door)
    return patch


@transaction.atomic
def add_version(
    patch: Patch,
    parsed: ParsedPatch,
    submitter: Person,
    door: Door,
    *,
    note: str = "",
    source: Source = None,
) -> PatchVersion:
    """The next version, which supersedes the one before. The newest is returned where it says the
    same; what an earlier one said is a new version, as whoever sends it goes back to that.

    Other content waits for a review anew; the same content on another base keeps all that was said.
    Raises `DraftErrors`, `Denied`, and `Conflict` for a patch that was decided.
    """
    require(may("patch.add_version", submitter, patch))
    faults = Faults()
    _check_parsed(parsed, faults)
    note = check_text("note", note, faults)
    faults.raise_if_any()
    locked = lock(patch)
    newest: PatchVersion = locked.versions.get(number=locked.latest)
    if newest.sha256 == digest_of(parsed):
        return newest
    refuse_decided(locked, "Open it again to send another version, or submit a new patch.")
    version = _follow(locked, parsed, submitter, door, note, source)
    patch.refresh_from_db()
    return version


def _follow(
    patch: Patch, parsed: ParsedPatch, submitter: Person, door: Door, note: str, source: Source
) -> PatchVersion:
    now, turn_before = timezone.now(), patch.turn
    before = patch.versions.get(number=patch.latest)
    version = store_version(patch, parsed, submitter, door, before=before, note=note, source=source)
    patch.latest, patch.changed_at = version.number, now
    is_changed = version.content_since == version.number
    if is_changed:
        patch.content_since = version.number
        turns.start_anew(patch, now)
    _move_components(patch, before, parsed.paths)
    turns.settle(patch, now)
    record(
        patch,
        PatchEvent.Kind.VERSION,
        submitter,
        door,
        turn_before=turn_before,
        version=version,
        data={"number": version.number, "is_same_content": not is_changed},
    )
    requests.ask_owners(patch, door)
    follow_up(patch, before, version)
    return version


def _components_of(patch: Patch, paths: Sequence[str]) -> list[Component]:
    return owners.components_of(patch.product, paths)


def add_components(patch: Patch, components: Iterable[Component]) -> None:
    """Have a patch belong to these, too; those of another product are left out."""
    wanted = {each.pk for each in components if each.product_id == patch.product_id}
    rows = [PatchComponent(patch=patch, component_id=pk) for pk in sorted(wanted)]
    PatchComponent.objects.bulk_create(rows, ignore_conflicts=True)


def _move_components(patch: Patch, before: PatchVersion, paths: list[str]) -> None:
    """The components of other paths; what somebody added by hand, or a fix, stays."""
    old = {each.pk for each in _components_of(patch, before.paths)}
    new = _components_of(patch, paths)
    kept = {each.pk for each in new} | set(patch.fixes.values_list("component", flat=True))
    PatchComponent.objects.filter(patch=patch, component__in=old - kept).delete()
    add_components(patch, new)


@transaction.atomic
def edit(
    patch: Patch,
    actor: Person,
    door: Door,
    *,
    title: str | None = None,
    description: str | None = None,
    target: str | None = None,
    fixes: Iterable[Problem] | None = None,
    is_confidential: bool | None = None,
    components: Iterable[Component] | None = None,
) -> PatchEvent | None:
    """Change what is said about a patch; what is None stays. None when everything was so already.

    `fixes` and `components` are all there shall be; fixes that `actor` cannot see stay.
    Raises `DraftErrors` with every fault, `Denied`, and `Conflict`.
    """
    faults = Faults()
    numbers = set(patch.fixes.values_list("pk", flat=True))
    wanted = None if fixes is None else _check_fixes(fixes, actor, faults, numbers)
    locked, _ = lock_with_problems(patch, [problem.pk for problem in wanted or ()])
    before, turn_before = _said(locked), locked.turn
    _set_words(locked, title, description, target, faults)
    locked.is_confidential = locked.is_confidential if is_confidential is None else is_confidential
    faults.raise_if_any()
    if wanted is not None:
        _set_fixes(locked, actor, door, wanted)
    if components is not None:
        _set_components(locked, components)
    changes = _differences(before, _said(locked))
    if not changes:
        return None
    _ask_rights(patch, actor, changes)
    event = _keep_edit(locked, actor, door, turn_before, changes)
    patch.refresh_from_db()
    return event


def _set_words(
    patch: Patch, title: str | None, description: str | None, target: str | None, faults: Faults
) -> None:
    if title is not None:
        patch.title = check_line("title", title, TITLE_CHARS, faults)
        if is_blank(patch.title):
            faults.add("title", "Say in one line what it changes.")
    if description is not None:
        patch.description = check_text("description", description, faults)
    if target is not None:
        patch.target = _check_target(target, faults)


def _ask_rights(patch: Patch, actor: Person, changes: list[dict[str, Any]]) -> None:
    for field in {change["field"] for change in changes}:
        right = "set_confidential" if field == "is_confidential" else "edit"
        require(may(f"patch.{right}", actor, patch))


def _keep_edit(
    patch: Patch, actor: Person, door: Door, turn_before: str, changes: list[dict[str, Any]]
) -> PatchEvent:
    patch.changed_at = timezone.now()
    turns.settle(patch)
    kind, data = PatchEvent.Kind.CHANGED, {"changes": changes}
    event = record(patch, kind, actor, door, turn_before=turn_before, data=data)
    # Of other fixes others may be the owners, and of an opened patch others may know.
    requests.ask_owners(patch, door)
    return event


def _said(patch: Patch) -> dict[str, Any]:
    """What can be edited, as the history keeps it. Its readers see those of the fixes that they may
    know of."""
    return {
        "title": patch.title,
        "description": patch.description,
        "target": patch.target,
        "is_confidential": patch.is_confidential,
        "fixes": list(patch.fixes.order_by("pk").values_list("pk", flat=True)),
        "components": list(patch.components.order_by("slug").values_list("slug", flat=True)),
    }


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"field": name, "old": before[name], "new": after[name]}
        for name in before
        if before[name] != after[name]
    ]


def _set_fixes(patch: Patch, actor: Person, door: Door, wanted: list[Problem]) -> None:
    """Add and take away fixes; the problems hear of it."""
    seen = visible_problems(actor).filter(patches=patch)
    had = {problem.pk: problem for problem in seen.select_related("component")}
    gone = [problem for number, problem in had.items() if problem not in wanted]
    new = [problem for problem in wanted if problem.pk not in had]
    on_problems.tell(patch, actor, door, "no longer a fix", problems=gone)
    PatchFix.objects.filter(patch=patch, problem__in=gone).delete()
    for problem in new:
        PatchFix.objects.get_or_create(patch=patch, problem=problem, defaults={"added_by": actor})
    add_components(patch, [problem.component for problem in new])
    on_problems.tell(patch, actor, door, f"came: “{patch.title}”", problems=new)
    demand.recount([patch])


def _set_components(patch: Patch, components: Iterable[Component]) -> None:
    wanted = list(components)
    PatchComponent.objects.filter(patch=patch).exclude(component__in=wanted).delete()
    add_components(patch, wanted)


def follow_problem(problem: Problem) -> None:
    """Have the patches for a problem belong to its component, too, after that was changed."""
    for patch in Patch.objects.filter(fixes=problem, is_waiting=True).order_by("pk"):
        add_components(patch, [problem.component])


def named_problems(parsed: ParsedPatch, person: Person) -> list[Problem]:
    """The problems that the words of a patch name as fixed, as far as `person` may know of them."""
    numbers = list(parsed.named_problems)[:FIXES_AT_MOST]
    return list(visible_problems(person).filter(pk__in=numbers).order_by("pk"))


def _check_parsed(parsed: ParsedPatch, faults: Faults) -> None:
    if not any(commit.files for commit in parsed.commits):
        faults.add("patch", "It changes no file. Send a diff, or the output of git format-patch.")


def _check_fixes(
    fixes: Iterable[Problem], person: Person, faults: Faults, had: Iterable[int] = ()
) -> list[Problem]:
    """Those that `person` may know of. Others that it `had` are passed over: they stay."""
    numbers = sorted({problem.pk for problem in fixes})
    if len(numbers) > FIXES_AT_MOST:
        faults.add("fixes", f"Name {FIXES_AT_MOST} problems at the most.")
        return []
    rows = visible_problems(person).filter(pk__in=numbers).select_related("component")
    found = {problem.pk: problem for problem in rows.order_by("pk")}
    for number in numbers:
        if number not in found and number not in had:
            faults.add("fixes", f"There is no problem #{number}.")
    return list(found.values())


def check_components(product: Product, slugs: Iterable[str], faults: Faults) -> list[Component]:
    """The components of `product` that are named, each once."""
    known = {each.slug: each for each in product.components.order_by("slug")}
    wanted = dict.fromkeys(slugs)
    for slug in wanted:
        if slug not in known:
            faults.add("components", f"There is no component “{slug[:50]}”.{nearest(slug, known)}")
    return [known[slug] for slug in wanted if slug in known]


def _check_target(target: str, faults: Faults) -> str:
    line = check_line("target", target, BRANCH_CHARS, faults)
    return "" if line in MAIN else line


def _title_of(parsed: ParsedPatch) -> str:
    """A line for a patch of which nobody said what it is."""
    subject = next((commit.subject for commit in parsed.commits if commit.subject), "")
    line = clean_line((parsed.title or subject)[: 8 * TITLE_CHARS])
    if not is_blank(line):
        return line[:TITLE_CHARS]
    paths = parsed.paths or ["nothing"]
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"Change to {paths[0][: TITLE_CHARS - 50]}{more}"


def _author_name(parsed: ParsedPatch, author: Person) -> str:
    """The name in the patch, where it is not the address of the account."""
    name = clean_line(parsed.author_name[:1000])[:200]
    return "" if parsed.author_email.lower() == author.email.lower() else name
