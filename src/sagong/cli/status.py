"""`sagong status`."""

from __future__ import annotations

import click

from sagong.cli.operations import Operations
from sagong.cli.printers import table


@click.command("status")
@click.pass_context
def command(context: click.Context) -> None:
    """Show the state of each part; exit code 0 only when all of them run."""
    operations, data_dir = _obj(context)
    parts = operations.status(data_dir)
    if not parts:
        click.echo("There is no cluster; `sagong start` makes one.")
        context.exit(3)
    click.echo(table(("PART", "STATE", "DETAIL"), [(part.name, part.state, part.detail) for part in parts]))
    if any(part.state != "Running" for part in parts):
        context.exit(3)


def _obj(context: click.Context) -> tuple[Operations, str]:
    found: tuple[Operations, str] = context.obj
    return found
