"""The index says what the text says, whatever happens to a problem."""

from __future__ import annotations

from collections import Counter

import pytest

from accounts.models import Person
from tests.problems import make_problem, make_product
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change, comment
from tracker.text_index.keys import ALL, key_of
from tracker.text_index.models import Frequency, FrequencyChange, IndexedText, Posting
from tracker.text_index.services import count_frequencies, index_missing

pytestmark = pytest.mark.django_db


def numbers_with(term: str) -> list[int]:
    return sorted(Posting.objects.filter(term=key_of(term)).values_list("problem", flat=True))


def counted(product: Product, term: str) -> int:
    """In how many problems of the product the term stands, as far as everybody may know."""
    while count_frequencies():
        pass
    key = key_of(term) if term else ALL
    row = Frequency.objects.filter(product=product, term=key).first()
    return row.problems if row else 0


def edit(problem: Problem, actor: Person, **asked: object) -> None:
    change(problem, actor, ProblemChange(**asked), Door.WEB)  # type: ignore[arg-type]


def test_a_report_is_found_by_its_words_at_once(product: Product) -> None:
    problem = make_problem(
        product, synopsis="Panic in ifconfig", description="A zebra.", how_to_repeat="Walk a yak."
    )
    for term in ("panic", "ifconfig", "zebra", "yak"):
        assert numbers_with(term) == [problem.pk]


def test_a_comment_leads_to_its_problem_but_weighs_nothing(
    problem: Problem, outsider: Person
) -> None:
    comment(problem, outsider, "Same with a quagga", Door.WEB)
    comment(problem, outsider, "And two quaggas", Door.WEB)
    row = Posting.objects.get(term=key_of("quagga"))
    assert (row.problem, row.weight) == (problem.pk, 0)


def test_words_that_were_edited_out_are_gone_and_not_counted(
    product: Product, reporter: Person, outsider: Person
) -> None:
    problem = make_problem(product, reporter, synopsis="Zebra fails", description="It does.")
    make_problem(product, synopsis="Zebra crosses")
    comment(problem, outsider, "My okapi too", Door.WEB)
    assert (counted(product, "zebra"), counted(product, "")) == (2, 2)
    edit(problem, reporter, synopsis="Quagga fails")
    assert problem.pk not in numbers_with("zebra")
    assert numbers_with("quagga") == numbers_with("okapi") == [problem.pk]
    assert (counted(product, "zebra"), counted(product, "quagga")) == (1, 1)
    assert counted(product, "") == 2


def test_a_term_that_no_problem_holds_leaves_no_row(product: Product, reporter: Person) -> None:
    problem = make_problem(product, reporter, synopsis="Zebra fails")
    assert counted(product, "zebra") == 1
    edit(problem, reporter, synopsis="Horse fails")
    assert counted(product, "zebra") == 0
    assert not Frequency.objects.filter(term=key_of("zebra")).exists()


def test_frequencies_tell_nothing_of_confidential_problems(
    product: Product, triager: Person
) -> None:
    make_problem(product, synopsis="Zebra hole", is_confidential=True)
    problem = make_problem(product, synopsis="Zebra leak")
    assert (counted(product, "zebra"), counted(product, "hole"), counted(product, "")) == (1, 0, 1)
    edit(problem, triager, is_confidential=True)
    assert (counted(product, "zebra"), counted(product, "")) == (0, 0)
    edit(problem, triager, is_confidential=False)
    assert (counted(product, "zebra"), counted(product, "")) == (1, 1)


def test_a_problem_that_moves_takes_its_words_to_the_other_product(
    product: Product, triager: Person
) -> None:
    problem = make_problem(product, synopsis="Zebra fails")
    other = make_product("ports", "kernel")
    edit(problem, triager, product="ports")
    assert (counted(product, "zebra"), counted(other, "zebra")) == (0, 1)
    assert numbers_with("zebra") == [problem.pk]
    assert IndexedText.objects.get().shelf == Posting.objects.get(term=key_of("zebra")).shelf


def test_a_change_that_is_no_text_costs_the_index_nothing(
    problem: Problem, triager: Person
) -> None:
    counted(problem.product, "")
    edit(problem, triager, severity="critical")
    assert not FrequencyChange.objects.exists()


def test_what_was_loaded_past_the_index_is_indexed_later(problem: Problem) -> None:
    before = Counter(Posting.objects.values_list("term", "shelf", "problem", "weight"))
    Posting.objects.all().delete()
    IndexedText.objects.all().delete()
    assert (index_missing(), index_missing()) == (1, 0)
    assert Counter(Posting.objects.values_list("term", "shelf", "problem", "weight")) == before


def test_rows_of_older_rules_are_made_anew(problem: Problem) -> None:
    IndexedText.objects.update(edition=0, body=b"")
    assert (index_missing(), index_missing()) == (1, 0)
    assert len(IndexedText.objects.get().body) > 0
