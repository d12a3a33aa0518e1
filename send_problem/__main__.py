"""``python -m send_problem``, and the entry of the one-file program."""

from send_problem.cli import main

if __name__ == "__main__":
    main()
