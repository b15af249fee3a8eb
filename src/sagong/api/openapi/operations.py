"""The operations of a resource as OpenAPI tells them, neutral between version 2 and 3: paths, parameters, bodies, answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sagong.api.openapi.schemas import META, name_of
from sagong.api.resources import Resource, Sub

STATUS = f"{META}.Status"
DELETE_OPTIONS = f"{META}.DeleteOptions"
PATCH = f"{META}.Patch"
PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)

# Kinds whose deletion answers with the object instead of a Status.
RETURNED_ON_DELETION = frozenset(
    {
        *("csidrivers", "csinodes", "deviceclasses", "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates"),
        *("resourceclaims", "resourceclaimtemplates", "resourcequotas", "resourceslices", "serviceaccounts", "services"),
        *("storageclasses", "volumeattachments", "volumeattributesclasses"),
    }
)
_WRITE = ("dryRun", "fieldManager", "fieldValidation")
_PAGE = ("continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "resourceVersionMatch", "sendInitialEvents")
_DELETE = ("dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents", "propagationPolicy")
_LIST = ("allowWatchBookmarks", *_PAGE, "timeoutSeconds", "watch")
_STREAMS = ("container", "stderr", "stdin", "stdout", "tty")
_CONNECT: dict[str, tuple[str, ...]] = {
    "PodAttachOptions": _STREAMS,
    "PodExecOptions": ("command", *_STREAMS),
    "PodPortForwardOptions": ("ports",),
    "PodProxyOptions": ("path",),
    "NodeProxyOptions": ("path",),
    "ServiceProxyOptions": ("path",),
}
_LOG = (
    "container",
    "follow",
    "insecureSkipTLSVerifyBackend",
    "limitBytes",
    "previous",
    "sinceSeconds",
    "stream",
    "tailLines",
    "timestamps",
)
_INTEGERS = frozenset({"gracePeriodSeconds", "limit", "limitBytes", "ports", "sinceSeconds", "tailLines", "timeoutSeconds"})
_BOOLEANS = frozenset(
    {
        *("allowWatchBookmarks", "follow", "force", "ignoreStoreReadErrorWithClusterBreakingPotential", "insecureSkipTLSVerifyBackend"),
        *("orphanDependents", "previous", "sendInitialEvents", "stderr", "stdin", "stdout", "timestamps", "tty", "watch"),
    }
)


def patch_types(resource: Resource) -> tuple[str, ...]:
    """Return the media types of patches; strategic ones need a Struct."""
    return PATCH_TYPES if resource.module is not None else tuple(name for name in PATCH_TYPES if "strategic" not in name)


def parameter_type(name: str) -> str:
    """Return the JSON type of a query or path parameter."""
    return "integer" if name in _INTEGERS else "boolean" if name in _BOOLEANS else "string"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a path. `answers` are schema names by status code, "" for text; `watchable` answers also stream."""

    method: str
    action: str
    verb: str
    subject: str
    kind: tuple[str, str, str]
    answers: dict[int, str]
    query: tuple[str, ...] = ()
    body: str = ""
    body_required: bool = False
    watchable: bool = False

    def identity(self, title: str) -> str:
        """Return the operationId, `listAppsV1NamespacedDeployment` for the title `AppsV1`."""
        return f"{self.verb}{title}{self.subject}"


@dataclass(frozen=True, slots=True)
class Path:
    """One URL with its operations; `parameters` are those in the URL, `query` those that all operations take."""

    url: str
    parameters: tuple[str, ...]
    operations: tuple[Operation, ...]
    query: tuple[str, ...] = ("pretty",)


def group_title(group: str, version: str) -> str:
    """Return `AppsV1`, `CoreV1`, `RbacAuthorizationV1`."""
    return "".join(part[:1].upper() + part[1:] for part in (*_words(group), version))


def tag(group: str, version: str) -> str:
    """Return `apps_v1`, `core_v1`, `rbacAuthorization_v1`."""
    first, *rest = _words(group)
    return f"{first}{''.join(part.capitalize() for part in rest)}_{version}"


def _words(group: str) -> list[str]:
    return (group.removesuffix(".k8s.io") or "core").split(".")


def schema_name(resource: Resource, *, items: bool = False) -> str:
    """Return the schema name of a resource's kind or of its list."""
    kind = (resource.list_kind or f"{resource.kind}List") if items else resource.kind
    if resource.module is None:
        return ".".join([*reversed(resource.group.split(".")), resource.version, kind])
    return f"{name_of(resource.type).rpartition('.')[0]}.{kind}"


