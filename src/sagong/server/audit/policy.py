"""The audit policy (audit.k8s.io/v1): which requests are recorded, how fully, and at which stages. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from msgspec import field

from sagong.server.contract import User
from sagong.server.request_info import RequestInfo

NONE, METADATA, REQUEST, REQUEST_RESPONSE = LEVELS = ("None", "Metadata", "Request", "RequestResponse")
RECEIVED, STARTED, COMPLETE, PANIC = STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
_VERSION, _KIND = "audit.k8s.io/v1", "Policy"


class _Struct(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class GroupResources(_Struct):
    """Resources of a group; none: all of them. `pods`, `pods/log`, `pods/*`, `*/scale`, `*`."""

    group: str = ""
    resources: list[str] = field(default_factory=list)
    resourceNames: list[str] = field(default_factory=list)


class Rule(_Struct):
    """What is said matches; what is not said matches everything."""

    level: str = ""
    users: list[str] = field(default_factory=list)
    userGroups: list[str] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    resources: list[GroupResources] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    nonResourceURLs: list[str] = field(default_factory=list)
    omitStages: list[str] = field(default_factory=list)
    omitManagedFields: bool | None = None


class Policy(_Struct):
    """The file. The first rule that matches a request decides."""

    apiVersion: str = ""
    kind: str = ""
    metadata: dict[str, object] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    omitStages: list[str] = field(default_factory=list)
    omitManagedFields: bool = False


class Decision(NamedTuple):
    """How one request is recorded."""

    level: str
    omit_stages: Sequence[str] = ()
    omit_managed_fields: bool = False


class PolicyError(ValueError):
    """The file is no policy; the message says why."""


def parse(text: bytes) -> Policy:
    """Read and check a policy, YAML or JSON. Raises PolicyError."""
    import yaml  # noqa: PLC0415 - read once, by servers that audit

    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
        policy = msgspec.convert(content, Policy)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise PolicyError(f"failed decoding audit policy: {error}") from error
    if (policy.apiVersion, policy.kind) != (_VERSION, _KIND):
        raise PolicyError(f"unknown group version field {policy.apiVersion}, Kind={policy.kind} in policy")
    problems = list(_problems(policy))
    if not policy.rules:
        problems.append("loaded illegal policy with 0 rules")
    if problems:
        raise PolicyError("; ".join(problems))
    return policy


def decide(policy: Policy, user: User, info: RequestInfo) -> Decision:
    """Return how a request is recorded; one that no rule matches is not."""
    for rule in policy.rules:
        if _matches(rule, user, info):
            omit = policy.omitManagedFields if rule.omitManagedFields is None else rule.omitManagedFields
            return Decision(rule.level, (*policy.omitStages, *rule.omitStages), omit)
    return Decision(NONE)


def _matches(rule: Rule, user: User, info: RequestInfo) -> bool:
    if rule.users and user.name not in rule.users:
        return False
    if rule.userGroups and not set(rule.userGroups) & set(user.groups):
        return False
    if rule.verbs and info.verb not in rule.verbs:
        return False
    if rule.namespaces or rule.resources:
        in_namespace = not rule.namespaces or info.namespace in rule.namespaces
        return info.resource_request and in_namespace and (not rule.resources or any(_covers(one, info) for one in rule.resources))
    if rule.nonResourceURLs:
        return not info.resource_request and any(_is_path(spec, info.path) for spec in rule.nonResourceURLs)
    return True


def _covers(resources: GroupResources, info: RequestInfo) -> bool:
    if resources.group not in (info.group, "*"):
        return False
    if not resources.resources:
        return True
    if resources.resourceNames and info.name not in resources.resourceNames:
        return False
    wanted = {info.resource, "*", f"{info.resource}/*"}
    if info.subresource:
        wanted = {f"{info.resource}/{info.subresource}", "*", f"{info.resource}/*", f"*/{info.subresource}"}
    return bool(wanted & set(resources.resources))


def _is_path(spec: str, path: str) -> bool:
    return spec in ("*", path) or (spec.endswith("*") and path.startswith(spec.rstrip("*")))


def _problems(policy: Policy) -> Iterator[str]:
    yield from _stage_problems("omitStages", policy.omitStages)
    for index, rule in enumerate(policy.rules):
        path = f"rules[{index}]"
        if rule.level not in LEVELS:
            yield f"{path}.level: Unsupported value: {rule.level}: supported values: {', '.join(sorted(LEVELS))}"
        yield from _stage_problems(f"{path}.omitStages", rule.omitStages)
        if rule.nonResourceURLs and (rule.resources or rule.namespaces):
            yield f"{path}.nonResourceURLs: Invalid value: rules cannot apply to both regular resources and non-resource URLs"
        for at, group in enumerate(rule.resources):
            if group.resourceNames and not group.resources:
                yield f"{path}.resources[{at}].resourceNames: Invalid value: using resourceNames requires at least one resource"
        for at, url in enumerate(rule.nonResourceURLs):
            if url != "*" and (not url.startswith("/") or "*" in url[:-1]):
                yield f"{path}.nonResourceURLs[{at}]: Invalid value: non-resource URLs must start with a '/' and have a '*' at the end only"


def _stage_problems(path: str, stages: Sequence[str]) -> Iterator[str]:
    for index, stage in enumerate(stages):
        if stage not in STAGES:
            yield f"{path}[{index}]: Invalid value: allowed stages are {', '.join(STAGES)}"
