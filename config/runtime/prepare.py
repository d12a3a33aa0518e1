"""Make the database ready, once, before anything is served.

Run as a process of its own by the supervisor. Exit code 2 with one sentence on stderr means that
the set-up is wrong. The last thing it prints is one line of JSON for the supervisor.
"""

from __future__ import annotations

import json
import os
import sys
from io import StringIO

from config.environment import ConfigurationError

REPORT = "prepared: "


def main() -> int:
    """Check the set-up, apply what migrations are pending, and look for an administrator."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    try:
        django.setup()
        check_database()
        check_settings()
        migrated = migrate()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    print(REPORT + json.dumps({"migrated": migrated, "link": first_administrator_link()}))
    return 0


def check_database() -> None:
    """Connect once, ready to write. Raises ConfigurationError where the database refuses."""
    from django.db import connection, transaction
    from django.db.utils import Error

    try:
        # In SQLite this takes the lock for writing, which a file of another user does not give.
        with transaction.atomic(), connection.cursor():
            pass
    except Error as error:
        where, what = (
            ("the database that DATABASE_URL names", "start it")
            if connection.vendor == "postgresql"
            else (str(connection.settings_dict["NAME"]), "let this user write to it")
        )
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise ConfigurationError(
            f"{where} does not serve us ({reason}): {what}, or correct DATABASE_URL."
        ) from None


def check_settings() -> None:
    """Run the system checks of all applications; an error of theirs stops the start."""
    from django.core.checks import run_checks

    errors = [message for message in run_checks() if message.is_serious()]
    if errors:
        first = errors[0]
        raise ConfigurationError(f"{first.id}: {first.msg} {first.hint or ''}".strip())


def migrate() -> int:
    """Apply pending migrations and return how many there were."""
    from django.core.management import call_command

    pending = count_pending()
    if pending:
        call_command("migrate", interactive=False, verbosity=0)
    return pending


def count_pending() -> int:
    """Return how many migrations the database lacks."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def require_prepared() -> None:
    """Raises ConfigurationError where the database refuses, or lacks tables that we need."""
    from django.db import connection

    connection.close()
    check_database()
    pending = count_pending()
    if pending:
        raise ConfigurationError(
            f"the database lacks {pending} migrations: run `make run` once, or `manage.py migrate`."
        )


def first_administrator_link() -> str | None:
    """Return the one-time link for the first administrator, None where there is one already."""
    from django.core.management import call_command, get_commands

    if "first_administrator_link" not in get_commands():
        return None
    output = StringIO()
    call_command("first_administrator_link", stdout=output)
    return next((word for word in output.getvalue().split() if "://" in word), None)


if __name__ == "__main__":
    sys.exit(main())
