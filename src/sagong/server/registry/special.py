"""Verbs and subresources that are not the generic ones, by resource."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sagong.api.errors import MethodNotAllowedError
from sagong.api.resources import Resource, Sub
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry import access_reviews, binding, connect, eviction, identity_reviews, scale
from sagong.server.registry.component_status import get_component, list_components
from sagong.server.registry.delete import delete, delete_collection
from sagong.server.registry.patch import patch
from sagong.server.registry.read import get, list_
from sagong.server.registry.registry import Registry
from sagong.server.registry.verbs import create, update
from sagong.server.registry.watch import watch

Verb = Callable[[Registry, Exchange, Resource], Awaitable[Answer]]

VERBS: dict[str, Verb] = {
    "get": get,
    "list": list_,
    "watch": watch,
    "create": create,
    "update": update,
    "patch": patch,
    "delete": delete,
    "deletecollection": delete_collection,
}
_SPECIAL: dict[tuple[str, str, str], Verb] = {
    ("", "bindings", "create"): binding.bind,
    ("", "componentstatuses", "get"): get_component,
    ("", "componentstatuses", "list"): list_components,
    ("authentication.k8s.io", "tokenreviews", "create"): identity_reviews.review_token,
    ("authentication.k8s.io", "selfsubjectreviews", "create"): identity_reviews.review_self,
    ("authorization.k8s.io", "subjectaccessreviews", "create"): access_reviews.review_access,
    ("authorization.k8s.io", "localsubjectaccessreviews", "create"): access_reviews.review_access,
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"): access_reviews.review_access,
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"): access_reviews.review_own_rules,
}
_OBJECT: dict[str, Verb] = {"get": get, "update": update, "patch": patch}
_SCALE: dict[str, Verb] = {"get": scale.get_scale, "update": scale.update_scale, "patch": scale.patch_scale}
_CONNECT: dict[str, Verb] = dict.fromkeys(("get", "create", "update", "patch", "delete"), connect.connect)
_SUBRESOURCES: dict[tuple[str, str], dict[str, Verb]] = {
    ("pods", "binding"): {"create": binding.bind},
    ("pods", "eviction"): {"create": eviction.evict},
    ("serviceaccounts", "token"): {"create": identity_reviews.issue_token},
    ("*", "scale"): _SCALE,
    **{("*", name): _CONNECT for name in ("attach", "exec", "log", "portforward", "proxy")},
}


def verb_of(row: Resource, verb: str) -> Verb:
    """Return the function of a verb. Raises MethodNotAllowedError when the row does not have it."""
    if verb not in row.verbs:
        raise not_allowed()
    return _SPECIAL.get((row.group, row.plural, verb)) or VERBS[verb]


def sub_verb(row: Resource, sub: Sub, verb: str) -> Verb:
    """Return the function of a subresource's verb; most subresources are the object seen from one side. Raises MethodNotAllowedError."""
    table = _SUBRESOURCES.get((row.plural, sub.name)) or _SUBRESOURCES.get(("*", sub.name)) or _OBJECT
    if verb not in sub.verbs or verb not in table:
        raise not_allowed()
    return table[verb]


def not_allowed() -> MethodNotAllowedError:
    """Return the error for a method that a path does not have."""
    return MethodNotAllowedError("the server does not allow this method on the requested resource", generic=True)
