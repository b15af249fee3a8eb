"""The command group: options that all commands share, and how an error becomes one line and an exit code."""

from __future__ import annotations

from typing import Any

import click

from sagong.cli import delete, image, kubeconfig, logs, start, status, stop, version, why
from sagong.cli.operations import OperationError, Operations

DEFAULT_DATA_DIR = "/var/lib/sagong"


class _Group(click.Group):
    """Prints an OperationError as one line on standard error, exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OperationError as error:
            click.echo(f"sagong: {error}", err=True)
            ctx.exit(1)


def build(operations: Operations) -> click.Group:
    """Return the `sagong` command over an implementation of the operations."""

    @click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
    @click.option(
        "--data-dir",
        default=DEFAULT_DATA_DIR,
        envvar="SAGONG_DATA_DIR",
        show_default=True,
        type=click.Path(file_okay=False, resolve_path=True),
        help="Where the cluster keeps its state; each directory is a cluster of its own.",
    )
    @click.pass_context
    def sagong(context: click.Context, data_dir: str) -> None:
        """Kubernetes, whole and real, in Python: one command, one real cluster."""
        context.obj = (operations, data_dir)

    for module in (start, stop, delete, status, logs, image, kubeconfig, why, version):
        sagong.add_command(module.command)
    return sagong
