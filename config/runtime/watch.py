"""Print a line for every change of the source, for the supervisor of ``make dev``."""

from __future__ import annotations

from watchfiles import Change, DefaultFilter, watch

from config.environment import PROJECT_DIR

# Templates too: Django keeps them in memory for as long as the process lives.
SUFFIXES = (".py", ".html", ".txt")
IGNORED = ("tests", "docs", "bench", "data", "static")


class SourceFilter(DefaultFilter):
    """Files that a running process has read."""

    def __call__(self, change: Change, path: str) -> bool:
        return path.endswith(SUFFIXES) and super().__call__(change, path)


def main() -> None:
    """Watch until killed; a burst of changes is one line with the first path."""
    folders = [
        folder
        for folder in PROJECT_DIR.iterdir()
        if folder.is_dir() and folder.name not in IGNORED and not folder.name.startswith(".")
    ]
    for changes in watch(*folders, watch_filter=SourceFilter(), raise_interrupt=False):
        print(sorted(path for _, path in changes)[0], flush=True)


if __name__ == "__main__":
    main()
