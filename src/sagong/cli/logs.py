"""`sagong logs`."""

from __future__ import annotations

import sys

import click

from sagong.cli.operations import Operations

PARTS = ("kubelet", "containerd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")


@click.command("logs")
@click.argument("part", type=click.Choice(PARTS), default="kubelet")
@click.option("--follow", "-f", is_flag=True, help="Go on printing what is written.")
@click.option("--tail", default=-1, help="Print only the last lines (default: all).")
@click.pass_obj
def command(obj: tuple[Operations, str], part: str, *, follow: bool, tail: int) -> None:
    """Print the log of a part that runs on the host, or of a control-plane part."""
    operations, data_dir = obj
    for chunk in operations.logs(data_dir, part, follow=follow, tail=tail):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
