"""What a pod may read of itself: fieldRef and resourceFieldRef, for environment variables and downwardAPI files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sagong.api import quantity
from sagong.api.types.core import Container, EphemeralContainer, Pod, ResourceFieldSelector

AnyContainer = Container | EphemeralContainer

_DEFAULTED_TO_NODE = ("cpu", "memory", "ephemeral-storage")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_ASCII_DELETE = 0x7F
_BMP_END = 0x10000


def every_container(pod: Pod) -> Sequence[AnyContainer]:
    """Return init, regular and ephemeral containers, in this order."""
    return [*pod.spec.initContainers, *pod.spec.containers, *pod.spec.ephemeralContainers]


class DownwardError(Exception):
    """A selector names nothing that a pod has; the message is upstream's."""


@dataclass(frozen=True)
class Facts:
    """What the node adds to the pod: its addresses, and the node's allocatable resources that stand in for missing limits."""

    pod_ips: Sequence[str] = ()
    host_ips: Sequence[str] = ()
    allocatable: Mapping[str, str] = field(default_factory=dict)


def field_value(pod: Pod, path: str, facts: Facts) -> str:
    """Return the value of a fieldRef such as `metadata.labels['app']` or `status.podIP`. Raises DownwardError."""
    name, subscript = _split_subscript(path)
    if subscript is not None:
        maps = {"metadata.annotations": pod.metadata.annotations, "metadata.labels": pod.metadata.labels}
        if name not in maps:
            raise DownwardError(f'fieldPath "{path}" does not support subscript')
        return maps[name].get(subscript, "")
    simple = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "metadata.labels": format_map(pod.metadata.labels),
        "metadata.annotations": format_map(pod.metadata.annotations),
        "spec.nodeName": pod.spec.nodeName,
        "spec.host": pod.spec.nodeName,
        "spec.serviceAccountName": pod.spec.serviceAccountName,
        "status.hostIP": next(iter(facts.host_ips), ""),
        "status.hostIPs": ",".join(facts.host_ips),
        "status.podIP": next(iter(facts.pod_ips), ""),
        "status.podIPs": ",".join(facts.pod_ips),
    }
    if path not in simple:
        raise DownwardError(f"unsupported fieldPath: {path}")
    return simple[path]


def resource_value(selector: ResourceFieldSelector, pod: Pod, container: AnyContainer | None, facts: Facts) -> str:
    """Return the value of a resourceFieldRef, divided and rounded up. A limit that is missing is the pod's, or the node's allocatable."""
    if selector.containerName:
        container = next((c for c in (*pod.spec.containers, *pod.spec.initContainers) if c.name == selector.containerName), None)
    if container is None:
        raise DownwardError(f"container {selector.containerName} not found")
    side, _, resource = selector.resource.partition(".")
    known = resource in _DEFAULTED_TO_NODE or resource.startswith("hugepages-")
    if side not in ("limits", "requests") or not known:
        raise DownwardError(f"unsupported container resource : {selector.resource}")
    amounts = container.resources.limits if side == "limits" else container.resources.requests
    text = amounts.get(resource, "")
    if side == "limits" and resource in _DEFAULTED_TO_NODE and (not text or quantity.parse(text).value() == 0):
        text = _pod_limit(pod, resource) or facts.allocatable.get(resource, "")
    divisor = selector.divisor if selector.divisor and quantity.parse(selector.divisor).milli_value() else "1"
    return str(_ratio_up(text or "0", divisor, milli=resource == "cpu"))


def _pod_limit(pod: Pod, resource: str) -> str:
    """Return the limit of the pod as a whole, "" without one (KEP-2837)."""
    text = pod.spec.resources.limits.get(resource, "") if pod.spec.resources and resource in ("cpu", "memory") else ""
    return text if text and quantity.parse(text).value() else ""


def _ratio_up(text: str, divisor: str, *, milli: bool) -> int:
    amount, unit = quantity.parse(text), quantity.parse(divisor)
    above, below = (amount.milli_value(), unit.milli_value()) if milli else (amount.value(), unit.value())
    return -(-above // below)


def format_map(values: Mapping[str, str]) -> str:
    """Return `key="value"` lines, sorted, quoted as Go quotes strings."""
    return "\n".join(f"{key}={_quote(value)}" for key, value in sorted(values.items()))


def _quote(text: str) -> str:
    return '"' + "".join(_escape(char) for char in text) + '"'


def _escape(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < ord(" ") or code == _ASCII_DELETE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < _BMP_END else f"\\U{code:08x}"


def _split_subscript(path: str) -> tuple[str, str | None]:
    head, found, tail = path.partition("['")
    if found and head and tail.endswith("']"):
        return head, tail[:-2]
    return path, None
