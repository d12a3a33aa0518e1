#!/usr/bin/env python3
"""Run an administrative command."""

import os
import sys

from config.environment import ConfigurationError


def main() -> None:
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
    return 2


if __name__ == "__main__":
    main()
