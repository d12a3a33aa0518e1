from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("patches", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="patchversion",
            index=models.Index(
                condition=models.Q(("changes_by", "")),
                fields=["number"],
                name="patch_version_not_compared",
            ),
        ),
    ]
