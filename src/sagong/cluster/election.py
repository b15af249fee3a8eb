"""Which lease the processes of the control plane compete for, as upstream's --leader-elect flags say it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sagong.api.go_values import format_duration, parse_duration
from sagong.client.leader import LeaseTimes


@dataclass(frozen=True, slots=True)
class Election:
    """A lease, and how it is kept. `elect` False: work without one."""

    name: str
    namespace: str = "kube-system"
    times: LeaseTimes = field(default_factory=LeaseTimes)
    elect: bool = True


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags; those that are not given are None."""
    parser.add_argument("--leader-elect", type=_truth, nargs="?", const=True, metavar="BOOL", help="whether one of several works at a time")
    durations = (
        ("lease-duration", "how long a lease holds that is not renewed"),
        ("renew-deadline", "how long the leader tries to renew before it gives up"),
        ("retry-period", "how often it is tried"),
    )
    for name, text in durations:
        parser.add_argument(f"--leader-elect-{name}", type=_seconds, metavar="DURATION", help=text)
    parser.add_argument("--leader-elect-resource-name", metavar="NAME", help="the lease's name")
    parser.add_argument("--leader-elect-resource-namespace", metavar="NAMESPACE", help="the lease's namespace")


def chosen(options: argparse.Namespace, usual: Election) -> Election:
    """Return what is usual, changed by the flags that were given. Raises ValueError for what cannot work."""
    times = replace(
        usual.times,
        **_given(
            duration=options.leader_elect_lease_duration,
            renew_deadline=options.leader_elect_renew_deadline,
            retry_period=options.leader_elect_retry_period,
        ),
    )
    name, namespace = options.leader_elect_resource_name, options.leader_elect_resource_namespace
    found = replace(usual, times=times, **_given(name=name, namespace=namespace, elect=options.leader_elect))
    if found.elect:
        times.check()
    return found


def flags(election: Election) -> dict[str, str]:
    """Return an election as flags."""
    times = election.times
    durations = {"lease-duration": times.duration, "renew-deadline": times.renew_deadline, "retry-period": times.retry_period}
    return {
        "leader-elect": str(election.elect).lower(),
        **{f"leader-elect-{name}": format_duration(seconds) for name, seconds in durations.items()},
        "leader-elect-resource-name": election.name,
        "leader-elect-resource-namespace": election.namespace,
    }


def shown(options: argparse.Namespace, names: Mapping[str, str], election: Election) -> dict[str, str]:
    """Return what a process was started with as flags: those it was given, or their defaults, and the election that came of it."""
    from sagong.api import flags as as_flags  # noqa: PLC0415 - for those who ask only

    given = {name: value for name, value in vars(options).items() if not name.startswith("leader_elect")}
    return {**as_flags.flags(given, names), **flags(election)}


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
