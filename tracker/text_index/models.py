"""The tables of the index. Terms stand in them as numbers: see `keys.key_of`.

A shelf is a product's problems of one confidentiality. It stands before the problem in the index,
so that a question about one product reads its rows alone, and what a reader may not know of is
never read, ranked or counted.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from tracker.models import Problem, Product


class Posting(models.Model):
    """A problem's text holds a term.

    `weight` is how much its synopsis and description speak of it, in thousandths (see
    `weights.weigh`); 0 when only the comments do, or the far end of a long text. The table is
    its own index: migration 0006 makes it WITHOUT ROWID on SQLite and gives it a covering primary
    key on PostgreSQL.
    """

    pk = models.CompositePrimaryKey("term", "shelf", "problem")
    term = models.BigIntegerField()
    shelf = models.IntegerField()
    # No foreign key: checking it would read each problem once per term. `services.forget` is
    # called where a problem goes.
    problem = models.BigIntegerField()
    weight = models.SmallIntegerField()

    class Meta:
        app_label = "tracker"

    def __str__(self) -> str:
        return f"#{self.problem} holds {self.term}"


class IndexedText(models.Model):
    """What the index holds of one problem: which rows to take back, and what to compare it by.

    `title`, `body` and `rest` are packed keys (`keys.pack`) of different terms: those of the
    synopsis, those of the description and how to repeat that the synopsis has not, and those that
    only the comments have, or the far end of a long text.
    """

    problem = models.OneToOneField(
        Problem, models.CASCADE, primary_key=True, related_name="indexed"
    )
    shelf = models.IntegerField()
    title = models.BinaryField()
    body = models.BinaryField()
    rest = models.BinaryField()
    # Of the rules by which text became terms; older rows are made anew.
    edition = models.SmallIntegerField()

    class Meta:
        app_label = "tracker"
        indexes: ClassVar = [models.Index(fields=["edition", "problem"], name="indexed_by_edition")]

    def __str__(self) -> str:
        return f"terms of #{self.problem_id}"


class Frequency(models.Model):
    """In how many public problems of a product a term stands; `keys.ALL` counts the problems.

    Confidential ones are left out, so that no order and no score tells of their words.
    """

    pk = models.CompositePrimaryKey("term", "product")
    product = models.ForeignKey(Product, models.CASCADE, related_name="+", db_index=False)
    term = models.BigIntegerField()
    problems = models.IntegerField()

    class Meta:
        app_label = "tracker"

    def __str__(self) -> str:
        return f"{self.term} in {self.problems}"


class FrequencyChange(models.Model):
    """Terms that came to or went from the public problems of a product, yet to be counted.

    Reports would wait for each other at the rows of common words, and could lock each other out;
    so each leaves a note here in its own transaction, and one task counts them.
    """

    product = models.ForeignKey(Product, models.CASCADE, related_name="+")
    # Packed keys; one that stands n times counts n times.
    came = models.BinaryField()
    went = models.BinaryField()

    class Meta:
        app_label = "tracker"

    def __str__(self) -> str:
        return f"change {self.pk} of the frequencies of {self.product_id}"
