"""The resource table: one row for each resource of Kubernetes 1.36 that is on by default.

Everything that is generic over kinds (verbs, discovery, routing, storage keys, the client's paths, garbage collection)
reads this table. A CustomResourceDefinition adds rows at run time to a `ResourceTable` of the server's own.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sagong.api.types.base import ApiStruct

ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
NO_COLLECTION_DELETE = tuple(verb for verb in ALL if verb != "deletecollection")
CREATE = ("create",)
READ = ("get", "list")
GET = ("get",)
UPDATE = ("update",)
CHANGE = ("get", "patch", "update")
CONNECT = ("create", "get")
PROXY = ("create", "delete", "get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Sub:
    """A subresource: its name, the kind it speaks, its verbs; group and version only where they are not the parent's."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


STATUS = Sub("status", "", CHANGE)
SCALE = Sub("scale", "Scale", CHANGE, "autoscaling", "v1")

# Upstream's storage keys that are not the plural (pkg/kubeapiserver, SpecialDefaultResourcePrefixes).
_STORAGE_PREFIXES = {
    ("", "replicationcontrollers"): "controllers",
    ("", "endpoints"): "services/endpoints",
    ("", "nodes"): "minions",
    ("", "services"): "services/specs",
    ("networking.k8s.io", "ingresses"): "ingress",
    ("events.k8s.io", "events"): "events",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "apiextensions.k8s.io/customresourcedefinitions",
    ("apiregistration.k8s.io", "apiservices"): "apiregistration.k8s.io/apiservices",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource at one version. `module` names the sagong.api.types module of its Struct; None: a custom resource."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool = True
    verbs: tuple[str, ...] = ALL
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Sub, ...] = ()
    module: str | None = None
    list_kind: str = ""
    extra: Any = field(default=None, compare=False, repr=False)
    storage_prefix: str = field(init=False, compare=False, repr=False)
    """The key under which upstream stores this resource's objects, with both slashes."""

    def __post_init__(self) -> None:
        """Make what follows from the rest, once: the hot path asks ten times for each write."""
        where = f"{self.group}/{self.plural}" if self.module is None else _STORAGE_PREFIXES.get((self.group, self.plural), self.plural)
        object.__setattr__(self, "storage_prefix", f"/registry/{where}/")

    def __hash__(self) -> int:
        """Hash by what names the row: rows are keys of caches on the hot path."""
        return hash((self.group, self.version, self.plural))

    @property
    def api_version(self) -> str:
        """`v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """`pods` or `deployments.apps`, as error messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def storage_key(self, namespace: str, name: str) -> str:
        """Return the storage key of one object; `namespace` is ignored for cluster-scoped resources."""
        return f"{self.storage_prefix}{namespace}/{name}" if self.namespaced else f"{self.storage_prefix}{name}"

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL path; an empty namespace on a namespaced resource means all namespaces."""
        parts = ["/api/v1" if not self.group else f"/apis/{self.group}/{self.version}"]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)

    def subresource(self, name: str) -> Sub | None:
        """Return the subresource of that name."""
        return next((sub for sub in self.subresources if sub.name == name), None)

    @property
    def type(self) -> type[ApiStruct]:
        """The Struct of the kind. Raises LookupError for a custom resource."""
        if self.module is None:
            raise LookupError(f"{self.group_resource} has no Struct")
        return _struct(self.module, self.kind)


@functools.cache
def _struct(module: str, kind: str) -> type[ApiStruct]:
    struct: type[ApiStruct] = getattr(importlib.import_module(f"sagong.api.types.{module}"), kind)
    return struct


def _row(
    kind: str,
    plural: str,
    *,
    singular: str = "",
    namespaced: bool = True,
    verbs: tuple[str, ...] = ALL,
    short: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    subs: tuple[Sub, ...] = (),
) -> Callable[[str, str, str], Resource]:
    def at(group: str, version: str, module: str) -> Resource:
        own = tuple(replace(sub, kind=kind) if not sub.kind else sub for sub in subs)
        return Resource(
            group,
            version,
            kind,
            plural,
            singular or kind.lower(),
            namespaced,
            verbs,
            short,
            categories,
            own,
            module,
            f"{kind}List",
        )

    return at


def _group(group: str, version: str, module: str, *rows: Callable[[str, str, str], Resource]) -> Iterator[Resource]:
    return (row(group, version, module) for row in rows)


BUILT_IN: tuple[Resource, ...] = (
    *_group(
        "",
        "v1",
        "core",
        _row("Binding", "bindings", verbs=CREATE),
        _row("ComponentStatus", "componentstatuses", namespaced=False, verbs=READ, short=("cs",)),
        _row("ConfigMap", "configmaps", short=("cm",)),
        _row("Endpoints", "endpoints", short=("ep",)),
        _row("Event", "events", short=("ev",)),
        _row("LimitRange", "limitranges", short=("limits",)),
        _row(
            "Namespace",
            "namespaces",
            namespaced=False,
            verbs=NO_COLLECTION_DELETE,
            short=("ns",),
            subs=(
                Sub("finalize", "Namespace", UPDATE),
                STATUS,
            ),
        ),
        _row(
            "Node",
            "nodes",
            namespaced=False,
            short=("no",),
            subs=(
                Sub("proxy", "NodeProxyOptions", PROXY),
                STATUS,
            ),
        ),
        _row("PersistentVolumeClaim", "persistentvolumeclaims", short=("pvc",), subs=(STATUS,)),
        _row("PersistentVolume", "persistentvolumes", namespaced=False, short=("pv",), subs=(STATUS,)),
        _row(
            "Pod",
            "pods",
            short=("po",),
            categories=("all",),
            subs=(
                Sub("attach", "PodAttachOptions", CONNECT),
                Sub("binding", "Binding", CREATE),
                Sub("ephemeralcontainers", "Pod", CHANGE),
                Sub("eviction", "Eviction", CREATE, "policy", "v1"),
                Sub("exec", "PodExecOptions", CONNECT),
                Sub("log", "Pod", GET),
                Sub("portforward", "PodPortForwardOptions", CONNECT),
                Sub("proxy", "PodProxyOptions", PROXY),
                Sub("resize", "Pod", CHANGE),
                STATUS,
            ),
        ),
        _row("PodTemplate", "podtemplates"),
        _row(
            "ReplicationController",
            "replicationcontrollers",
            short=("rc",),
            categories=("all",),
            subs=(
                SCALE,
                STATUS,
            ),
        ),
        _row("ResourceQuota", "resourcequotas", short=("quota",), subs=(STATUS,)),
        _row("Secret", "secrets"),
        _row(
            "ServiceAccount", "serviceaccounts", short=("sa",), subs=(Sub("token", "TokenRequest", CREATE, "authentication.k8s.io", "v1"),)
        ),
        _row(
            "Service",
            "services",
            short=("svc",),
            categories=("all",),
            subs=(
                Sub("proxy", "ServiceProxyOptions", PROXY),
                STATUS,
            ),
        ),
    ),
    *_group(
        "apps",
        "v1",
        "apps",
        _row("ControllerRevision", "controllerrevisions"),
        _row("DaemonSet", "daemonsets", short=("ds",), categories=("all",), subs=(STATUS,)),
        _row(
            "Deployment",
            "deployments",
            short=("deploy",),
            categories=("all",),
            subs=(
                SCALE,
                STATUS,
            ),
        ),
        _row(
            "ReplicaSet",
            "replicasets",
            short=("rs",),
            categories=("all",),
            subs=(
                SCALE,
                STATUS,
            ),
        ),
        _row(
            "StatefulSet",
            "statefulsets",
            short=("sts",),
            categories=("all",),
            subs=(
                SCALE,
                STATUS,
            ),
        ),
    ),
    *_group(
        "batch",
        "v1",
        "batch",
        _row("CronJob", "cronjobs", short=("cj",), categories=("all",), subs=(STATUS,)),
        _row("Job", "jobs", categories=("all",), subs=(STATUS,)),
    ),
    *_group(
        "autoscaling",
        "v2",
        "autoscaling",
        _row("HorizontalPodAutoscaler", "horizontalpodautoscalers", short=("hpa",), categories=("all",), subs=(STATUS,)),
    ),
    *_group(
        "autoscaling",
        "v1",
        "autoscaling_v1",
        _row("HorizontalPodAutoscaler", "horizontalpodautoscalers", short=("hpa",), categories=("all",), subs=(STATUS,)),
    ),
    *_group(
        "events.k8s.io",
        "v1",
        "events",
        _row("Event", "events", short=("ev",)),
    ),
    *_group(
        "authentication.k8s.io",
        "v1",
        "authentication",
        _row("SelfSubjectReview", "selfsubjectreviews", namespaced=False, verbs=CREATE),
        _row("TokenReview", "tokenreviews", namespaced=False, verbs=CREATE),
    ),
    *_group(
        "authorization.k8s.io",
        "v1",
        "authorization",
        _row("LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=CREATE),
        _row("SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False, verbs=CREATE),
        _row("SelfSubjectRulesReview", "selfsubjectrulesreviews", namespaced=False, verbs=CREATE),
        _row("SubjectAccessReview", "subjectaccessreviews", namespaced=False, verbs=CREATE),
    ),
    *_group(
        "certificates.k8s.io",
        "v1",
        "certificates",
        _row(
            "CertificateSigningRequest",
            "certificatesigningrequests",
            namespaced=False,
            short=("csr",),
            subs=(
                Sub("approval", "CertificateSigningRequest", CHANGE),
                STATUS,
            ),
        ),
    ),
    *_group(
        "networking.k8s.io",
        "v1",
        "networking",
        _row("IngressClass", "ingressclasses", namespaced=False),
        _row("Ingress", "ingresses", short=("ing",), subs=(STATUS,)),
        _row("IPAddress", "ipaddresses", namespaced=False, short=("ip",)),
        _row("NetworkPolicy", "networkpolicies", short=("netpol",)),
        _row("ServiceCIDR", "servicecidrs", namespaced=False, subs=(STATUS,)),
    ),
    *_group(
        "policy",
        "v1",
        "policy",
        _row("PodDisruptionBudget", "poddisruptionbudgets", short=("pdb",), subs=(STATUS,)),
    ),
    *_group(
        "rbac.authorization.k8s.io",
        "v1",
        "rbac",
        _row("ClusterRoleBinding", "clusterrolebindings", namespaced=False),
        _row("ClusterRole", "clusterroles", namespaced=False),
        _row("RoleBinding", "rolebindings"),
        _row("Role", "roles"),
    ),
    *_group(
        "storage.k8s.io",
        "v1",
        "storage",
        _row("CSIDriver", "csidrivers", namespaced=False),
        _row("CSINode", "csinodes", namespaced=False),
        _row("CSIStorageCapacity", "csistoragecapacities"),
        _row("StorageClass", "storageclasses", namespaced=False, short=("sc",)),
        _row("VolumeAttachment", "volumeattachments", namespaced=False, subs=(STATUS,)),
        _row("VolumeAttributesClass", "volumeattributesclasses", namespaced=False, short=("vac",)),
    ),
    *_group(
        "admissionregistration.k8s.io",
        "v1",
        "admissionregistration",
        _row("MutatingAdmissionPolicy", "mutatingadmissionpolicies", namespaced=False, categories=("api-extensions",)),
        _row("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", namespaced=False, categories=("api-extensions",)),
        _row("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", namespaced=False, categories=("api-extensions",)),
        _row("ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False, categories=("api-extensions",), subs=(STATUS,)),
        _row("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", namespaced=False, categories=("api-extensions",)),
        _row("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", namespaced=False, categories=("api-extensions",)),
    ),
    *_group(
        "apiextensions.k8s.io",
        "v1",
        "apiextensions",
        _row(
            "CustomResourceDefinition",
            "customresourcedefinitions",
            namespaced=False,
            short=("crd", "crds"),
            categories=("api-extensions",),
            subs=(STATUS,),
        ),
    ),
    *_group(
        "apiregistration.k8s.io",
        "v1",
        "apiregistration",
        _row("APIService", "apiservices", namespaced=False, categories=("api-extensions",), subs=(STATUS,)),
    ),
    *_group(
        "scheduling.k8s.io",
        "v1",
        "scheduling",
        _row("PriorityClass", "priorityclasses", namespaced=False, short=("pc",)),
    ),
    *_group(
        "coordination.k8s.io",
        "v1",
        "coordination",
        _row("Lease", "leases"),
    ),
    *_group(
        "node.k8s.io",
        "v1",
        "node",
        _row("RuntimeClass", "runtimeclasses", namespaced=False),
    ),
    *_group(
        "discovery.k8s.io",
        "v1",
        "discovery",
        _row("EndpointSlice", "endpointslices"),
    ),
    *_group(
        "resource.k8s.io",
        "v1",
        "resource",
        _row("DeviceClass", "deviceclasses", namespaced=False),
        _row("ResourceClaim", "resourceclaims", subs=(STATUS,)),
        _row("ResourceClaimTemplate", "resourceclaimtemplates"),
        _row("ResourceSlice", "resourceslices", namespaced=False),
    ),
    *_group(
        "flowcontrol.apiserver.k8s.io",
        "v1",
        "flowcontrol",
        _row("FlowSchema", "flowschemas", namespaced=False, subs=(STATUS,)),
        _row("PriorityLevelConfiguration", "prioritylevelconfigurations", namespaced=False, subs=(STATUS,)),
    ),
)


class ResourceTable:
    """An index of rows by path, kind and type. The module's TABLE holds the built-in ones; a server copies and extends it."""

    def __init__(self, rows: Iterable[Resource] = BUILT_IN) -> None:
        self._by_path: dict[tuple[str, str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}
        for row in rows:
            self.add(row)

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._by_path.values()))

    def add(self, row: Resource) -> None:
        """Add or replace a row."""
        self._by_path[row.group, row.version, row.plural] = row
        self._by_kind[row.api_version, row.kind] = row

    def remove(self, row: Resource) -> None:
        """Take a row out; absent rows are ignored."""
        self._by_path.pop((row.group, row.version, row.plural), None)
        self._by_kind.pop((row.api_version, row.kind), None)

    def by_path(self, group: str, version: str, plural: str) -> Resource | None:
        """Return the row served under that group, version and plural."""
        return self._by_path.get((group, version, plural))

    def has(self, group: str, version: str) -> bool:
        """Tell whether anything is served under a group and version."""
        return any((row.group, row.version) == (group, version) for row in self._by_path.values())

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        """Return the row of an object's apiVersion and kind."""
        return self._by_kind.get((api_version, kind))


TABLE = ResourceTable()


@functools.cache
def resource_of(kind: type[ApiStruct]) -> Resource:
    """Return the row of a Struct. Raises LookupError when the Struct is not a resource's kind."""
    module = kind.__module__.rsplit(".", 1)[-1]
    for row in BUILT_IN:
        if row.module == module and row.kind == kind.__name__:
            return row
    raise LookupError(f"{kind.__name__} is not a resource")
