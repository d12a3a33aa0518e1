"""Changes to the dimensions in which a product has its patches rated, and to its branches' rules.

Each function asks for the right of the acting person (`by`), holds the row of the product, and
raises `DraftErrors` with every fault at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils.text import slugify

from accounts.models import Person
from accounts.policies import require
from patches.intake.submitting import MAIN
from patches.models import BRANCH_CHARS, BranchRule, RatingDimension, Requirement
from patches.policies import may
from patches.reviews import dimensions, needs
from patches.reviews.dimensions import Dimension
from patches.reviews.needs import Needed
from tracker.changes import Conflict
from tracker.drafts import Faults, check_choice, check_line
from tracker.models import Product
from tracker.text import is_blank

MOST_DIMENSIONS: Final = 20
MOST_RULES: Final = 50
MOST_PARTS: Final = 12
MOST_PEOPLE: Final = 20
DIMENSION_TITLE_CHARS: Final = 60
SLUG_CHARS: Final = 30


@dataclass(frozen=True)
class DimensionWords:
    """A dimension as a form has it."""

    title: str
    is_objection: bool = False
    has_minus: bool = False
    asks_environment: bool = False
    voided_by: str = ""


@dataclass(frozen=True)
class PartWords:
    """A part of a rule as a form has it; without a dimension it is none."""

    dimension: str = ""
    count: str = "1"
    by: str = ""
    different: str = ""


@dataclass(frozen=True)
class Rule:
    """A rule as pages tell it: `words` say what it asks for. `pk` is 0 for the usual one."""

    pk: int
    branch: str
    words: str


def rules_of(product: Product) -> list[Rule]:
    """The rules of a product in their order, and last what holds where none matches."""
    known = dimensions.by_slug(product)
    rows = product.branch_rules.order_by("position", "id").prefetch_related("requirements")
    found = [Rule(row.pk, row.branch, words_of(needs.parts_of(row), known)) for row in rows]
    return [*found, Rule(0, "", words_of(needs.USUAL, known))]


def words_of(parts: Iterable[Needed], known: Mapping[str, Dimension]) -> str:
    """One or two sentences that say what a rule asks for, in the words of `needs`."""
    asked = [part for part in parts if part.dimension in known]
    wanted = [needs.in_words(part, known[part.dimension]) for part in asked if part.count]
    never = [f"“{known[part.dimension].title}”" for part in asked if not part.count]
    sentences = [f"Needs {needs.join(wanted)}."] if wanted else []
    if never:
        sentences.append(f"Nobody may speak against it in {' or '.join(never)}.")
    return " ".join(sentences) or "Needs nothing but a committer who integrates it."


# Dimensions


@transaction.atomic
def add_dimension(product: Product, by: Person, words: DimensionWords) -> RatingDimension:
    """A new one, after the others."""
    rows = _own(product, by)
    faults = Faults()
    row = RatingDimension(product=product, position=len(rows))
    _fill(row, words, faults)
    row.slug = slugify(row.title)[:SLUG_CHARS].strip("-")
    if row.title and not row.slug:
        faults.add("title", "Give it a title with letters or digits.")
    if row.slug in {each.slug for each in rows}:
        faults.add("title", f"There is one called “{row.slug}” already.")
    if len(rows) >= MOST_DIMENSIONS:
        faults.add("title", f"A product has at most {MOST_DIMENSIONS} dimensions. Remove another.")
    faults.raise_if_any()
    row.save()
    return row


@transaction.atomic
def update_dimension(product: Product, by: Person, slug: str, words: DimensionWords) -> None:
    """Change one; what people said in it stays."""
    row = _one(_own(product, by), slug)
    faults = Faults()
    _fill(row, words, faults)
    faults.raise_if_any()
    row.save()


@transaction.atomic
def remove_dimension(product: Product, by: Person, slug: str) -> None:
    """Ask for it no more; what people said in it stays in the histories.

    Raises `Conflict` where it is the last, or a rule asks for it.
    """
    rows = _own(product, by)
    row = _one(rows, slug)
    asking = Requirement.objects.filter(rule__product=product, dimension=slug)
    rule = asking.select_related("rule").first()
    if rule is not None:
        raise Conflict(f"The rule for {rule.rule} asks for “{row.title}”. Change that one first.")
    if len(rows) == 1:
        raise Conflict("It is the last one. Add another first, or change this one.")
    row.delete()
    _number([each for each in rows if each.pk != row.pk])


@transaction.atomic
def move_dimension(product: Product, by: Person, slug: str, step: int) -> None:
    """Up (-1) or down (+1) among the others; at the ends it stays."""
    rows = _own(product, by)
    _number(_moved(rows, _one(rows, slug), step))


def _own(product: Product, by: Person) -> list[RatingDimension]:
    """The product's own rows, made of the usual ones where it has none; in their order."""
    hold(product, by)
    rows = list(product.rating_dimensions.order_by("position", "id"))
    if rows:
        return rows
    made = [
        RatingDimension(
            product=product,
            position=position,
            slug=usual.slug,
            title=usual.title,
            is_objection=usual.is_objection,
            has_minus=usual.has_minus,
            asks_environment=usual.asks_environment,
            voided_by=usual.voided_by,
        )
        for position, usual in enumerate(dimensions.USUAL)
    ]
    RatingDimension.objects.bulk_create(made)
    return list(product.rating_dimensions.order_by("position", "id"))


