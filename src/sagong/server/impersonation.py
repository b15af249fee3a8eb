"""Impersonation: a request that asks to be treated as somebody else's, by one who may `impersonate` them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

from sagong.api.errors import BadRequestError
from sagong.server.contract import Attributes, User
from sagong.server.exchange import ANONYMOUS
from sagong.server.messages import Request

_ACCOUNT = "system:serviceaccount:"
_PREFIX = "impersonate-"
_EXTRA = f"{_PREFIX}extra-"
_GROUP = "authentication.k8s.io"
AUTHENTICATED, UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"


def asked(request: Request) -> User | None:
    """Return the user whom the headers name, None when they name nobody. Raises BadRequestError for groups without a user."""
    headers = request.headers
    if _PREFIX not in " ".join(headers):  # as nearly all
        return None
    name, uid = request.header("impersonate-user"), request.header("impersonate-uid")
    groups = tuple(headers.get("impersonate-group", ()))
    extra = {unquote(key.removeprefix(_EXTRA)): tuple(values) for key, values in headers.items() if key.startswith(_EXTRA)}
    if name:
        return User(name, uid, groups, extra)
    if groups or uid or extra:
        raise BadRequestError(f"requested [{' '.join(groups)}] without impersonating a user")
    return None


def questions(asker: User, wanted: User) -> Iterator[Attributes]:
    """Yield what has to be allowed before `asker` becomes `wanted`."""
    account = _account(wanted.name)
    if account is not None:
        yield Attributes(asker, "impersonate", version="v1", resource="serviceaccounts", namespace=account[0], name=account[1])
    else:
        yield Attributes(asker, "impersonate", version="v1", resource="users", name=wanted.name)
    for group in wanted.groups:
        yield Attributes(asker, "impersonate", version="v1", resource="groups", name=group)
    for key, values in wanted.extra.items():
        for value in values:
            yield Attributes(asker, "impersonate", group=_GROUP, version="v1", resource="userextras", subresource=key, name=value)
    if wanted.uid:
        yield Attributes(asker, "impersonate", group=_GROUP, version="v1", resource="uids", name=wanted.uid)


def complete(wanted: User) -> User:
    """Add the groups that everybody of the user's kind has."""
    groups = wanted.groups
    account = _account(wanted.name)
    if account is not None and not groups:
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{account[0]}")
    everybody = UNAUTHENTICATED if wanted.name == ANONYMOUS.name else AUTHENTICATED
    if not {AUTHENTICATED, UNAUTHENTICATED} & set(groups):
        groups = (*groups, everybody)
    return User(wanted.name, wanted.uid, groups, wanted.extra)


def _account(name: str) -> tuple[str, str] | None:
    namespace, _, account = name.removeprefix(_ACCOUNT).partition(":")
    return (namespace, account) if name.startswith(_ACCOUNT) and namespace and account and ":" not in account else None
