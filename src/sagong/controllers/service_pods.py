"""What endpoints and endpoint slices have in common: which pods stand behind a service, and which changes of a pod matter to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from sagong.api.clock import parse_time
from sagong.api.pods import condition, find_port, is_finished, is_ready
from sagong.api.selectors import from_labels
from sagong.api.types.core import Pod, Service, ServicePort
from sagong.controllers.declaration import Key
from sagong.controllers.view import View, selected

HEADLESS_LABEL = "service.kubernetes.io/headless"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


def has_endpoints(service: Service) -> bool:
    """Say whether endpoints follow from the service's selector."""
    return service.spec.type != "ExternalName" and bool(service.spec.selector)


def is_headless(service: Service) -> bool:
    """Say whether the service has no address of its own."""
    return service.spec.clusterIP in ("", "None")


def pods_of(view: View, service: Service, *, terminating: bool) -> list[Pod]:
    """Return the selected pods that have an address, the terminating ones only on demand."""
    selector = from_labels(service.spec.selector)
    return [
        pod
        for pod in selected(view, Pod, service.metadata.namespace, selector)
        if not is_finished(pod) and (pod.status.podIP or pod.status.podIPs) and (terminating or pod.metadata.deletionTimestamp is None)
    ]


def services_of(view: View, pod: Pod) -> Iterable[Key]:
    """Return the services that select a pod."""
    labels = pod.metadata.labels.items()
    return [
        Key(service.metadata.namespace, service.metadata.name)
        for service in view.list(Service, pod.metadata.namespace)
        if service.spec.selector and service.spec.selector.items() <= labels
    ]


def pod_matters(old: Pod | None, new: Pod | None) -> bool:
    """Say whether a change of a pod can change endpoints."""
    return old is None or new is None or _shown(old) != _shown(new)


def target_port(pod: Pod, port: ServicePort) -> int | None:
    """Return the port of the pod that a service's port means."""
    return find_port(pod, port.targetPort or port.port, port.protocol)


def addresses(pod: Pod, family: str) -> list[str]:
    """Return the pod's addresses of a family (IPv4, IPv6)."""
    ips = [entry.ip for entry in pod.status.podIPs] or [pod.status.podIP]
    return [str(parsed) for ip in ips if (parsed := ip_address(ip)).version == (6 if family == "IPv6" else 4)]


def hostname(pod: Pod, service: Service) -> str:
    """Return the name under which the cluster's DNS knows the pod, if the service is its subdomain."""
    return pod.spec.hostname if pod.spec.subdomain == service.metadata.name else ""


def trigger_time(service: Service, pods: Sequence[Pod]) -> str:
    """Return when what the endpoints show last changed: what latency of programming is measured from."""
    ready = [condition(pod, "Ready") for pod in pods]
    moments = [service.metadata.creationTimestamp, *(found.lastTransitionTime for found in ready if found is not None)]
    return max((moment for moment in moments if moment), default="", key=parse_time)


def _shown(pod: Pod) -> tuple[object, ...]:
    meta, spec, status = pod.metadata, pod.spec, pod.status
    ips = tuple(entry.ip for entry in status.podIPs)
    return (
        meta.labels,
        spec.hostname,
        spec.subdomain,
        meta.deletionTimestamp is None,
        is_ready(pod),
        is_finished(pod),
        status.podIP,
        ips,
        spec.nodeName,
    )
