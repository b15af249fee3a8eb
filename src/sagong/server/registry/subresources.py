"""Subresources: which function serves which verb of which."""

from __future__ import annotations

from sagong.api.errors import MethodNotAllowedError
from sagong.api.resources import Resource, Sub
from sagong.server.registry.patch import patch
from sagong.server.registry.read import get
from sagong.server.registry.verbs import Verb, update

_OBJECT: dict[str, Verb] = {"get": get, "update": update, "patch": patch}
SUBRESOURCES: dict[tuple[str, str], dict[str, Verb]] = {
    ("*", "status"): _OBJECT,
    ("namespaces", "finalize"): _OBJECT,
    ("pods", "ephemeralcontainers"): _OBJECT,
    ("pods", "resize"): _OBJECT,
    ("certificatesigningrequests", "approval"): _OBJECT,
}


def sub_verb(row: Resource, sub: Sub, verb: str) -> Verb:
    """Return the function of a subresource's verb. Raises MethodNotAllowedError."""
    table = SUBRESOURCES.get((row.plural, sub.name)) or SUBRESOURCES.get(("*", sub.name), {})
    if verb not in sub.verbs or verb not in table:
        raise MethodNotAllowedError("the server does not allow this method on the requested resource")
    return table[verb]
