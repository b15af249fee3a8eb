"""Pods and pod templates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sagong.api import names
from sagong.api.apparmor import ANNOTATION, profile_of
from sagong.api.apparmor import warning as apparmor_moved
from sagong.api.field_errors import quote
from sagong.api.types.core import Affinity, Container, EphemeralContainer, Pod, PodAffinityTerm, PodSpec, PodTemplateSpec
from sagong.api.warnings.addresses import ip, ips
from sagong.api.warnings.amounts import fractional
from sagong.api.warnings.nodes import OLD_LABELS, old_key, selector_term
from sagong.api.warnings.ports import ports
from sagong.api.warnings.volumes import volumes
from sagong.api.warnings.warner import Warner

_SYSCTLS = 'non-functional in v1.11+; use the "sysctls" field instead'
_SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": _SYSCTLS,
    "security.alpha.kubernetes.io/unsafe-sysctls": _SYSCTLS,
}
_POD_SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_CONTAINER_SECCOMP = "container.seccomp.security.alpha.kubernetes.io/"
_BYTES = ("memory", "ephemeral-storage")
_AMOUNTS = (("limits", "memory"), ("requests", "memory"), ("limits", "ephemeral-storage"), ("requests", "ephemeral-storage"))
_NO_SELECTOR = "a null labelSelector results in matching no pod"
_REQUIRED, _PREFERRED = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"

Placed = Sequence[tuple[str, Container | EphemeralContainer]]
Found = Iterable[str]


def template(at: str, found: PodTemplateSpec) -> list[str]:
    """Warn about a template; `at` is its path with a dot behind it."""
    return _pod(at, found.spec, found.metadata.annotations, of_template=True)


def _write(new: Pod, old: Pod | None) -> list[str]:
    """Warn about a new pod only: pods are seldom updated by people, and often by others."""
    if old is not None:
        return []
    wrong = names.dns1123_label(new.metadata.name)
    name = [f"metadata.name: this is used in the Pod's hostname, {hostname_advice(wrong)}"] if wrong else []
    return name + _pod("", new.spec, new.metadata.annotations, of_template=False)


def hostname_advice(wrong: Iterable[str]) -> str:
    """Say why a name had better be a label, and what keeps it from being one."""
    return f"which can result in surprising behavior; a DNS label is recommended: [{' '.join(wrong)}]"


def _status(new: Pod) -> list[str]:
    own = (warning for i, found in enumerate(new.status.podIPs) for warning in ip(f"status.podIPs[{i}].ip", found.ip))
    host = (warning for i, found in enumerate(new.status.hostIPs) for warning in ip(f"status.hostIPs[{i}].ip", found.ip))
    return [*own, *host]


def _pod(at: str, spec: PodSpec, annotations: dict[str, str], *, of_template: bool) -> list[str]:
    """Warn about a pod. What a plain pod does not have is asked for first, and costs it nothing more."""
    placed = _placed(f"{at}spec.", spec)
    found: list[str] = []
    if spec.nodeSelector or spec.affinity is not None or spec.topologySpreadConstraints:
        found += _placement(f"{at}spec.", spec)
    if annotations:
        found += (f"{at}metadata.annotations[{key}]: {said}" for key, said in _ANNOTATIONS.items() if key in annotations)
    if spec.volumes:
        found += volumes(f"{at}spec.volumes", spec.volumes)
    found += _lists(f"{at}spec.", spec)
    if annotations and _POD_SECCOMP in annotations and (spec.securityContext is None or spec.securityContext.seccompProfile is None):
        found.append(f"{at}metadata.annotations[{_POD_SECCOMP}]: {_SECCOMP}")
    for path, container in placed:
        if annotations:
            found += _security(f"{at}metadata.annotations", container, spec, annotations, of_template=of_template)
        if len(container.env) > 1 or container.resources.limits or container.resources.requests:
            found += _container(path, container)
    numbered = [(f"{path}.ports[{i}]", port) for path, container in placed for i, port in enumerate(container.ports)]
    if numbered:
        found += ports(numbered)
    return [*found, *_rest(f"{at}spec.", spec)]


def _placed(at: str, spec: PodSpec) -> Placed:
    """Return all containers, each with its path."""
    found: list[tuple[str, Container | EphemeralContainer]] = []
    lists: tuple[tuple[str, Sequence[Container | EphemeralContainer]], ...] = (
        ("initContainers", spec.initContainers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeralContainers),
    )
    for name, containers in lists:
        for i, container in enumerate(containers):
            found.append((f"{at}{name}[{i}]", container))
    return found


def _placement(at: str, spec: PodSpec) -> Iterator[str]:
    """Warn about what chooses a node."""
    for key in spec.nodeSelector:
        if key in OLD_LABELS:
            yield f"{at}nodeSelector[{key}]: {OLD_LABELS[key]}"
    if spec.affinity is not None:
        yield from _node_affinity(f"{at}affinity.nodeAffinity.", spec.affinity)
    for i, constraint in enumerate(spec.topologySpreadConstraints):
        path = f"{at}topologySpreadConstraints[{i}]"
        yield from old_key(f"{path}.topologyKey", constraint.topologyKey)
        if constraint.labelSelector is None:
            yield f"{path}.labelSelector: {_NO_SELECTOR}"


def _rest(at: str, spec: PodSpec) -> Iterator[str]:
    """Warn about the grace period, affinity to pods, and addresses."""
    if spec.terminationGracePeriodSeconds is not None and spec.terminationGracePeriodSeconds < 0:
        yield f"{at}terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
    if spec.affinity is not None:
        yield from _pod_affinity(f"{at}affinity", spec.affinity)
    if spec.dnsConfig is not None:
        yield from ips(f"{at}dnsConfig.nameservers", spec.dnsConfig.nameservers)
    for i, alias in enumerate(spec.hostAliases):
        yield from ip(f"{at}hostAliases[{i}].ip", alias.ip)


def _node_affinity(at: str, affinity: Affinity) -> Iterator[str]:
    if (nodes := affinity.nodeAffinity) is None:
        return
    required = nodes.requiredDuringSchedulingIgnoredDuringExecution
    for i, term in enumerate(required.nodeSelectorTerms if required is not None else ()):
        yield from selector_term(f"{at}{_REQUIRED}.nodeSelectorTerms[{i}]", term)
    for i, preferred in enumerate(nodes.preferredDuringSchedulingIgnoredDuringExecution):
        yield from selector_term(f"{at}{_PREFERRED}[{i}].preference", preferred.preference, values=True)


def _lists(at: str, spec: PodSpec) -> Found:
    """Warn about repeated host aliases and pull secrets, and parts of bytes of overhead."""
    if not (spec.hostAliases or spec.imagePullSecrets or spec.overhead):
        return ()
    aliases = _repeated(f"{at}hostAliases", "ip", [alias.ip for alias in spec.hostAliases])
    secrets = [secret.name for secret in spec.imagePullSecrets]
    nameless = (f'{at}imagePullSecrets[{i}].name: invalid empty name ""' for i, name in enumerate(secrets) if not name)
    overhead = (warning for name in _BYTES for warning in fractional(f"{at}overhead", spec.overhead, name))
    return [*aliases, *_repeated(f"{at}imagePullSecrets", "name", secrets), *nameless, *overhead]


def _repeated(at: str, field: str, values: list[str]) -> Iterator[str]:
    known: set[str] = set()
    for i, value in enumerate(values):
        if value in known:
            yield f"{at}[{i}].{field}: duplicate {field} {quote(value)}"
        known.add(value)


def _security(
    at: str, container: Container | EphemeralContainer, spec: PodSpec, annotations: dict[str, str], *, of_template: bool
) -> Iterator[str]:
    """Warn about annotations that stand where a field should. A pod's own AppArmor annotations are dealt with when it is created."""
    context = container.securityContext
    seccomp, apparmor = f"{_CONTAINER_SECCOMP}{container.name}", f"{ANNOTATION}{container.name}"
    if seccomp in annotations and (context is None or context.seccompProfile is None):
        yield f"{at}[{seccomp}]: {_SECCOMP}"
    if of_template and apparmor in annotations and (context is None or context.appArmorProfile is None):
        of_pod = spec.securityContext.appArmorProfile if spec.securityContext is not None else None
        if of_pod is None or of_pod != profile_of(annotations[apparmor]):
            yield apparmor_moved(apparmor, at)


