"""`sagong delete`."""

from __future__ import annotations

import click

from sagong.cli.operations import Operations
from sagong.cli.printers import Progress


@click.command("delete")
@click.pass_obj
def command(obj: tuple[Operations, str]) -> None:
    """Stop the cluster and remove it: data, containers, network, kubeconfig context."""
    operations, data_dir = obj
    deleted = operations.delete(data_dir, Progress())
    click.echo("The cluster is deleted." if deleted else "There is no cluster to delete.")
