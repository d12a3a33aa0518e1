from django.db import migrations


class Migration(migrations.Migration):
    """Who sends the bytes of an earlier version again goes back to it: that is a new version."""

    dependencies = [("patches", "0003_order_what_waits_by_when_it_came")]

    operations = [
        migrations.RemoveConstraint(model_name="patchversion", name="patch_version_bytes_once"),
    ]
