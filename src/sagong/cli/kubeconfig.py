"""`sagong kubeconfig`."""

from __future__ import annotations

import click

from sagong.cli.operations import Operations


@click.command("kubeconfig")
@click.pass_obj
def command(obj: tuple[Operations, str]) -> None:
    """Print the administrator's kubeconfig."""
    operations, data_dir = obj
    click.echo(operations.kubeconfig(data_dir), nl=False)
