"""Builds ``send-problem.pyz``: the client and all that it needs in one file.

``python -m send_problem.build_pyz OUT`` takes the installed packages, so the file holds the very
versions that were tested. The same packages give the same bytes: names are sorted, times fixed.
Compiled code is inside too, because a program in a zip cannot keep its own; another version of
Python than the one that built it ignores that part and compiles the source.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import marshal
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

MOMENT = (1980, 1, 1, 0, 0, 0)
PACKAGES = ("certifi", "click", "h11", "httpcore", "httpx", "idna", "rich", "send_problem")
DATA_SUFFIXES = {".pem", ".py"}
# What these import is not in the file; nothing that we call needs them.
LEFT_OUT = {
    "click/_winconsole.py",
    "httpx/_main.py",
    "rich/_win32_console.py",
    "rich/_windows_renderer.py",
    "rich/json.py",
    "rich/markdown.py",
    "rich/syntax.py",
    "rich/traceback.py",
    "send_problem/build_pyz.py",
}
MAIN = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("send-problem needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")

from send_problem.cli import main

main()
"""


def build(out: Path) -> Path:
    """Write the program to ``out`` and return it; a reader never sees half of it."""
    data = io.BytesIO()
    data.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in sorted(_contents().items()):
            archive.writestr(_entry(name), content)
    handle, temporary = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), 0o755)
        file.write(data.getvalue())
    Path(temporary).replace(out)
    return out


def _contents() -> dict[str, bytes]:
    files = {"__main__.py": MAIN.encode()}
    for package in PACKAGES:
        files |= dict(_sources(package))
        files |= dict(_licences(package))
    compiled = {
        f"{name}c": _compiled(name, source)
        for name, source in files.items()
        if name.endswith(".py")
    }
    return files | compiled


def _sources(package: str) -> Iterator[tuple[str, bytes]]:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed here, so it cannot be packed.")
    folder = Path(spec.submodule_search_locations[0])
    for path in folder.rglob("*"):
        name = f"{package}/{path.relative_to(folder).as_posix()}"
        if path.is_file() and path.suffix in DATA_SUFFIXES and name not in LEFT_OUT:
            yield name, path.read_bytes()


def _licences(package: str) -> Iterator[tuple[str, bytes]]:
    if package == "send_problem":
        return
    distribution = importlib.metadata.distribution(package)
    texts = [
        file
        for file in distribution.files or []
        if file.parts[0].endswith(".dist-info")
        and file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE"))
    ]
    if not texts:
        raise SystemExit(f"The licence of {package} is not installed, so it cannot be packed.")
    for file in texts:
        name = f"licenses/{package}-{distribution.version}/{file.name}"
        yield name, Path(str(distribution.locate_file(file))).read_bytes()


def _compiled(name: str, source: bytes) -> bytes:
    """An unchecked hash-based pyc (PEP 552): no time in it, and no look at the source."""
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    # Version 2 has no back references, which depend on what else the process holds.
    body = marshal.dumps(code, 2)
    flags = (1).to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + body


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, MOMENT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    return entry


def main() -> None:
    """The command line of the builder."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit("Usage: python -m send_problem.build_pyz OUT")
    out = build(Path(sys.argv[1]))
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
