"""Everything that a cluster has before anybody writes to it, and what becomes of it when it is there already.

A `Wanted` object is created when it is absent. When it is there, its `merge(live, wanted)` changes the live one in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

from msgspec import Struct

from sagong.api.types.base import ApiStruct
from sagong.api.types.core import ConfigMap, Namespace, NamespaceSpec, NamespaceStatus
from sagong.api.types.meta import ObjectMeta
from sagong.api.types.rbac import ClusterRole, ClusterRoleBinding, Role
from sagong.api.types.scheduling import PriorityClass
from sagong.server.authz.rules import uncovered
from sagong.server.bootstrap import api_services, authentication_config, flow_control, kubernetes_service, rbac_policy
from sagong.server.bootstrap.authentication_config import RequestHeaderConfig
from sagong.server.contract import FLOW_CONSUMER

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_SYSTEM_CRITICAL = 2_000_000_000

# live object, wanted object (which is not changed)
Merge = Callable[[Any, Any], None]


class BootstrapConfig(Struct, frozen=True):
    """What the server's own objects say about it. `client_ca` is PEM, "" when client certificates are not accepted."""

    service_cidrs: Sequence[str]
    advertise_address: str
    port: int
    client_ca: str = ""
    request_header: RequestHeaderConfig | None = None


class Managing(Struct, frozen=True):
    """Who manages an object: the one who writes it, but for what is `unsent` since the server fills it in; and who applies its status."""

    name: str = "kube-apiserver"
    unsent: tuple[str, ...] = ()
    status: str = ""


class Wanted(Struct, frozen=True):
    """An object that is to be there."""

    obj: ApiStruct
    merge: Merge
    managing: Managing = Managing()


_NAMESPACE = Managing(unsent=("spec",))
_SERVICE = Managing(unsent=("spec.clusterIPs", "spec.ipFamilies"))
_SERVICE_CIDR = Managing(status="kubernetes-service-cidr-controller")
_FLOW_CONTROL = Managing("api-priority-and-fairness-config-producer-v1", status=FLOW_CONSUMER)


def at_start(config: BootstrapConfig, now: str) -> Iterator[Wanted]:
    """Yield everything, in the order in which it is created."""
    yield from always(config, now)
    yield from (Wanted(obj, _MERGES_RBAC[type(obj).__name__]) for obj in rbac_policy.objects())
    for name, value, description in _PRIORITY_CLASSES:
        yield Wanted(_priority_class(name, value, description), _keep)
    yield from (Wanted(obj, _set_spec) for obj in api_services.objects(now))
    yield Wanted(authentication_config.config_map(config.client_ca, config.request_header), _merge_data)


def always(config: BootstrapConfig, now: str) -> Iterator[Wanted]:
    """Yield what comes back when somebody deletes it while the server runs."""
    yield from (Wanted(_namespace(name), _keep, _NAMESPACE) for name in SYSTEM_NAMESPACES)
    first = config.service_cidrs[0]
    yield Wanted(kubernetes_service.service_cidr(config.service_cidrs, now), _merge_cidrs, _SERVICE_CIDR)
    yield Wanted(kubernetes_service.ip_address(first), _keep)
    yield Wanted(kubernetes_service.service(first, config.port), _keep, _SERVICE)
    yield Wanted(kubernetes_service.endpoints(config.advertise_address, config.port), _set_subsets)
    yield Wanted(kubernetes_service.endpoint_slice(config.advertise_address, config.port), _set_endpoints)
    yield Wanted(_legacy_token_tracking(now), _mend_since)
    yield from (Wanted(obj, _reset_spec, _FLOW_CONTROL) for obj in flow_control.objects(now))


def _legacy_token_tracking(now: str) -> ConfigMap:
    """Return the note since when the use of tokens in Secrets is noted, which their cleaner waits for (KEP-2799)."""
    metadata = ObjectMeta(name="kube-apiserver-legacy-service-account-token-tracking", namespace="kube-system")
    return ConfigMap(metadata=metadata, data={"since": now[:10]})


