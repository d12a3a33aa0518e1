from django.db import migrations, models


class Migration(migrations.Migration):
    """Who sends another version of a patch keeps their place in the list by age."""

    dependencies = [("patches", "0002_index_versions_that_were_not_compared")]

    operations = [
        migrations.RemoveIndex(model_name="patch", name="patch_waiting_by_age"),
        migrations.AddIndex(
            model_name="patch",
            index=models.Index(
                fields=["is_waiting", "turn", "is_reviewed", "created_at", "number"],
                name="patch_waiting_by_age",
            ),
        ),
    ]
