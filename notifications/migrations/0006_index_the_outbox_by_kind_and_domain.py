"""The outbox by kind, so that a claim need not sort what waits; by domain, for its page."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0005_messages_name_what_they_tell"),
        ("tracker", "0008_components_have_a_list_address"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="message",
            name="message_queued_by_due_time",
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("state", "queued")),
                fields=["kind", "due_at"],
                name="message_queued_by_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["domain", "-id"], name="message_by_domain"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("is_unconfirmed__in", (True,))),
                fields=["-id"],
                name="message_unconfirmed",
            ),
        ),
    ]
