"""The product's settings, with tasks whose length a test can choose."""

from config.settings import *  # noqa: F403

CELERY_IMPORTS = ["tests.slow_tasks"]
