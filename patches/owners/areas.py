"""Who looks after which files of a product, and so who is asked about a patch.

For each path the closest rule decides, and alone:

1. the maintainers file: its longest rule (MAINTAINERS) or its last (CODEOWNERS). One that wants
   nobody asked is followed; one that names nobody who is here leaves it to the components;
2. else the components that declare the path: those with the longest pattern that covers it, whose
   maintainers are asked.

A patch of which no path has anybody is for the maintainers of its components: those of the problems
that it fixes, and those that somebody said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from accounts.models import Person, Role, read_roles
from patches.models import ComponentPath, MaintainersFile, Patch
from patches.owners import codeowners, maintainers
from patches.owners.people import find_people
from patches.owners.rules import Rule, Rules
from tracker.models import Component, Maintainership, Product

# As many areas a reason names.
NAMED: Final = 3


@dataclass(frozen=True)
class Owner:
    """Somebody who looks after `paths` ("" is all of a patch), and why in one sentence."""

    person: Person
    reason: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """What made somebody an owner, in words that follow on each other."""

    person: Person
    words: str


@dataclass(frozen=True)
class Finding:
    """What decides for one path. `rules` are those of the maintainers file, also where none of
    the names in them is anybody's here; `components` is empty where the file decides."""

    path: str
    rules: tuple[Rule, ...]
    components: tuple[ComponentPath, ...]
    sources: tuple[Source, ...]

    @property
    def is_nobodys(self) -> bool:
        """Whether a line of the file wants nobody asked."""
        return any(rule.is_nobodys for rule in self.rules)


@lru_cache(maxsize=16)
def rules_of(file_format: str, text: str) -> Rules:
    """A maintainers file, read once for as long as it stays as it is."""
    is_codeowners = file_format == MaintainersFile.Format.CODEOWNERS
    return codeowners.parse(text) if is_codeowners else maintainers.parse(text)


@lru_cache(maxsize=32)
def _rules_of_components(patterns: tuple[str, ...]) -> Rules:
    """Rules whose line is the place in `patterns`; those that mean nothing are left out."""
    return codeowners.parse_patterns(patterns)


def owners_of(product: Product, paths: Sequence[str]) -> list[Owner]:
    """Exactly those who look after any of `paths`, by handle. A constant number of queries."""
    return owners_of_findings(find(product, paths))


def components_of(product: Product, paths: Sequence[str]) -> list[Component]:
    """The components to which any of `paths` belongs, by slug.

    A path belongs to those with the longest pattern that covers it: what `net` has of `kernel`'s
    folder is not the kernel's.
    """
    found = {row.component for rows in _declared(product, paths).values() for row in rows}
    return sorted(found, key=lambda component: component.slug)


def owners_of_patch(patch: Patch) -> list[Owner]:
    """Who is to be asked about the newest version of a patch, its author among them."""
    paths = patch.versions.get(number=patch.latest).paths
    return owners_of(patch.product, paths) or _of_components(patch, paths)


def find(product: Product, paths: Sequence[str]) -> list[Finding]:
    """What decides for each of `paths`, in their order."""
    file = MaintainersFile.objects.filter(product=product).first()
    rules = rules_of(file.format, file.text) if file else Rules((), ())
    closest = {path: rules.closest(path) for path in paths}
    decisive = {rule for found in closest.values() for rule in found}
    known = find_people(name for rule in decisive for name in rule.names)
    left = [path for path, found in closest.items() if _leaves_it(found, known)]
    declared = _declared(product, left)
    rows = {row.component_id: row for found in declared.values() for row in found}
    maintained = _maintainers_of(rows)
    return [
        _finding(path, closest[path], declared.get(path, ()), known, maintained) for path in closest
    ]


def _leaves_it(rules: Sequence[Rule], known: Mapping[str, Person]) -> bool:
    """Whether the file says nothing of a path that could be followed."""
    if any(rule.is_nobodys for rule in rules):
        return False
    return not any(name.lower() in known for rule in rules for name in rule.names)


