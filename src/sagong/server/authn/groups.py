"""The groups that everybody of a kind is in."""

from __future__ import annotations

from sagong.server.contract import User
from sagong.server.exchange import ANONYMOUS

_AUTHENTICATED, _UNAUTHENTICATED = "system:authenticated", "system:unauthenticated"


def with_authenticated(user: User) -> User:
    """Return the user as one of those who have proved who they are."""
    if _AUTHENTICATED in user.groups or _UNAUTHENTICATED in user.groups or user.name == ANONYMOUS.name:
        return user
    return User(user.name, user.uid, (*user.groups, _AUTHENTICATED), user.extra)
