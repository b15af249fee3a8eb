"""How the commands print: tables as kubectl's, sizes, progress."""

from __future__ import annotations

from collections.abc import Sequence

import click


class Progress:
    """Prints each finished step on a line of its own."""

    def step(self, text: str) -> None:
        """Print one step."""
        click.echo(f"  {text}")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return left-aligned columns, three spaces apart, no trailing spaces."""
    lines = [header, *rows] if header else list(rows)
    if not lines:
        return ""
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join("   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def size(count: int) -> str:
    """Return a byte count as users of container tools know it: decimal units, one digit."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":  # noqa: PLR2004 - decimal units
            return f"{amount:.0f}{unit}" if unit == "B" else f"{amount:.1f}{unit}"
        amount /= 1000
    raise AssertionError
