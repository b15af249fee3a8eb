"""Which FlowSchema a request belongs to, and what tells its flows apart. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from sagong.api.types.flowcontrol import (
    FlowSchema,
    NonResourcePolicyRule,
    PolicyRulesWithSubjects,
    ResourcePolicyRule,
    Subject,
)
from sagong.server.contract import User
from sagong.server.request_info import RequestInfo

_ACCOUNT = "system:serviceaccount:"


def in_order(schemas: Iterable[FlowSchema]) -> list[FlowSchema]:
    """Return schemas in the order in which they are tried: by precedence, the name decides between equals."""
    return sorted(schemas, key=lambda schema: (schema.spec.matchingPrecedence, schema.metadata.name))


def first_match(schemas: Sequence[FlowSchema], user: User, info: RequestInfo) -> FlowSchema:
    """Return the schema of a request; catch-all takes what no other does."""
    matching = (schema for schema in schemas if matches(schema, user, info))
    return next(matching, None) or next(schema for schema in schemas if schema.metadata.name == "catch-all")


def matches(schema: FlowSchema, user: User, info: RequestInfo) -> bool:
    """Tell whether a schema is about this request."""
    return any(_policy_matches(rule, user, info) for rule in schema.spec.rules)


def distinguisher(schema: FlowSchema, user: User, info: RequestInfo) -> str:
    """Return what tells one flow of the schema from another: the user, the namespace, or nothing."""
    method = schema.spec.distinguisherMethod
    if method is None:
        return ""
    return user.name if method.type == "ByUser" else info.namespace


def flow_hash(schema: str, distinguishes: str) -> int:
    """Return the 64 bits from which a flow's hand of queues is dealt."""
    return int.from_bytes(hashlib.sha256(f"{schema},{distinguishes}".encode()).digest()[:8], "little")


def deal(value: int, queues: int, hand_size: int) -> tuple[int, ...]:
    """Deal `hand_size` different queues out of `queues` (shuffle sharding): digits of `value` in bases that shrink.

    The digit picks among the queues that are left: deal(5, 3, 2) reads 5 as 2 in base 3, then 1 in base 2; of 0, 1, 2 the one
    at 2 is 2; of 0, 1 the one at 1 is 1.
    """
    left = list(range(queues))
    hand = []
    for base in range(queues, queues - hand_size, -1):
        value, digit = divmod(value, base)
        hand.append(left.pop(digit))
    return tuple(hand)


def _policy_matches(rule: PolicyRulesWithSubjects, user: User, info: RequestInfo) -> bool:
    if not any(_is_subject(subject, user) for subject in rule.subjects):
        return False
    if info.resource_request:
        return any(_resource_matches(one, info) for one in rule.resourceRules)
    return any(_path_matches(one, info) for one in rule.nonResourceRules)


def _is_subject(subject: Subject, user: User) -> bool:
    if subject.kind == "User" and subject.user is not None:
        return subject.user.name in ("*", user.name)
    if subject.kind == "Group" and subject.group is not None:
        return subject.group.name == "*" or subject.group.name in user.groups
    if subject.kind == "ServiceAccount" and (account := subject.serviceAccount) is not None:
        of_namespace = f"{_ACCOUNT}{account.namespace}:"
        return user.name.startswith(of_namespace) if account.name == "*" else user.name == of_namespace + account.name
    return False


def _resource_matches(rule: ResourcePolicyRule, info: RequestInfo) -> bool:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if not (_covers(rule.verbs, info.verb) and _covers(rule.resources, resource) and _covers(rule.apiGroups, info.group)):
        return False
    return _covers(rule.namespaces or (), info.namespace) if info.namespace else rule.clusterScope


def _path_matches(rule: NonResourcePolicyRule, info: RequestInfo) -> bool:
    return _covers(rule.verbs, info.verb) and any(_is_below(path, info.path) for path in rule.nonResourceURLs)


def _is_below(pattern: str, path: str) -> bool:
    if pattern in ("*", path):
        return True
    prefix = pattern.removesuffix("*")
    return path.startswith(prefix if prefix.endswith("/") else prefix + "/")


def _covers(allowed: Sequence[str], value: str) -> bool:
    return value in allowed or list(allowed) == ["*"]
