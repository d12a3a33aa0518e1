#!/usr/bin/env python3
"""Run an administrative command."""

import os
import sys

from config.environment import ConfigurationError

# sysexits.h: on any other code a mail server gives the message back to its sender.
EX_USAGE, EX_TEMPFAIL = 64, 75


def main() -> None:
    """Run the command line; for a mail server, what breaks is "try again later"."""
    if sys.argv[1:2] != ["receive_mail"]:
        run()
        return
    try:
        run()
    except SystemExit as end:
        # argparse ends with 2.
        sys.exit(EX_USAGE if end.code == 2 else end.code)
    except BaseException as error:
        print(f"receive_mail: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(EX_TEMPFAIL)


def run() -> None:
    """Run the command line; a wrong set-up is one sentence and exit code 2, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError, ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except ConfigurationError as error:
        sys.exit(_refuse(error))
    except (OperationalError, ProgrammingError):
        from config.runtime.prepare import require_prepared

        try:
            require_prepared()
        except ConfigurationError as error:
            sys.exit(_refuse(error))
        raise


def _refuse(error: ConfigurationError) -> int:
    print(f"Groundswell cannot start: {error}", file=sys.stderr)
    # Somebody will correct a set-up; until then mail can wait.
    return EX_TEMPFAIL if sys.argv[1:2] == ["receive_mail"] else 2


if __name__ == "__main__":
    main()