def hold(product: Product, by: Person) -> None:
    """Until the transaction ends nobody else changes them, also before there is a row to lock.

    For who reads them first, and then says what to change. Raises `Denied`.
    """
    require(may("patch.manage", by))
    Product.objects.select_for_update().get(pk=product.pk)


def _one(rows: Iterable[RatingDimension], slug: str) -> RatingDimension:
    found = next((row for row in rows if row.slug == slug), None)
    if found is None:
        raise Conflict("Somebody else has removed it meanwhile.")
    return found


def _fill(row: RatingDimension, words: DimensionWords, faults: Faults) -> None:
    row.title = check_line("title", words.title, DIMENSION_TITLE_CHARS, faults)
    if is_blank(row.title) and "title" not in faults.errors:
        faults.add("title", "Give it a title.")
    row.is_objection = words.is_objection
    row.has_minus = words.has_minus and not words.is_objection
    row.asks_environment = words.asks_environment
    values = RatingDimension.VoidedBy.values
    row.voided_by = check_choice("voided_by", words.voided_by, values, faults, "content")


# Rules


@transaction.atomic
def add_rule(product: Product, by: Person, branch: str, parts: Sequence[PartWords]) -> BranchRule:
    """A rule for the branches that match a pattern; it is asked after those that are there."""
    hold(product, by)
    faults = Faults()
    rows = list(product.branch_rules.order_by("position", "id"))
    rule = BranchRule(product=product, position=len(rows))
    rule.branch = _check_branch(branch, rows, faults)
    checked = _check_parts(product, parts, faults)
    if len(rows) >= MOST_RULES:
        faults.add("branch", f"A product has at most {MOST_RULES} rules. Remove another.")
    faults.raise_if_any()
    rule.save()
    _set_parts(rule, checked)
    return rule


@transaction.atomic
def update_rule(rule: BranchRule, by: Person, branch: str, parts: Sequence[PartWords]) -> None:
    """Give a rule another pattern, or have it ask for something else."""
    hold(rule.product, by)
    faults = Faults()
    others = rule.product.branch_rules.exclude(pk=rule.pk)
    rule.branch = _check_branch(branch, others, faults)
    checked = _check_parts(rule.product, parts, faults)
    faults.raise_if_any()
    rule.save()
    rule.requirements.all().delete()
    _set_parts(rule, checked)


