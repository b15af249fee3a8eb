"""`sagong start`."""

from __future__ import annotations

import sys
from typing import Any

import click

from sagong.cli.operations import OperationError, Operations, StartOptions
from sagong.cli.printers import Progress


@click.command("start")
@click.option("--node-name", default="", help="The node's name (default: the host name).")
@click.option("--node-ip", default="", help="The node's address (default: that of the default route).")
@click.option("--api-port", default=0, type=click.IntRange(0, 65535), metavar="PORT", help="The API server's port (default 6443).")
@click.option("--kubelet-port", default=0, type=click.IntRange(0, 65535), metavar="PORT", help="The kubelet's port (default 10250).")
@click.option("--controller-manager-port", default=0, type=click.IntRange(0, 65535), metavar="PORT", help="Default 10257.")
@click.option("--scheduler-port", default=0, type=click.IntRange(0, 65535), metavar="PORT", help="Default 10259.")
@click.option("--proxy-health-port", default=0, type=click.IntRange(0, 65535), metavar="PORT", help="Default 10256.")
@click.option("--proxy-metrics-port", default=0, type=click.IntRange(0, 65535), metavar="PORT", help="Default 10249.")
@click.option("--nodes", default=0, type=click.IntRange(0, 10000), metavar="N", help="How many nodes this machine carries (default 1).")
@click.option("--simulated", is_flag=True, help="Let the nodes beside the first run pods in memory only.")
@click.option("--node-cidr", default="", metavar="CIDR", help="The network between several nodes (default 192.168.96.0/24).")
@click.option("--pod-cidr", default="", metavar="CIDR", help="The range of pods' addresses (default 10.244.0.0/16).")
@click.option("--service-cidr", default="", metavar="CIDR", help="The range of Services' addresses (default 10.96.0.0/12).")
@click.option("--store", default=None, type=click.Choice(["sqlite", "etcd"]), help="What keeps the state (default sqlite).")
@click.option(
    "--etcd-port", default=0, type=click.IntRange(0, 65533), metavar="PORT", help="Default 2379; etcd takes the next two as well."
)
@click.option("--scheduler-config", default="", metavar="FILE", help="A KubeSchedulerConfiguration; the cluster keeps a copy.")
@click.option("--no-kubeconfig", is_flag=True, help="Leave ~/.kube/config alone.")
@click.option("--timeout", default=120.0, show_default=True, help="Seconds to wait for all of kube-system.")
@click.option("--yes", "-y", is_flag=True, help="Install missing Debian packages without asking.")
@click.pass_obj
def command(obj: tuple[Operations, str], /, *, no_kubeconfig: bool, yes: bool, store: str | None, **options: Any) -> None:
    """Start the cluster; a cluster that runs is left alone."""
    operations, data_dir = obj
    progress = Progress()
    _offer_packages(operations, progress, store or "", yes=yes)
    started = operations.start(StartOptions(data_dir, kubeconfig=not no_kubeconfig, store=store or "", **options), progress)
    if not started:
        click.echo("The cluster is running already.")
        return
    context = ', context "sagong"' if not no_kubeconfig else ""
    click.echo(f"The cluster is up{context}. Try: kubectl get pods -A")


def _offer_packages(operations: Operations, progress: Progress, store: str, *, yes: bool) -> None:
    missing = operations.missing_packages(store)
    if not missing:
        return
    names = " ".join(missing)
    if not yes and not (sys.stdin.isatty() and click.confirm(f"Not installed: {names}. Install them now with apt-get?")):
        raise OperationError(f"not installed: {names}; install with `apt-get install {names}`, or run `sagong start --yes`")
    operations.install_packages(progress, store)
