"""`sagong logs`."""

from __future__ import annotations

import sys

import click

from sagong.cli.operations import Operations

PARTS = ("kubelet", "containerd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


@click.command("logs")
@click.argument("part", type=click.Choice(PARTS), default="kubelet")
@click.option("--follow", "-f", is_flag=True, help="Go on printing what is written.")
@click.option("--tail", default=-1, help="Print only the last lines (default: all).")
@click.option("--node", default="", metavar="NAME", help="The node whose kubelet or containerd is meant (default: the first).")
@click.pass_obj
def command(obj: tuple[Operations, str], part: str, node: str, *, follow: bool, tail: int) -> None:
    """Print the log of a part that runs on the host, or of a control-plane part."""
    operations, data_dir = obj
    for chunk in operations.logs(data_dir, part, node, follow=follow, tail=tail):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
