"""/healthz, /livez and /readyz: checks under upstream's names, each of which is about the part that does the same work here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sagong.api.slis import Slis
from sagong.server.exchange import Exchange
from sagong.server.messages import TEXT, Answer, Response

Check = Callable[[], str | None]
"""A health check: None when well, else what is wrong."""

_READY_ONLY = frozenset({"etcd-readiness", "informer-sync", "shutdown"})
LEFT_OUT: Mapping[str, frozenset[str]] = {"/healthz": _READY_ONLY, "/livez": _READY_ONLY, "/readyz": frozenset()}
"""The checks that a path does not have."""

_LOOPS = (
    "start-apiserver-admission-initializer",
    "generic-apiserver-start-informers",
    "priority-and-fairness-config-consumer",
    "priority-and-fairness-filter",
    "storage-object-count-tracker-hook",
    "start-apiextensions-informers",
    "start-apiextensions-controllers",
)
_DEFINITIONS = ("crd-informer-synced",)
_OBJECTS = (
    "start-system-namespaces-controller",
    "start-cluster-authentication-info-controller",
    "start-legacy-token-tracking-controller",
    "start-service-ip-repair-controllers",
    "rbac/bootstrap-roles",
    "scheduling/bootstrap-system-priority-classes",
    "priority-and-fairness-config-producer",
    "bootstrap-controller",
    "start-kubernetes-service-cidr-controller",
    "storage-readiness",
)
_AGGREGATION = (
    "aggregator-reload-proxy-client-cert",
    "start-kube-aggregator-informers",
    "apiservice-status-local-available-controller",
    "apiservice-status-remote-available-controller",
    "apiservice-registration-controller",
    "apiservice-discovery-controller",
    "kube-apiserver-autoregistration",
)
_DOCUMENTS = ("apiservice-openapi-controller", "apiservice-openapiv3-controller")


def checks(*, store: Check, objects: Check, definitions: Check, loops: Check, aggregation: Check, shutdown: Check) -> dict[str, Check]:
    """Return all checks by name, in the order in which upstream shows them.

    `objects`: the server's own objects are in the store; `definitions`: custom resources are served; `loops`: what runs beside
    requests has begun; `aggregation`: the APIServices have been read.
    """
    hooks = ((_LOOPS, loops), (_DEFINITIONS, definitions), (_OBJECTS, objects), (_AGGREGATION, aggregation))
    found: dict[str, Check] = {"ping": _well, "log": _well, "etcd": store, "etcd-readiness": store, "informer-sync": definitions}
    found |= {f"poststarthook/{name}": check for names, check in hooks for name in names}
    found["autoregister-completion"] = aggregation
    return found | {f"poststarthook/{name}": aggregation for name in _DOCUMENTS} | {"shutdown": shutdown}


def _well() -> str | None:
    return None


class Health:
    """One of /healthz, /livez, /readyz: named checks, each also a page of its own below the path."""

    def __init__(self, path: str, checks: Mapping[str, Check], slis: Slis) -> None:
        self._path, self._kind = path, path.strip("/")
        self._checks = {name: self._counted(name, check, slis) for name, check in checks.items()}

    def _counted(self, name: str, check: Check, slis: Slis) -> Check:
        def counted() -> str | None:
            reason = check()
            slis.observe(name, self._kind, well=reason is None)
            return reason

        return counted

    def __call__(self, exchange: Exchange) -> Answer:
        """Answer ok, or which checks failed."""
        name = exchange.info.path.removeprefix(self._path).strip("/")
        if name:
            check = self._checks.get(name)
            if check is None:
                return Response(b"404 page not found\n", 404, TEXT)
            reason = check()
            if reason is None:
                return Response(b"ok", content_type=TEXT)
            return Response(f"internal server error: {reason}\n".encode(), 500, TEXT)
        excluded = set(exchange.request.query.get("exclude", ()))
        failed, lines = False, []
        for check_name, check in self._checks.items():
            if check_name in excluded:
                lines.append(f"[+]{check_name} excluded: ok")
            elif check() is None:
                lines.append(f"[+]{check_name} ok")
            else:
                failed = True
                lines.append(f"[-]{check_name} failed: reason withheld")
        if failed:
            return Response(("\n".join([*lines, f"{self._kind} check failed"]) + "\n").encode(), 500, TEXT)
        if "verbose" in exchange.request.query:
            return Response(("\n".join([*lines, f"{self._kind} check passed"]) + "\n").encode(), content_type=TEXT)
        return Response(b"ok", content_type=TEXT)
