"""Mails about patches, who is told of them, and patches that somebody muted."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0007_fewer_indexes_hold_a_digest"),
        ("patches", "0002_index_versions_that_were_not_compared"),
        ("tracker", "0008_components_have_a_list_address"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MutedPatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="PatchTelling",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("chosen", "you follow"),
                            ("reporter", "you reported"),
                            ("commenter", "you commented on"),
                            ("assignee", "you are assigned"),
                            ("maintainer", "you maintain"),
                            ("own act", "you asked for mails about what you do"),
                            ("asked", "you are asked to review"),
                            ("author", "you wrote"),
                            ("submitter", "you brought"),
                            ("reviewer", "you reviewed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="message",
            name="message_is_of_its_kind",
        ),
        migrations.AddField(
            model_name="message",
            name="patch",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="patches.patch",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="patch_event",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="patches.patchevent",
            ),
        ),
        migrations.AlterField(
            model_name="eventchoice",
            name="occasion",
            field=models.CharField(
                choices=[
                    ("reported", "a new report"),
                    ("commented", "a comment"),
                    ("state", "a change of state, or a duplicate"),
                    ("assigned", "a change of who has it"),
                    ("edited", "another change"),
                    ("attached", "a file"),
                    ("asked", "a patch that you are asked to review"),
                    ("reviewed", "what is said of a patch of yours, or answered to you"),
                    ("version", "a new version of a patch that you reviewed"),
                    ("decided", "how a patch ended that you sent or reviewed"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="kind",
            field=models.CharField(
                choices=[
                    ("account", "account"),
                    ("event", "event"),
                    ("digest", "digest"),
                    ("bulk", "bulk change"),
                    ("roundup", "hourly roundup"),
                    ("answer", "answer"),
                    ("patch", "patch"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("chosen", "you follow"),
                    ("reporter", "you reported"),
                    ("commenter", "you commented on"),
                    ("assignee", "you are assigned"),
                    ("maintainer", "you maintain"),
                    ("own act", "you asked for mails about what you do"),
                    ("asked", "you are asked to review"),
                    ("author", "you wrote"),
                    ("submitter", "you brought"),
                    ("reviewer", "you reviewed"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="subscription",
            name="reason",
            field=models.CharField(
                choices=[
                    ("chosen", "you follow"),
                    ("reporter", "you reported"),
                    ("commenter", "you commented on"),
                    ("assignee", "you are assigned"),
                    ("maintainer", "you maintain"),
                    ("own act", "you asked for mails about what you do"),
                    ("asked", "you are asked to review"),
                    ("author", "you wrote"),
                    ("submitter", "you brought"),
                    ("reviewer", "you reviewed"),
                ],
                default="chosen",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="telling",
            name="reason",
            field=models.CharField(
                choices=[
                    ("chosen", "you follow"),
                    ("reporter", "you reported"),
                    ("commenter", "you commented on"),
                    ("assignee", "you are assigned"),
                    ("maintainer", "you maintain"),
                    ("own act", "you asked for mails about what you do"),
                    ("asked", "you are asked to review"),
                    ("author", "you wrote"),
                    ("submitter", "you brought"),
                    ("reviewer", "you reviewed"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("patch_event__isnull", False)),
                fields=["patch_event"],
                name="message_by_patch_event",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("patch__isnull", False)),
                fields=["patch"],
                name="message_by_patch",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.UniqueConstraint(
                condition=models.Q(("patch_event__isnull", False)),
                fields=("person", "patch_event"),
                name="told_of_a_patch_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("patch_event", None),
                        models.Q(
                            models.Q(
                                ("delivery", None),
                                ("event__isnull", False),
                                ("kind", "event"),
                                ("person__isnull", False),
                                ("bulk_change", None),
                            ),
                            models.Q(
                                ("bulk_change", None),
                                ("delivery__isnull", False),
                                ("event", None),
                                ("kind", "digest"),
                            ),
                            models.Q(
                                ("bulk_change__isnull", False),
                                ("kind", "bulk"),
                                ("person__isnull", False),
                                ("delivery", None),
                                ("event", None),
                            ),
                            models.Q(
                                ("bulk_change", None),
                                ("delivery", None),
                                ("event", None),
                                ("kind", "roundup"),
                                ("person__isnull", False),
                            ),
                            models.Q(
                                ("bulk_change", None),
                                ("delivery", None),
                                ("event", None),
                                ("kind__in", ["account", "answer"]),
                            ),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        ("kind", "patch"),
                        ("patch__isnull", False),
                        ("patch_event__isnull", False),
                        ("bulk_change", None),
                        ("delivery", None),
                        ("event", None),
                    ),
                    _connector="OR",
                ),
                name="message_is_of_its_kind",
            ),
        ),
        migrations.AddField(
            model_name="mutedpatch",
            name="patch",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="patches.patch"
            ),
        ),
        migrations.AddField(
            model_name="mutedpatch",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="muted_patches",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="patchtelling",
            name="event",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="patches.patchevent",
            ),
        ),
        migrations.AddField(
            model_name="patchtelling",
            name="message",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="patch_tellings",
                to="notifications.message",
            ),
        ),
        migrations.AddField(
            model_name="patchtelling",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="patch_tellings",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="mutedpatch",
            constraint=models.UniqueConstraint(fields=("person", "patch"), name="patch_muted_once"),
        ),
        migrations.AddIndex(
            model_name="patchtelling",
            index=models.Index(
                condition=models.Q(("message", None)),
                fields=["person"],
                name="patch_told_in_the_digest",
            ),
        ),
        migrations.AddConstraint(
            model_name="patchtelling",
            constraint=models.UniqueConstraint(
                fields=("person", "event"), name="person_told_of_patch_once"
            ),
        ),
    ]
