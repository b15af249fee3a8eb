"""How long tasks of a cgroup have waited for CPU, memory or I/O: the kernel's pressure stall information (KEP-4205). Only cgroup v2 has it.

    some avg10=0.12 avg60=0.05 avg300=0.00 total=123456      at least one task waited
    full avg10=0.00 avg60=0.00 avg300=0.00 total=23456       all of them did

Averages are percents, totals microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

RESOURCES = ("cpu", "memory", "io")


@dataclass(frozen=True, slots=True)
class Stall:
    """The share of the last 10, 60 and 300 seconds that was lost, in percent, and all that was ever lost, in microseconds."""

    avg10: float = 0.0
    avg60: float = 0.0
    avg300: float = 0.0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Pressure:
    """Time lost by some tasks, and by all at once."""

    some: Stall = field(default_factory=Stall)
    full: Stall = field(default_factory=Stall)


def read(folder: Path) -> Mapping[str, Pressure]:
    """Return the pressures of a v2 cgroup by resource; none where the kernel does not tell."""
    found = {resource: _parsed(folder / f"{resource}.pressure") for resource in RESOURCES}
    return {resource: pressure for resource, pressure in found.items() if pressure is not None}


def _parsed(path: Path) -> Pressure | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:  # an old kernel, or switched off: reading then fails
        return None
    stalls = {}
    for kind, *pairs in (line.split() for line in lines):
        values = dict(pair.split("=") for pair in pairs)
        stalls[kind] = Stall(float(values["avg10"]), float(values["avg60"]), float(values["avg300"]), int(values["total"]))
    return Pressure(**stalls)
