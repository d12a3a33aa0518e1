"""Indexes of the outbox hold only the rows that are looked for by them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0006_index_the_outbox_by_kind_and_domain"),
        ("tracker", "0008_components_have_a_list_address"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="message",
            name="told_of_an_event_once",
        ),
        migrations.RemoveConstraint(
            model_name="message",
            name="told_of_a_bulk_change_once",
        ),
        migrations.AlterField(
            model_name="digestdelivery",
            name="subscription",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="notifications.digestsubscription",
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="bulk_change",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tracker.bulkchange",
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="event",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tracker.event",
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="message_id",
            field=models.CharField(max_length=200),
        ),
        migrations.AlterField(
            model_name="message",
            name="problem",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tracker.problem",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("event__isnull", False)),
                fields=["event"],
                name="message_by_event",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("problem__isnull", False)),
                fields=["problem"],
                name="message_by_problem",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("bulk_change__isnull", False)),
                fields=["bulk_change"],
                name="message_by_bulk_change",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(fields=("message_id",), name="message_made_once"),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("event__isnull", False)),
                fields=("person", "event"),
                name="told_of_an_event_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("bulk_change__isnull", False)),
                fields=("person", "bulk_change"),
                name="told_of_a_bulk_change_once",
            ),
        ),
    ]
