"""The task queue: the application, and its tasks. Its settings are in ``config.queue``."""

from __future__ import annotations

import os
import sys
import warnings

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# Messages are JSON, which harms nobody, whoever runs the worker.
warnings.filterwarnings("ignore", category=SecurityWarning)

app = Celery("groundswell")
# Threads other than the importing one would else publish to an application without a broker.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def take_turns_quickly(**kwargs: object) -> None:
    """Let a thread that has an answer of a mail server wait 1 ms for its turn, not 5.

    Two of the threads may be busy with a digest run, and each mail waits twice for its turn.
    """
    sys.setswitchinterval(0.001)


@worker_ready.connect
def leave_out_advice(**kwargs: object) -> None:
    """Silence the advice to cancel tasks when the broker goes away: threads cannot be cancelled.

    It has to be so late, because Celery turns these warnings on while a worker starts.
    """
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
