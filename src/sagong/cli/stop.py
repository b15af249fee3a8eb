"""`sagong stop`."""

from __future__ import annotations

import click

from sagong.cli.operations import Operations
from sagong.cli.printers import Progress


@click.command("stop")
@click.pass_obj
def command(obj: tuple[Operations, str]) -> None:
    """Stop the cluster and keep its data: `sagong start` brings everything back."""
    operations, data_dir = obj
    stopped = operations.stop(data_dir, Progress())
    click.echo("The cluster is stopped." if stopped else "The cluster is not running.")