@transaction.atomic
def remove_rule(rule: BranchRule, by: Person) -> None:
    """For its branches holds what else matches, or the usual."""
    hold(rule.product, by)
    product = rule.product
    rule.delete()
    _number(product.branch_rules.order_by("position", "id"))


@transaction.atomic
def move_rule(rule: BranchRule, by: Person, step: int) -> None:
    """Of several rules that match, the first holds."""
    hold(rule.product, by)
    rows = list(rule.product.branch_rules.order_by("position", "id"))
    _number(_moved(rows, rule, step))


def _check_branch(branch: str, others: Iterable[BranchRule], faults: Faults) -> str:
    line = check_line("branch", branch, BRANCH_CHARS, faults)
    line = "" if line in MAIN else line
    if line in {each.branch for each in others}:
        faults.add("branch", f"There is a rule for {line or 'main'} already. Change that one.")
    if re.search(r"\s", line):
        faults.add("branch", "A branch has no spaces. Make one rule for each pattern.")
    return line


def _check_parts(product: Product, parts: Sequence[PartWords], faults: Faults) -> list[Needed]:
    known = dimensions.by_slug(product)
    found = [_check_part(n, part, known, faults) for n, part in enumerate(parts) if part.dimension]
    checked = [part for part in found if part is not None]
    keys = [(part.dimension, part.by, part.count) for part in checked]
    if len(set(keys)) < len(keys):
        faults.add("parts", "The same is asked for twice. Remove one of them.")
    if len(parts) > MOST_PARTS:
        faults.add("parts", f"A rule asks for at most {MOST_PARTS} things.")
    return checked


def _check_part(
    place: int, part: PartWords, known: Mapping[str, Dimension], faults: Faults
) -> Needed | None:
    """What one row of the form asks for. Its faults are named `<field>_<place>`."""
    dimension = known.get(part.dimension)
    if dimension is None:
        faults.add(f"dimension_{place}", "Choose one of the product’s dimensions.")
        return None
    count = _check_count(place, part.count, faults)
    by = _choice(f"by_{place}", part.by or needs.By.ANYBODY, needs.By.values, faults)
    values = needs.Different.values
    different = _choice(f"different_{place}", part.different, values, faults)
    if dimension.is_objection and count:
        faults.add(f"count_{place}", f"“{dimension.title}” speaks against a patch: ask for 0.")
    if different and not dimension.asks_environment:
        faults.add(f"different_{place}", f"“{dimension.title}” does not ask where.")
    return Needed(part.dimension, count, needs.By(by), needs.Different(different))


def _choice(name: str, word: str, choices: Iterable[str], faults: Faults) -> str:
    if word in choices:
        return word
    faults.add(name, "Choose one of those offered.")
    return next(iter(choices))


def _check_count(place: int, typed: str, faults: Faults) -> int:
    if not typed.strip():
        return 1
    if re.fullmatch(r"[0-9]{1,3}", typed.strip(), re.ASCII) and int(typed) <= MOST_PEOPLE:
        return int(typed)
    faults.add(f"count_{place}", f"Give a whole number from 0 to {MOST_PEOPLE}.")
    return 1


def _set_parts(rule: BranchRule, parts: Iterable[Needed]) -> None:
    for part in parts:
        Requirement.objects.create(
            rule=rule,
            dimension=part.dimension,
            count=part.count,
            by=part.by,
            different=part.different,
        )


def _moved(rows: Sequence[Any], row: Any, step: int) -> list[Any]:
    """The rows with one of them a place further; at the ends it stays."""
    order = [each for each in rows if each.pk != row.pk]
    at = next((n for n, each in enumerate(rows) if each.pk == row.pk), 0)
    order.insert(max(0, min(at + step, len(order))), row)
    return order


def _number(rows: Iterable[Any]) -> None:
    """Positions from 0 on."""
    for position, row in enumerate(rows):
        if row.position != position:
            row.position = position
            row.save(update_fields=["position"])
