"""The flow schemas and priority levels that every cluster begins with (KEP-1040), as upstream has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sagong.api.types.flowcontrol import (
    ExemptPriorityLevelConfiguration,
    FlowDistinguisherMethod,
    FlowSchema,
    FlowSchemaCondition,
    FlowSchemaSpec,
    FlowSchemaStatus,
    GroupSubject,
    LimitedPriorityLevelConfiguration,
    LimitResponse,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    PriorityLevelConfiguration,
    PriorityLevelConfigurationReference,
    PriorityLevelConfigurationSpec,
    QueuingConfiguration,
    ResourcePolicyRule,
    ServiceAccountSubject,
    Subject,
    UserSubject,
)
from sagong.api.types.meta import ObjectMeta

_AUTO_UPDATE = "apf.kubernetes.io/autoupdate-spec"


class _Level(NamedTuple):
    """Shares of the concurrency, how much of it may be lent, and the queues; no queues: what is too much is rejected."""

    name: str
    shares: int
    lendable_percent: int
    queues: int = 0
    hand_size: int = 0


class _Schema(NamedTuple):
    """Which requests go to which level. `subjects` as `group:<name>`, `user:<name>` or `account:<namespace>/<name>`."""

    name: str
    level: str
    precedence: int
    distinguisher: str
    subjects: str
    resources: tuple[ResourcePolicyRule, ...] = ()
    paths: tuple[NonResourcePolicyRule, ...] = ()


def _resources(verbs: str, groups: list[str], resources: list[str], *, cluster_scope: bool) -> ResourcePolicyRule:
    return ResourcePolicyRule(verbs=verbs.split(), apiGroups=groups, resources=resources, namespaces=["*"], clusterScope=cluster_scope)


_EVERY_RESOURCE = (_resources("*", ["*"], ["*"], cluster_scope=True),)
_EVERY_PATH = (NonResourcePolicyRule(verbs=["*"], nonResourceURLs=["*"]),)
_LEASES = ["coordination.k8s.io"], ["leases"]
_ANYBODY = "group:system:unauthenticated group:system:authenticated"

_LEVELS = (
    _Level("catch-all", 5, 0),
    _Level("system", 30, 33, 64, 6),
    _Level("node-high", 40, 25, 64, 6),
    _Level("leader-election", 10, 0, 16, 4),
    _Level("workload-high", 40, 50, 128, 6),
    _Level("workload-low", 100, 90, 128, 6),
    _Level("global-default", 20, 50, 128, 6),
)
_SCHEMAS = (
    _Schema("exempt", "exempt", 1, "", "group:system:masters", _EVERY_RESOURCE, _EVERY_PATH),
    _Schema("catch-all", "catch-all", 10000, "ByUser", _ANYBODY, _EVERY_RESOURCE, _EVERY_PATH),
    _Schema("system-nodes", "system", 500, "ByUser", "group:system:nodes", _EVERY_RESOURCE, _EVERY_PATH),
    _Schema(
        "system-node-high",
        "node-high",
        400,
        "ByUser",
        "group:system:nodes",
        (_resources("*", [""], ["nodes", "nodes/status"], cluster_scope=True), _resources("*", *_LEASES, cluster_scope=False)),
    ),
    _Schema(
        "probes",
        "exempt",
        2,
        "",
        _ANYBODY,
        paths=(NonResourcePolicyRule(verbs=["get"], nonResourceURLs=["/healthz", "/readyz", "/livez"]),),
    ),
    _Schema(
        "system-leader-election",
        "leader-election",
        100,
        "ByUser",
        "user:system:kube-controller-manager user:system:kube-scheduler account:kube-system/*",
        (_resources("get create update", *_LEASES, cluster_scope=False),),
    ),
    _Schema(
        "kube-controller-manager",
        "workload-high",
        800,
        "ByNamespace",
        "user:system:kube-controller-manager",
        _EVERY_RESOURCE,
        _EVERY_PATH,
    ),
    _Schema("kube-scheduler", "workload-high", 800, "ByNamespace", "user:system:kube-scheduler", _EVERY_RESOURCE, _EVERY_PATH),
    _Schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", "account:kube-system/*", _EVERY_RESOURCE, _EVERY_PATH),
    _Schema("service-accounts", "workload-low", 9000, "ByUser", "group:system:serviceaccounts", _EVERY_RESOURCE, _EVERY_PATH),
    _Schema("global-default", "global-default", 9900, "ByUser", _ANYBODY, _EVERY_RESOURCE, _EVERY_PATH),
)


def objects(now: str) -> Iterator[FlowSchema | PriorityLevelConfiguration]:
    """Yield all of them; the schemas say that since `now` their level exists."""
    exempt = ExemptPriorityLevelConfiguration(nominalConcurrencyShares=0, lendablePercent=0)
    yield _level("exempt", PriorityLevelConfigurationSpec(type="Exempt", exempt=exempt))
    for row in _LEVELS:
        yield _level(row.name, PriorityLevelConfigurationSpec(type="Limited", limited=_limited(row)))
    for schema in _SCHEMAS:
        yield _flow_schema(schema, now)


def _metadata(name: str) -> ObjectMeta:
    return ObjectMeta(name=name, generation=1, annotations={_AUTO_UPDATE: "true"})


def _level(name: str, spec: PriorityLevelConfigurationSpec) -> PriorityLevelConfiguration:
    return PriorityLevelConfiguration(metadata=_metadata(name), spec=spec)


def _limited(level: _Level) -> LimitedPriorityLevelConfiguration:
    response = LimitResponse(type="Reject")
    if level.queues:
        queuing = QueuingConfiguration(queues=level.queues, handSize=level.hand_size, queueLengthLimit=50)
        response = LimitResponse(type="Queue", queuing=queuing)
    return LimitedPriorityLevelConfiguration(
        nominalConcurrencyShares=level.shares, lendablePercent=level.lendable_percent, limitResponse=response
    )


def _flow_schema(row: _Schema, now: str) -> FlowSchema:
    rules = PolicyRulesWithSubjects(
        subjects=[_subject(text) for text in row.subjects.split()], resourceRules=list(row.resources), nonResourceRules=list(row.paths)
    )
    spec = FlowSchemaSpec(
        priorityLevelConfiguration=PriorityLevelConfigurationReference(name=row.level),
        matchingPrecedence=row.precedence,
        distinguisherMethod=FlowDistinguisherMethod(type=row.distinguisher) if row.distinguisher else None,
        rules=[rules],
    )
    message = f'This FlowSchema references the PriorityLevelConfiguration object named "{row.level}" and it exists'
    found = FlowSchemaCondition(type="Dangling", status="False", lastTransitionTime=now, reason="Found", message=message)
    return FlowSchema(metadata=_metadata(row.name), spec=spec, status=FlowSchemaStatus(conditions=[found]))


def _subject(text: str) -> Subject:
    kind, _, name = text.partition(":")
    if kind == "user":
        return Subject(kind="User", user=UserSubject(name=name))
    if kind == "group":
        return Subject(kind="Group", group=GroupSubject(name=name))
    namespace, _, name = name.partition("/")
    return Subject(kind="ServiceAccount", serviceAccount=ServiceAccountSubject(namespace=namespace, name=name))
