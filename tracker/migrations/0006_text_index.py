"""The text index. `Posting` is the one large table of the tracker (some seventy rows a problem), so
its rows live in the index that they are read by, as each database can.
"""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

POSTING = """
CREATE TABLE tracker_posting (
    term bigint NOT NULL,
    shelf integer NOT NULL,
    problem bigint NOT NULL,
    weight smallint NOT NULL,
    PRIMARY KEY (term, shelf, problem) {covering}
) {storage}
"""


def create_posting(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        # Rows come in lots: without the larger threshold each import would be analysed many times.
        storage = "WITH (autovacuum_vacuum_insert_scale_factor = 0.05)"
        schema_editor.execute(POSTING.format(covering="INCLUDE (weight)", storage=storage))
    else:
        schema_editor.execute(POSTING.format(covering="", storage="WITHOUT ROWID"))


def drop_posting(apps, schema_editor):
    schema_editor.execute("DROP TABLE tracker_posting")


class Migration(migrations.Migration):
    dependencies: ClassVar = [("tracker", "0005_clocks_pause_and_know_their_setting")]

    operations: ClassVar = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(create_posting, drop_posting)],
            state_operations=[
                migrations.CreateModel(
                    name="Posting",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "term",
                                "shelf",
                                "problem",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("term", models.BigIntegerField()),
                        ("shelf", models.IntegerField()),
                        ("problem", models.BigIntegerField()),
                        ("weight", models.SmallIntegerField()),
                    ],
                ),
            ],
        ),
        migrations.CreateModel(
            name="IndexedText",
            fields=[
                (
                    "problem",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="indexed",
                        serialize=False,
                        to="tracker.problem",
                    ),
                ),
                ("shelf", models.IntegerField()),
                ("title", models.BinaryField()),
                ("body", models.BinaryField()),
                ("rest", models.BinaryField()),
                ("edition", models.SmallIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["edition", "problem"], name="indexed_by_edition")],
            },
        ),
        migrations.CreateModel(
            name="Frequency",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "term",
                        "product",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tracker.product",
                    ),
                ),
                ("term", models.BigIntegerField()),
                ("problems", models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="FrequencyChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("came", models.BinaryField()),
                ("went", models.BinaryField()),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tracker.product",
                    ),
                ),
            ],
        ),
    ]