def _container(at: str, container: Container | EphemeralContainer) -> Iterator[str]:
    amounts = container.resources
    for which, name in _AMOUNTS:
        if name in (found := amounts.limits if which == "limits" else amounts.requests):
            yield from fractional(f"{at}.resources.{which}", found, name)
    if len(container.env) > 1:
        yield from _hidden(at, container)


def _hidden(at: str, container: Container | EphemeralContainer) -> Iterator[str]:
    """Warn about variables that hide an earlier one of the same name without making use of it."""
    if len({variable.name for variable in container.env}) == len(container.env):
        return
    known: set[str] = set()
    for i, variable in enumerate(container.env):
        earlier = f"$({variable.name})"
        extends = variable.valueFrom is None and variable.value != earlier and earlier in variable.value
        if variable.name in known and not extends:
            yield f"{at}.env[{i}]: hides previous definition of {quote(variable.name)}, which may be dropped when using apply"
        known.add(variable.name)


def _pod_affinity(at: str, affinity: Affinity) -> Iterator[str]:
    for name, side in (("podAffinity", affinity.podAffinity), ("podAntiAffinity", affinity.podAntiAffinity)):
        if side is None:
            continue
        yield from _selectorless(f"{at}.{name}.{_REQUIRED}", "", side.requiredDuringSchedulingIgnoredDuringExecution)
        preferred = [weighted.podAffinityTerm for weighted in side.preferredDuringSchedulingIgnoredDuringExecution]
        yield from _selectorless(f"{at}.{name}.{_PREFERRED}", "podAffinityTerm.", preferred)


def _selectorless(at: str, below: str, terms: Sequence[PodAffinityTerm]) -> Iterator[str]:
    return (f"{at}[{i}].{below}labelSelector: {_NO_SELECTOR}" for i, term in enumerate(terms) if term.labelSelector is None)


TABLE: dict[type[Any], Warner] = {Pod: Warner(_write, _status)}
