"""`sagong version`."""

from __future__ import annotations

import click

from sagong.cli.operations import Operations
from sagong.cli.printers import table


@click.command("version")
@click.pass_obj
def command(obj: tuple[Operations, str]) -> None:
    """Print the versions of Sagong and of what it stands on."""
    operations, _ = obj
    click.echo(table((), list(operations.versions().items())))
