"""Who serves which verb of which resource: generic functions, and those of the resources that are different.

A function is named `module.function` and imported when it is first asked for: the server answers before all of validation,
field management and patching has been read. `warm` reads the rest.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sagong.api.errors import MethodNotAllowedError
from sagong.api.resources import Resource, Sub
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer
from sagong.server.registry.registry import Registry

Verb = Callable[[Registry, Exchange, Resource], Awaitable[Answer]]

PROXY = "proxy"
_VERBS = {
    "get": "read.get",
    "list": "read.list_",
    "watch": "watch.watch",
    "create": "whole.create",
    "update": "whole.update",
    "patch": "patch.patch",
    "delete": "delete.delete",
    "deletecollection": "delete.delete_collection",
}
_SPECIAL = {
    ("", "bindings", "create"): "binding.bind",
    ("", "componentstatuses", "get"): "component_status.get_component",
    ("", "componentstatuses", "list"): "component_status.list_components",
    ("authentication.k8s.io", "tokenreviews", "create"): "identity_reviews.review_token",
    ("authentication.k8s.io", "selfsubjectreviews", "create"): "identity_reviews.review_self",
    ("authorization.k8s.io", "subjectaccessreviews", "create"): "access_reviews.review_access",
    ("authorization.k8s.io", "localsubjectaccessreviews", "create"): "access_reviews.review_access",
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"): "access_reviews.review_access",
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"): "access_reviews.review_own_rules",
}
_OBJECT = {verb: _VERBS[verb] for verb in ("get", "update", "patch")}
_SCALE = {"get": "scale.get_scale", "update": "scale.update_scale", "patch": "scale.patch_scale"}
CONNECTED = ("attach", "exec", "log", "portforward", PROXY)
_CONNECT = dict.fromkeys(("get", "create", "update", "patch", "delete"), "connect.connect")
_SUBRESOURCES: dict[tuple[str, str], dict[str, str]] = {
    ("pods", "binding"): {"create": "binding.bind"},
    ("pods", "eviction"): {"create": "eviction.evict"},
    ("serviceaccounts", "token"): {"create": "identity_reviews.issue_token"},
    ("*", "scale"): _SCALE,
    **{("*", name): _CONNECT for name in CONNECTED},
}


def verb_of(row: Resource, verb: str) -> Verb:
    """Return the function of a verb. Raises MethodNotAllowedError when the row does not have it."""
    if verb not in row.verbs:
        raise not_allowed()
    return _load(_SPECIAL.get((row.group, row.plural, verb)) or _VERBS[verb])


def sub_verb(row: Resource, sub: Sub, verb: str) -> Verb:
    """Return the function of a subresource's verb; most subresources are the object seen from one side. Raises MethodNotAllowedError."""
    table = _SUBRESOURCES.get((row.plural, sub.name)) or _SUBRESOURCES.get(("*", sub.name)) or _OBJECT
    if sub.name == PROXY and not verb:
        verb = "get"  # OPTIONS: whoever is behind the proxy answers it
    if verb not in sub.verbs or verb not in table:
        raise not_allowed()
    return _load(table[verb])


def warm() -> None:
    """Import everything there is to serve with."""
    tables: tuple[Mapping[Any, str], ...] = (_VERBS, _SPECIAL, _OBJECT, _SCALE, _CONNECT, *_SUBRESOURCES.values())
    for where in {where for table in tables for where in table.values()}:
        _load(where)
    importlib.import_module("sagong.server.admission.plugins")


@functools.cache
def _load(where: str) -> Verb:
    module, _, name = where.partition(".")
    function: Verb = getattr(importlib.import_module(f"sagong.server.registry.{module}"), name)
    return function


def not_allowed() -> MethodNotAllowedError:
    """Return the error for a method that a path does not have."""
    return MethodNotAllowedError("the server does not allow this method on the requested resource", generic=True)
