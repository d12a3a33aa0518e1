import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("tracker", "0004_bulk_changes_are_undone_exactly"),
    ]

    operations = [
        migrations.AddField(
            model_name="clock",
            name="asked_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="clock",
            name="paused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="clocksetting",
            name="is_applied",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="clocksetting",
            name="since",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
    ]