def _finding(
    path: str,
    rules: tuple[Rule, ...],
    declared: tuple[ComponentPath, ...],
    known: Mapping[str, Person],
    maintained: Mapping[int, Sequence[Person]],
) -> Finding:
    named = [
        Source(known[name.lower()], f"named for {rule.text} (line {rule.line})")
        for rule in rules
        for name in rule.names
        if name.lower() in known
    ]
    by_component = [
        Source(person, f"maintains {row.component.slug} ({row.pattern})")
        for row in declared
        for person in maintained[row.component_id]
    ]
    return Finding(path, rules, declared, (*named, *by_component))


def _declared(product: Product, paths: Sequence[str]) -> dict[str, tuple[ComponentPath, ...]]:
    """The declarations that decide, by path, for those of `paths` that have any."""
    if not paths:
        return {}
    rows = list(
        ComponentPath.objects.filter(component__product=product, component__is_active=True)
        .select_related("component")
        .order_by("component__slug", "id")
    )
    rules = _rules_of_components(tuple(row.pattern for row in rows))
    found = {path: tuple(rows[rule.line] for rule in rules.closest(path)) for path in paths}
    return {path: declared for path, declared in found.items() if declared}


def _maintainers_of(components: Iterable[int]) -> dict[int, list[Person]]:
    """By component, people who can be asked, by handle; their roles are loaded."""
    found: dict[int, list[Person]] = {pk: [] for pk in components}
    if not found:
        return found
    rows = Maintainership.objects.filter(
        component__in=list(found), person__is_active=True, person__email_confirmed_at__isnull=False
    )
    pairs = list(rows.select_related("person").order_by("person__handle"))
    read_roles([row.person for row in pairs])
    for row in pairs:
        if not row.person.has_role(Role.MACHINE):
            found[row.component_id].append(row.person)
    return found


def _of_components(patch: Patch, paths: Sequence[str]) -> list[Owner]:
    """Those who maintain what the fixed problems are about, or to what somebody said that the patch
    belongs: not by its paths, for which the rules have spoken."""
    by_paths = [component.pk for component in components_of(patch.product, paths)]
    fixed = [each.component for each in patch.fixes.select_related("component").order_by("number")]
    # Without its number: the reason stays when the problem is one of which not all may know.
    said = patch.components.exclude(pk__in=by_paths).order_by("slug")
    why = dict.fromkeys(said, "to which it belongs")
    why |= dict.fromkeys(fixed, "of which it fixes a problem")
    maintained = _maintainers_of([component.pk for component in why])
    findings = [
        Source(person, f"maintains {component.slug}, {reason}")
        for component, reason in why.items()
        for person in maintained[component.pk]
    ]
    # Of the patch as a whole: of no path more than of others.
    return owners_of_findings([Finding("", (), (), tuple(findings))])


def owners_of_findings(findings: Iterable[Finding]) -> list[Owner]:
    """By person, what of all findings is theirs."""
    people: dict[int, Person] = {}
    words: dict[int, dict[str, None]] = {}
    paths: dict[int, dict[str, None]] = {}
    for finding in findings:
        for source in finding.sources:
            pk = source.person.pk
            people.setdefault(pk, source.person)
            words.setdefault(pk, {})[source.words] = None
            paths.setdefault(pk, {})[finding.path] = None
    found = [
        Owner(person, sentence(list(words[pk])), tuple(paths[pk])) for pk, person in people.items()
    ]
    return sorted(found, key=lambda owner: owner.person.handle.lower())


def sentence(words: Sequence[str]) -> str:
    """Reasons as one sentence: the first of them, and how many there are besides."""
    more = f", and {len(words) - NAMED} more" if len(words) > NAMED else ""
    said = "; ".join(words[:NAMED]) + more
    return f"{said[:1].upper()}{said[1:]}."
