from celery import shared_task

from votes.services import count_all_waiting


@shared_task
def count_waiting_votes() -> int:
    """Count the votes whose voters are no longer new here."""
    return count_all_waiting()
