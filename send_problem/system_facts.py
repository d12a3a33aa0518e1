"""What this system says about itself, for the environment of a report."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from send_problem.words import clean, same_choice

HARDWARE_CHARS = 200
_SAME_MACHINE = (
    {"amd64", "x86_64", "x86-64", "x64"},
    {"arm64", "aarch64"},
    {"i386", "i686", "x86", "i586"},
    {"armv7", "armv7l", "armhf"},
    {"ppc64le", "powerpc64le", "ppc64el"},
    {"ppc64", "powerpc64"},
    {"riscv64", "riscv"},
)


@dataclass(frozen=True)
class Facts:
    """The system: names it goes by (best first), versions, title, machine and hardware."""

    names: list[str]
    versions: list[str]
    title: str
    machine: str
    hardware: str


def find_facts() -> Facts:
    """Read them; what this system does not tell is left empty."""
    release = _os_release()
    uname = platform.uname()
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split(), uname.system]
    kernel = uname.release.split("-")[0]
    title = release.get("PRETTY_NAME") or f"{uname.system} {uname.release}"
    return Facts(
        names=[name for name in names if name],
        versions=[v for v in (release.get("VERSION_ID", ""), uname.release, kernel) if v],
        title=clean(title),
        machine=uname.machine,
        hardware=clean("; ".join(filter(None, (_machine(), _kernel(uname)))))[:HARDWARE_CHARS],
    )


def architecture(machine: str, offered: list[str]) -> str:
    """The machine's name among those that the server offers, else its own."""
    if same_choice(machine, offered):
        return same_choice(machine, offered) or machine
    aliases = next((group for group in _SAME_MACHINE if machine.lower() in group), set())
    return next((name for name in offered if name.lower() in aliases), machine)


def release_among(versions: list[str], offered: list[str]) -> str:
    """The offered release that one of ``versions`` is, or begins with; else empty."""
    for version in versions:
        if same_choice(version, offered):
            return same_choice(version, offered) or ""
        starts = [r for r in offered if version.startswith((f"{r}.", f"{r}-"))]
        if starts:
            return max(starts, key=len)
    return ""


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _machine() -> str:
    memory = _memory_bytes()
    parts = [_cpu_model(), f"{os.cpu_count()} processors" if os.cpu_count() else ""]
    parts.append(f"{memory / 2**30:.0f} GiB" if memory >= 2**30 else "")
    return ", ".join(part for part in parts if part)


def _kernel(uname: platform.uname_result) -> str:
    return f"{uname.system} {uname.release} {uname.machine}"


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return _sysctl("hw.model") or platform.processor()
    for name in ("model name", "Model", "Hardware", "cpu model", "cpu"):
        for line in lines:
            key, _colon, value = line.partition(":")
            if key.strip() == name and value.strip():
                return value.strip()
    return platform.processor()


def _sysctl(name: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command without a shell
            ["sysctl", "-n", name],  # noqa: S607 - its folder differs between systems
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
