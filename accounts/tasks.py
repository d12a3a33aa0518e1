"""What the scheduler asks of accounts."""

from celery import shared_task

from accounts.codes import purge_expired as purge


@shared_task
def purge_expired() -> None:
    """Remove spent challenges, answers kept for retries, and used setup links."""
    purge()
