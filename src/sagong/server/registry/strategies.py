"""What is particular to a kind when it is written: one row for each kind that differs from the default.

The default kind has no generation, a `status` that only its status subresource writes, may be replaced without a
resourceVersion, and goes at once when it is deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sagong.api.clock import Random
from sagong.api.resources import Resource
from sagong.api.types.meta import DeleteOptions
from sagong.server.contract import User
from sagong.server.registry import prepare_kinds as kinds
from sagong.server.registry import prepare_pods, prepare_services


class Circumstances(NamedTuple):
    """What a strategy may need to know of a write: who writes, when (RFC 3339), a source of UUIDs, and what the client is told.

    `said_empty`: the client says of a list or map that it is empty, see `said_empty.py`.
    """

    user: User
    now: str
    random: Random
    warnings: list[str]
    said_empty: bool = False


Create = Callable[[Any, Any], None]
Update = Callable[[Any, Any, Any], None]


def _nothing_more(*_: Any) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """How one kind is written.

    generation            the fields whose change counts up metadata.generation; empty: it is not kept
    counts_empty          a list or map in them that is said to be empty counts as a change
    create, update        (obj, circumstances), (new, old, circumstances): what is left to do
    subresources          the same as `update` for other subresources than status; `status` runs after its generic part
    status_metadata       whether the status subresource keeps all of the old metadata
    gone                  whether an object that is being deleted and has no finalizer left may go
    grace                 the grace period of a deletion in seconds; None: the kind has none
    mark                  the kind's own beginning of a deletion: marks the object in place, returns whether it may go on
    default_policy        of the garbage collector: Background, Orphan or Unsupported
    create_on_update      whether a PUT may create
    unconditional_update  whether a PUT needs no resourceVersion
    returns_deleted       a deletion answers with the object instead of a Status
    delete_warning        for a deletion that leaves the policy to the default
    reserves              takes addresses and ports through the ServiceAllocator
    slow                  validation may take so long that it has a thread of its own
    """

    generation: tuple[str, ...] = ()
    counts_empty: bool = False
    create: Create = _nothing_more
    update: Update = _nothing_more
    subresources: Mapping[str, Update] = field(default_factory=dict)
    resets_status: bool = True
    status_metadata: tuple[str, ...] = ()
    gone: Callable[[Any], bool] | None = None
    grace: Callable[[Any, DeleteOptions], int] | None = None
    mark: Callable[[Any, datetime, DeleteOptions], bool] | None = None
    default_policy: str = "Background"
    create_on_update: bool = False
    unconditional_update: bool = True
    returns_deleted: bool = False
    delete_warning: str = ""
    reserves: bool = False
    slow: bool = False

    def prepare_create(self, obj: Any, circumstances: Circumstances) -> None:
        """Set what the client may not set."""
        if self.resets_status and hasattr(obj, "status"):
            obj.status = type(obj.status)()
        if self.generation:
            obj.metadata.generation = 1
        self.create(obj, circumstances)

    def prepare_update(self, new: Any, old: Any, subresource: str, circumstances: Circumstances) -> None:
        """Keep what this subresource ("" is the object itself) may not change."""
        if subresource in ("", "scale"):
            if hasattr(old, "status"):
                new.status = old.status
            self.update(new, old, circumstances)
            self._count(new, old, circumstances)
            return
        if subresource == "status":
            for name in new.__struct_fields__:
                if name not in ("apiVersion", "kind", "metadata", "status"):
                    setattr(new, name, getattr(old, name))
            for name in self.status_metadata:
                setattr(new.metadata, name, getattr(old.metadata, name))
        self.subresources.get(subresource, _nothing_more)(new, old, circumstances)

    def _count(self, new: Any, old: Any, circumstances: Circumstances) -> None:
        if circumstances.said_empty or any(_field(new, name) != _field(old, name) for name in self.generation):
            new.metadata.generation = old.metadata.generation + 1


def _field(obj: Any, path: str) -> Any:
    for name in path.split("."):
        obj = getattr(obj, name)
    return obj


SPEC = ("spec",)
_ALL_METADATA = ("generation", "labels", "annotations", "finalizers", "ownerReferences", "deletionTimestamp")
_SPEC_ONLY = Strategy(generation=SPEC)
_WEBHOOKS = Strategy(generation=("webhooks",), counts_empty=True, unconditional_update=False)
_POLICY = Strategy(generation=SPEC, unconditional_update=False, status_metadata=_ALL_METADATA)
_RETURNED = Strategy(returns_deleted=True)
_UPSERT = Strategy(create_on_update=True)
_DEFAULT = Strategy()
_FLOW = Strategy(generation=SPEC, status_metadata=_ALL_METADATA)

STRATEGIES: dict[tuple[str, str], Strategy] = {
    ("", "endpoints"): _UPSERT,
    ("", "events"): Strategy(create_on_update=True, default_policy="Unsupported"),
    ("", "limitranges"): Strategy(create_on_update=True, create=kinds.create_limit_range),
    ("", "namespaces"): Strategy(
        create=kinds.create_namespace,
        update=kinds.update_namespace,
        subresources={"finalize": kinds.finalize_namespace},
        gone=lambda namespace: not namespace.spec.finalizers,
        mark=kinds.mark_namespace,
        returns_deleted=True,
    ),
    ("", "nodes"): Strategy(resets_status=False),
    ("", "persistentvolumes"): Strategy(
        create=kinds.create_volume, subresources={"status": kinds.update_volume_status}, returns_deleted=True
    ),
    ("", "persistentvolumeclaims"): Strategy(create=kinds.create_claim, update=kinds.update_claim, returns_deleted=True),
    ("", "pods"): Strategy(
        generation=SPEC,
        create=prepare_pods.create,
        status_metadata=("ownerReferences",),
        subresources={
            "status": prepare_pods.update_status,
            "ephemeralcontainers": prepare_pods.update_ephemeral_containers,
            "resize": prepare_pods.update_resources,
        },
        grace=prepare_pods.grace,
        returns_deleted=True,
    ),
    ("", "podtemplates"): Strategy(generation=("template",), returns_deleted=True),
    ("", "replicationcontrollers"): Strategy(generation=SPEC, default_policy="Orphan"),
    ("", "resourcequotas"): _RETURNED,
    ("", "secrets"): Strategy(update=kinds.update_secret),
    ("", "serviceaccounts"): Strategy(create=kinds.create_service_account, update=kinds.update_service_account, returns_deleted=True),
    ("", "services"): Strategy(
        create_on_update=True,
        update=prepare_services.update,
        returns_deleted=True,
        reserves=True,
    ),
    ("apps", "daemonsets"): Strategy(generation=SPEC, create=kinds.create_daemon_set, update=kinds.update_daemon_set),
    ("apps", "deployments"): Strategy(generation=("spec", "metadata.annotations"), status_metadata=("labels",)),
    ("apps", "replicasets"): _SPEC_ONLY,
    ("apps", "statefulsets"): _SPEC_ONLY,
    ("batch", "cronjobs"): _SPEC_ONLY,
    ("batch", "jobs"): Strategy(generation=SPEC, create=kinds.create_job, default_policy="Orphan", delete_warning=kinds.JOB_DELETED),
    ("certificates.k8s.io", "certificatesigningrequests"): Strategy(
        create=kinds.create_signing_request,
        update=kinds.update_signing_request,
        subresources={"status": kinds.update_signing_request_status, "approval": kinds.update_approval},
    ),
    ("coordination.k8s.io", "leases"): Strategy(create_on_update=True, unconditional_update=False),
    ("discovery.k8s.io", "endpointslices"): Strategy(generation=("addressType", "endpoints", "ports", "metadata.labels")),
    ("networking.k8s.io", "ingresses"): _SPEC_ONLY,
    ("networking.k8s.io", "ingressclasses"): _SPEC_ONLY,
    ("networking.k8s.io", "networkpolicies"): Strategy(generation=SPEC, counts_empty=True),
    ("networking.k8s.io", "servicecidrs"): Strategy(status_metadata=_ALL_METADATA),
    ("node.k8s.io", "runtimeclasses"): Strategy(create_on_update=True, unconditional_update=False),
    ("policy", "poddisruptionbudgets"): Strategy(generation=SPEC, unconditional_update=False),
    ("rbac.authorization.k8s.io", "clusterroles"): _UPSERT,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _UPSERT,
    ("rbac.authorization.k8s.io", "roles"): _UPSERT,
    ("rbac.authorization.k8s.io", "rolebindings"): _UPSERT,
    ("resource.k8s.io", "deviceclasses"): Strategy(generation=SPEC, returns_deleted=True),
    ("resource.k8s.io", "resourceclaims"): Strategy(status_metadata=_ALL_METADATA, returns_deleted=True),
    ("resource.k8s.io", "resourceclaimtemplates"): _RETURNED,
    ("resource.k8s.io", "resourceslices"): Strategy(generation=SPEC, returns_deleted=True),
    ("scheduling.k8s.io", "priorityclasses"): Strategy(generation=("metadata.generation",)),
    ("storage.k8s.io", "csidrivers"): Strategy(update=kinds.count_driver, unconditional_update=False, returns_deleted=True),
    ("storage.k8s.io", "csinodes"): Strategy(unconditional_update=False, returns_deleted=True),
    ("storage.k8s.io", "csistoragecapacities"): Strategy(unconditional_update=False),
    ("storage.k8s.io", "storageclasses"): _RETURNED,
    ("storage.k8s.io", "volumeattachments"): Strategy(unconditional_update=False, status_metadata=_ALL_METADATA, returns_deleted=True),
    ("storage.k8s.io", "volumeattributesclasses"): _RETURNED,
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"): _POLICY,
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"): _POLICY,
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): _POLICY,
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"): _POLICY,
    ("apiextensions.k8s.io", "customresourcedefinitions"): Strategy(
        generation=SPEC,
        create=kinds.create_definition,
        update=kinds.update_definition,
        mark=kinds.mark_definition,
        slow=True,
        unconditional_update=False,
    ),
    ("apiregistration.k8s.io", "apiservices"): Strategy(
        create=kinds.create_api_service, status_metadata=("labels", "annotations", "finalizers", "ownerReferences")
    ),
    ("flowcontrol.apiserver.k8s.io", "flowschemas"): _FLOW,
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): _FLOW,
}


def strategy_of(row: Resource) -> Strategy:
    """Return the strategy of a row."""
    if row.module is None:
        custom: Strategy = row.extra.strategy
        return custom
    return STRATEGIES.get((row.group, row.plural), _DEFAULT)
