"""Whether a container that has ended is started again: its own rules, its own policy, then the pod's (KEP-5307, KEP-753)."""

from __future__ import annotations

from collections.abc import Iterator

from sagong.api.types.core import Container, ContainerRestartRule, Pod, PodSpec
from sagong.node.observe import ContainerRun, Observed

RESTART_ALL = "RestartAllContainers"


def restarts_after(container: Container, spec: PodSpec, exit_code: int) -> bool:
    """Tell whether the container is started again after this exit code."""
    if container.restartPolicy and (rule := matching_rule(container, exit_code)) and rule.action in ("Restart", RESTART_ALL):
        return True
    policy = container.restartPolicy or spec.restartPolicy
    return policy not in ("Never", "OnFailure") or (policy == "OnFailure" and exit_code != 0)


def restarts_on_kill(container: Container, spec: PodSpec) -> bool:
    """Tell whether the container is started again after the kubelet killed it; rules on exit codes do not count here."""
    return (container.restartPolicy or spec.restartPolicy) != "Never"


def matching_rule(container: Container, exit_code: int) -> ContainerRestartRule | None:
    """Return the first of the container's restart rules that matches the exit code."""
    for rule in container.restartPolicyRules:
        if rule.exitCodes is None:
            continue
        listed = exit_code in rule.exitCodes.values
        if rule.exitCodes.operator == ("In" if listed else "NotIn"):
            return rule
    return None


def could_restart_all(pod: Pod) -> bool:
    """Tell whether any container has a rule that restarts the whole pod in place (KEP-5532)."""
    return any(rule.action == RESTART_ALL for c in all_containers(pod) for rule in c.restartPolicyRules)


def all_containers(pod: Pod) -> Iterator[Container]:
    """Yield init containers and regular containers, in order."""
    yield from pod.spec.initContainers
    yield from pod.spec.containers


def asks_restart_all(pod: Pod, observed: Observed) -> bool:
    """Tell whether a container has ended with an exit code whose rule restarts the whole pod."""
    return any(_asks(container, observed.latest(container.name)) for container in all_containers(pod) if container.restartPolicyRules)


def _asks(container: Container, run: ContainerRun | None) -> bool:
    rule = matching_rule(container, run.exit_code) if run and run.state == "exited" else None
    return rule is not None and rule.action == RESTART_ALL


def resets(pod: Pod, observed: Observed) -> tuple[ContainerRun, ...]:
    """Return every run: regular containers before init containers, those that asked for it after all others."""
    groups = [
        (container, run)
        for containers in (pod.spec.containers, pod.spec.initContainers)
        for container in containers
        for run in observed.history(container.name)
    ]
    return tuple(run for _, run in sorted(groups, key=lambda pair: _asks(*pair)))