def paths_of(resource: Resource) -> Iterator[Path]:
    """Yield the paths of a resource and its subresources."""
    many, one = _own_operations(resource)
    base = resource.path("{namespace}")
    scope = ("namespace",) if resource.namespaced else ()
    if resource.namespaced and "list" in resource.verbs:
        subject = f"{resource.kind}ForAllNamespaces"
        yield Path(resource.path(), (), (_listing(resource, subject),), ("pretty", *sorted(_LIST)))
    if many:
        yield Path(base, scope, tuple(many))
    if one:
        yield Path(f"{base}/{{name}}", ("name", *scope), tuple(one))
    for sub in resource.subresources:
        yield from _sub_paths(resource, sub, f"{base}/{{name}}/{sub.name}", ("name", *scope))


def _listing(resource: Resource, subject: str) -> Operation:
    answer = {200: schema_name(resource, items=True)}
    return Operation("get", "list", "list", subject, _kind(resource), answer, watchable=True)


def _kind(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.kind


def _own_operations(resource: Resource) -> tuple[list[Operation], list[Operation]]:
    """Return the operations on the collection and on one object."""
    subject = f"{'Namespaced' if resource.namespaced else ''}{resource.kind}"
    kind, own = _kind(resource), schema_name(resource)
    deleted = own if resource.plural in RETURNED_ON_DELETION else STATUS
    many = [
        Operation("get", "list", "list", subject, kind, {200: schema_name(resource, items=True)}, _LIST, watchable=True),
        Operation("post", "post", "create", subject, kind, dict.fromkeys((200, 201, 202), own), _WRITE, own, body_required=True),
        Operation("delete", "deletecollection", "delete", f"Collection{subject}", kind, {200: STATUS}, _collection(), DELETE_OPTIONS),
    ]
    verbs = {"list": "list", "post": "create", "deletecollection": "deletecollection"}
    one = [
        *_object_operations(subject, kind, own, resource.verbs),
        Operation("delete", "delete", "delete", subject, kind, dict.fromkeys((200, 202), deleted), _DELETE, DELETE_OPTIONS),
    ]
    return (
        [operation for operation in many if verbs[operation.action] in resource.verbs],
        [operation for operation in one if operation.action != "delete" or "delete" in resource.verbs],
    )


def _collection() -> tuple[str, ...]:
    return tuple(sorted({*_PAGE, *_DELETE, "timeoutSeconds"}))


def _object_operations(subject: str, kind: tuple[str, str, str], own: str, verbs: Iterable[str], suffix: str = "") -> Iterator[Operation]:
    full = f"{subject}{suffix}"
    if "get" in verbs:
        yield Operation("get", "get", "read", full, kind, {200: own})
    if "update" in verbs:
        yield Operation("put", "put", "replace", full, kind, dict.fromkeys((200, 201), own), _WRITE, own, body_required=True)
    if "patch" in verbs:
        query = (*_WRITE, "force")
        yield Operation("patch", "patch", "patch", full, kind, dict.fromkeys((200, 201), own), query, PATCH, body_required=True)


def _sub_paths(resource: Resource, sub: Sub, url: str, parameters: tuple[str, ...]) -> Iterator[Path]:
    scope = "Namespaced" if resource.namespaced else ""
    subject, suffix = f"{scope}{resource.kind}", sub.name[:1].upper() + sub.name[1:]
    if sub.kind in _CONNECT:
        yield from _connect_paths(resource, sub, url, parameters, f"{subject}{suffix}")
        return
    group, version = (sub.group, sub.version) if sub.version else (resource.group, resource.version)
    kind, own = (group, version, sub.kind or resource.kind), _sub_schema(resource, sub)
    if sub.name == "log":
        log = Operation("get", "get", "read", f"{subject}Log", kind, {200: ""})
        yield Path(url, parameters, (log,), ("pretty", *_LOG))
        return
    operations = [*_object_operations(subject, kind, own, sub.verbs, suffix)]
    if "create" in sub.verbs:
        answers = dict.fromkeys((200, 201, 202), own)
        operations.append(Operation("post", "post", "create", f"{subject}{suffix}", kind, answers, _WRITE, own, body_required=True))
    yield Path(url, parameters, tuple(operations))


def _sub_schema(resource: Resource, sub: Sub) -> str:
    if sub.kind in ("", resource.kind):
        return schema_name(resource)
    if not sub.version:
        return f"{name_of(resource.type).rpartition('.')[0]}.{sub.kind}"
    return f"io.k8s.api.{sub.group.partition('.')[0]}.{sub.version}.{sub.kind}"


def _connect_paths(resource: Resource, sub: Sub, url: str, parameters: tuple[str, ...], subject: str) -> Iterator[Path]:
    methods = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}
    kind = (resource.group, resource.version, sub.kind)
    targets = [(url, parameters, "")]
    if sub.name == "proxy":
        targets.append((f"{url}/{{path}}", (*parameters, "path"), "WithPath"))
    for target, names, ending in targets:
        operations = tuple(
            Operation(method, "connect", "connect", f"{method.capitalize()}{subject}{ending}", kind, {200: ""})
            for method in (methods[verb] for verb in sub.verbs)
        )
        yield Path(target, names, operations, _CONNECT[sub.kind])