def _mend_since(live: ConfigMap, wanted: ConfigMap) -> None:
    """Write the day anew where it is none."""
    try:
        date.fromisoformat(live.data.get("since", ""))
    except ValueError:
        live.data["since"] = wanted.data["since"]


def _namespace(name: str) -> Namespace:
    metadata = ObjectMeta(name=name, labels={"kubernetes.io/metadata.name": name})
    return Namespace(metadata=metadata, spec=NamespaceSpec(finalizers=["kubernetes"]), status=NamespaceStatus(phase="Active"))


_PRIORITY_CLASSES = (
    (
        "system-node-critical",
        _SYSTEM_CRITICAL + 1000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        _SYSTEM_CRITICAL,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
)


def _priority_class(name: str, value: int, description: str) -> PriorityClass:
    policy = "PreemptLowerPriority"
    return PriorityClass(metadata=ObjectMeta(name=name, generation=1), value=value, description=description, preemptionPolicy=policy)


def _keep(live: ApiStruct, wanted: ApiStruct) -> None:
    """Leave the object as it is."""


def _reset_spec(live: Any, wanted: Any) -> None:
    """Undo changes of a flow-control object, unless its annotation says that they are meant."""
    mandatory = wanted.metadata.name in ("exempt", "catch-all")
    wanted_now = mandatory or live.metadata.annotations.get("apf.kubernetes.io/autoupdate-spec", "true") == "true"
    if wanted_now and live.spec != wanted.spec:
        live.spec = wanted.spec
        live.metadata.generation += 1


def _set_spec(live: Any, wanted: Any) -> None:
    """Undo changes of an APIService, unless somebody took it over by removing the label."""
    if api_services.MANAGED in live.metadata.labels:
        live.spec = wanted.spec


def _set_subsets(live: Any, wanted: Any) -> None:
    live.subsets = wanted.subsets
    live.metadata.labels |= wanted.metadata.labels


def _set_endpoints(live: Any, wanted: Any) -> None:
    live.endpoints, live.ports = wanted.endpoints, wanted.ports
    live.metadata.labels |= wanted.metadata.labels


def _merge_cidrs(live: Any, wanted: Any) -> None:
    """Let a single-stack cluster become a dual-stack one."""
    if live.spec.cidrs == wanted.spec.cidrs[:1]:
        live.spec.cidrs = wanted.spec.cidrs
    if live.spec.cidrs == wanted.spec.cidrs and not live.metadata.deletionTimestamp and not live.status.conditions:
        live.status = wanted.status


def _merge_data(live: Any, wanted: Any) -> None:
    live.data = authentication_config.merge(live.data, wanted.data)


def _merge_role(live: ClusterRole | Role, wanted: ClusterRole | Role) -> None:
    """Add the rules that are missing; nothing is taken away."""
    if _keeps_itself(live):
        return
    live.metadata.labels = {**wanted.metadata.labels, **live.metadata.labels}
    live.metadata.annotations = {**wanted.metadata.annotations, **live.metadata.annotations}
    if isinstance(live, ClusterRole) and isinstance(wanted, ClusterRole) and wanted.aggregationRule:
        live.aggregationRule = live.aggregationRule or wanted.aggregationRule
        return
    held = live.rules or []
    live.rules = held + uncovered(held, wanted.rules or ())


def _merge_binding(live: ClusterRoleBinding, wanted: ClusterRoleBinding) -> None:
    """Add the subjects that are missing."""
    if _keeps_itself(live) or live.roleRef != wanted.roleRef:
        return
    live.metadata.labels = {**wanted.metadata.labels, **live.metadata.labels}
    live.metadata.annotations = {**wanted.metadata.annotations, **live.metadata.annotations}
    live.subjects = live.subjects + [subject for subject in wanted.subjects if subject not in live.subjects]


def _keeps_itself(live: ClusterRole | Role | ClusterRoleBinding) -> bool:
    return live.metadata.annotations.get("rbac.authorization.kubernetes.io/autoupdate") == "false"


_MERGES_RBAC: dict[str, Merge] = {
    "ClusterRole": _merge_role,
    "Role": _merge_role,
    "ClusterRoleBinding": _merge_binding,
    "RoleBinding": _merge_binding,
}
