"""`sagong why pod/NAME`."""

from __future__ import annotations

from typing import Any

import click

from sagong.cli.operations import Operations, PodAnswer
from sagong.cli.printers import table

SHOWN = 20
_FITS = (("-", "fits", ""),)


def _pod_name(context: click.Context, parameter: click.Parameter, value: Any) -> str:
    """Take `pod/NAME` (or `pods/`, `po/`); the kind may be left out."""
    del context, parameter
    kind, slash, name = str(value).rpartition("/")
    if not name or (slash and kind not in ("pod", "pods", "po")):
        raise click.BadParameter(f"{value!r} is not a pod; write pod/NAME")
    return name


@click.command("why")
@click.argument("pod", metavar="pod/NAME", callback=_pod_name)
@click.option("-n", "--namespace", default="default", show_default=True, help="Where the pod is.")
@click.option("--kubeconfig", default="", help="Ask this cluster, any Kubernetes, instead of the data directory's.")
@click.option("-a", "--all", "everything", is_flag=True, help=f"Show all nodes, not only the {SHOWN} where the least would have to change.")
@click.pass_context
def command(context: click.Context, pod: str, namespace: str, kubeconfig: str, *, everything: bool) -> None:
    """Say why a pod is not scheduled: by node which plugin says no, and the smallest change that would make it fit."""
    operations, data_dir = _obj(context)
    answer = operations.why(data_dir, kubeconfig, namespace, pod)
    click.echo(_text(answer, len(answer.nodes) if everything else SHOWN))


def _text(answer: PodAnswer, shown: int) -> str:
    rows = [
        (node.node if place == 0 else "", plugin, reason, change or "-")
        for node in answer.nodes[:shown]
        for place, (plugin, reason, change) in enumerate(node.objections or _FITS)
    ]
    parts = [answer.summary]
    if rows:
        parts += ["", table(("NODE", "PLUGIN", "REASON", "WHAT WOULD HELP"), rows)]
    if len(answer.nodes) > shown:
        parts.append(f"and {len(answer.nodes) - shown} more nodes; --all shows them")
    if answer.smallest:
        parts += ["", f"The smallest change: {answer.smallest}."]
    return "\n".join(parts)


def _obj(context: click.Context) -> tuple[Operations, str]:
    found: tuple[Operations, str] = context.obj
    return found
