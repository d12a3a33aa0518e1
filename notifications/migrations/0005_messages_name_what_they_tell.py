"""Messages that are there already get what new ones have: domain, problem, and their tellings."""

from django.db import migrations
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Length, Lower, Right, StrIndex

BATCH = 1000


def complete(apps, schema_editor):
    messages = apps.get_model("notifications", "Message").objects
    events = apps.get_model("tracker", "Event").objects
    after_at = Length("address") - StrIndex("address", Value("@"))
    messages.filter(address__contains="@").update(domain=Lower(Right("address", after_at)))
    of_event = events.filter(pk=OuterRef("event")).values("problem")[:1]
    messages.filter(kind="event").update(problem=Subquery(of_event))
    tellings = apps.get_model("notifications", "Telling")
    rows = messages.filter(kind="event", event__isnull=False, person__isnull=False)
    fields = ("pk", "person", "event", "reason", "reach", "target_id", "created_at")
    batch = []
    for pk, person, event, reason, reach, target, at in rows.values_list(*fields).iterator():
        batch.append(
            tellings(
                person_id=person,
                event_id=event,
                message_id=pk,
                reason=reason,
                reach=reach,
                target_id=target,
                created_at=at,
            )
        )
        if len(batch) == BATCH:
            tellings.objects.bulk_create(batch, ignore_conflicts=True)
            batch.clear()
    tellings.objects.bulk_create(batch, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("notifications", "0004_mail_both_ways")]

    operations = [migrations.RunPython(complete, migrations.RunPython.noop)]
