"""Questions to the authorizer: `authorizer.group("apps").resource("deployments").namespace("a").check("create").allowed()`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from sagong.api import names
from sagong.api.cel import types
from sagong.api.cel.declarations import Functions
from sagong.api.cel.errors import EvaluationError
from sagong.api.cel.values import Host

AUTHZ = Functions()
_PREFIX = "kubernetes.authorization"
AUTHORIZER = AUTHZ.type("Authorizer", types.struct(f"{_PREFIX}.Authorizer"))
_PATH = AUTHZ.type("PathCheck", types.struct(f"{_PREFIX}.PathCheck"))
_GROUP = AUTHZ.type("GroupCheck", types.struct(f"{_PREFIX}.GroupCheck"))
RESOURCE_CHECK = AUTHZ.type("ResourceCheck", types.struct(f"{_PREFIX}.ResourceCheck"))
_DECISION = AUTHZ.type("Decision", types.struct(f"{_PREFIX}.Decision"))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a path, or (`resource` not empty) a resource. `service_account` is (namespace, name) when it asks."""

    verb: str = ""
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""
    service_account: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Verdict(Host):
    """The answer."""

    cel_type: ClassVar = _DECISION
    flat_equality: ClassVar = True
    allowed: bool
    reason: str = ""
    error: str | None = None


Decide = Callable[[Question], Verdict]


@dataclass(frozen=True, slots=True)
class _Asking(Host):
    flat_equality: ClassVar = True
    decide: Decide
    question: Question = Question()

    def check(self, verb: str) -> Verdict:
        """Ask."""
        return self.decide(replace(self.question, verb=verb))


class Authorizer(_Asking):
    """The variable `authorizer`: asks for the user of the request, or for a service account."""

    __slots__ = ()
    cel_type: ClassVar = AUTHORIZER


class ResourceCheck(_Asking):
    """A question about a resource, such as the variable `authorizer.requestResource`."""

    __slots__ = ()
    cel_type: ClassVar = RESOURCE_CHECK


class _PathCheck(_Asking):
    __slots__ = ()
    cel_type: ClassVar = _PATH


class _GroupCheck(_Asking):
    __slots__ = ()
    cel_type: ClassVar = _GROUP


def _path(asking: Authorizer, path: str) -> _PathCheck:
    if not path.strip():
        raise EvaluationError("path must not be empty")
    return _PathCheck(asking.decide, replace(asking.question, path=path))


def _group(asking: Authorizer, group: str) -> _GroupCheck:
    return _GroupCheck(asking.decide, replace(asking.question, group=group))


def _service_account(asking: Authorizer, namespace: str, name: str) -> Authorizer:
    if names.dns1123_subdomain(name):
        raise EvaluationError("Invalid service account name")
    if names.dns1123_label(namespace):
        raise EvaluationError("Invalid service account namespace")
    return Authorizer(asking.decide, Question(service_account=(namespace, name)))


def _resource(asking: _GroupCheck, resource: str) -> ResourceCheck:
    if not resource.strip():
        raise EvaluationError("resource must not be empty")
    return ResourceCheck(asking.decide, replace(asking.question, resource=resource))


def _with(field: str) -> Callable[[ResourceCheck, str], ResourceCheck]:
    def narrowed(asking: ResourceCheck, value: str) -> ResourceCheck:
        changes: dict[str, Any] = {field: value}
        return ResourceCheck(asking.decide, replace(asking.question, **changes))

    return narrowed


def _declare() -> None:
    add = AUTHZ.add
    add("path", "authorizer_path Authorizer.(string) -> PathCheck", _path)
    add("group", "authorizer_group Authorizer.(string) -> GroupCheck", _group)
    add("serviceAccount", "authorizer_serviceaccount Authorizer.(string, string) -> Authorizer", _service_account)
    add("resource", "groupcheck_resource GroupCheck.(string) -> ResourceCheck", _resource)
    for name, field in (("subresource", "subresource"), ("namespace", "namespace"), ("name", "name")):
        add(name, f"resourcecheck_{name} ResourceCheck.(string) -> ResourceCheck", _with(field))
    add("fieldSelector", "authorizer_fieldselector ResourceCheck.(string) -> ResourceCheck", _with("field_selector"))
    add("labelSelector", "authorizer_labelselector ResourceCheck.(string) -> ResourceCheck", _with("label_selector"))
    add("check", "pathcheck_check PathCheck.(string) -> Decision", _PathCheck.check)
    add("check", "resourcecheck_check ResourceCheck.(string) -> Decision", ResourceCheck.check)
    add("errored", "decision_errored Decision.() -> bool", lambda verdict: verdict.error is not None)
    add("error", "decision_error Decision.() -> string", lambda verdict: verdict.error or "")
    add("allowed", "decision_allowed Decision.() -> bool", lambda verdict: verdict.allowed)
    add("reason", "decision_reason Decision.() -> string", lambda verdict: verdict.reason)


_declare()
