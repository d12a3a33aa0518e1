"""The Celery settings that hold for every installation; ``config.settings`` spreads them.

``globals().update(celery_settings(broker_url))`` gives the ``CELERY_*`` names.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

# A task whose worker was killed returns to the queue after this many seconds, plus one sweep.
# A task that runs longer than this would be started twice: every task here is shorter by far,
# and safe to run twice.
VISIBILITY_TIMEOUT = 20
SWEEP_INTERVAL = 2

TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": VISIBILITY_TIMEOUT,
    "unacked_restore_interval": SWEEP_INTERVAL,
    "unacked_restore_throttle": 1,
    "unacked_restore_limit": 1000,
    # A worker killed in the middle of a sweep holds the sweep's lock for this long, not for 300 s.
    "unacked_mutex_expire": 10,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.2,
}

# The row in the outbox is the truth and the sweep finds it: a page must not wait for a dead broker.
PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep the outbox": {
        "task": "notifications.tasks.sweep_outbox",
        "schedule": timedelta(seconds=10),
    },
    "send due digests": {
        "task": "notifications.tasks.send_due_digests",
        "schedule": timedelta(seconds=60),
    },
    "count waiting votes": {
        "task": "votes.tasks.count_waiting_votes",
        "schedule": timedelta(minutes=5),
    },
    "run the clocks": {
        "task": "tracker.tasks.run_clocks",
        "schedule": timedelta(minutes=5),
    },
    "wind the clocks": {
        "task": "tracker.tasks.wind_clocks",
        "schedule": timedelta(minutes=15),
    },
    "count the frequencies of terms": {
        "task": "tracker.tasks.count_term_frequencies",
        "schedule": timedelta(seconds=15),
    },
    "index problems that are not yet": {
        "task": "tracker.tasks.index_missing_problems",
        # After an upgrade nothing is found until it has run, so it does not wait; where nothing
        # is missing it costs two counts.
        "schedule": timedelta(seconds=10),
    },
    "sweep versions to compare": {
        "task": "patches.tasks.sweep_comparisons",
        "schedule": timedelta(seconds=60),
    },
    "sweep threads without a place": {
        "task": "patches.tasks.sweep_threads",
        "schedule": timedelta(minutes=10),
    },
    "recount the demand of patches": {
        "task": "patches.tasks.recount_demand",
        "schedule": timedelta(hours=6),
    },
    "ask who looks after patches by now": {
        "task": "patches.tasks.ask_anew",
        "schedule": timedelta(hours=6),
    },
    "carry patches further that nobody reviews": {
        "task": "patches.tasks.escalate",
        "schedule": timedelta(minutes=5),
    },
    "empty the IMAP mailbox": {
        "task": "notifications.tasks.poll_imap",
        "schedule": timedelta(seconds=60),
    },
    "sweep leftovers of what came in": {
        "task": "notifications.tasks.sweep_leftover_mail",
        "schedule": timedelta(hours=6),
    },
    "sweep what came in": {
        "task": "notifications.tasks.sweep_incoming",
        "schedule": timedelta(seconds=10),
    },
    "purge what came in": {
        "task": "notifications.tasks.purge_incoming",
        "schedule": timedelta(hours=1),
    },
    "purge the outbox": {
        "task": "notifications.tasks.purge_outbox",
        "schedule": timedelta(hours=1),
    },
    "look for patches": {
        "task": "patches.tasks.sweep_unlooked",
        # What its own bell did not reach, and series of mails of which a part is missing.
        "schedule": timedelta(seconds=30),
    },
    "purge what has expired": {
        "task": "accounts.tasks.purge_expired",
        "schedule": timedelta(hours=1),
    },
}


def celery_settings(broker_url: str) -> dict[str, Any]:
    """Return the ``CELERY_*`` settings for a broker."""
    return {
        "CELERY_BROKER_URL": broker_url,
        "CELERY_BROKER_TRANSPORT_OPTIONS": TRANSPORT_OPTIONS,
        "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP": True,
        "CELERY_BROKER_CONNECTION_MAX_RETRIES": None,
        "CELERY_TASK_PUBLISH_RETRY": True,
        "CELERY_TASK_PUBLISH_RETRY_POLICY": PUBLISH_RETRY_POLICY,
        "CELERY_TASK_IGNORE_RESULT": True,
        "CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED": False,
        "CELERY_RESULT_BACKEND": None,
        "CELERY_TASK_ACKS_LATE": True,
        "CELERY_TASK_REJECT_ON_WORKER_LOST": True,
        "CELERY_WORKER_PREFETCH_MULTIPLIER": 1,
        "CELERY_TASK_SERIALIZER": "json",
        "CELERY_ACCEPT_CONTENT": ["json"],
        "CELERY_TIMEZONE": "UTC",
        "CELERY_ENABLE_UTC": True,
        "CELERY_BEAT_SCHEDULE": BEAT_SCHEDULE,
        # Kept in memory: a file that is written once a minute is a file that kill -9 can tear, and
        # what is due is decided by the rows that the tasks look at.
        "CELERY_BEAT_SCHEDULER": "celery.beat:Scheduler",
        "CELERY_WORKER_HIJACK_ROOT_LOGGER": False,
    }
