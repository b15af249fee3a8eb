"""What every kind of bearer token answers to, and the kinds that are looked up rather than verified."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from sagong.api.clock import Clock, parse_time
from sagong.api.types.core import Secret
from sagong.server.contract import User
from sagong.store.base import Store


class InvalidTokenError(Exception):
    """The token is of a kind that is known, and not valid; the message is for TokenReview and the log."""


class TokenAnswer(Struct, frozen=True):
    """Whose token it is, and for which of the audiences asked for it is meant."""

    user: User
    audiences: tuple[str, ...]


class TokenKind(Protocol):
    """One kind of bearer token."""

    async def authenticate(self, token: str, audiences: Sequence[str]) -> TokenAnswer | None:
        """Return whose it is; None when it is of another kind. Raises InvalidTokenError."""
        ...


class TokenFile:
    """Tokens of a static file: lines of token, user, uid and, quoted, groups."""

    def __init__(self, path: Path, api_audiences: Sequence[str]) -> None:
        """Read the file. Raises OSError, ValueError."""
        self._api_audiences = api_audiences
        self._users: dict[str, User] = {}
        import csv  # noqa: PLC0415 - few servers have one

        with path.open(newline="", encoding="utf-8") as file:
            for record in csv.reader(file):
                if len(record) < 3:  # noqa: PLR2004 - token, user, uid
                    expected = "must have at least 3 columns (token, user name, user uid)"
                    raise ValueError(f"token file '{path}' {expected}, found {len(record)}")
                if record[0]:
                    groups = tuple(record[3].split(",")) if len(record) > 3 else ()  # noqa: PLR2004
                    self._users[record[0]] = User(record[1], record[2], groups)

    async def authenticate(self, token: str, audiences: Sequence[str]) -> TokenAnswer | None:
        """Look the token up."""
        user = self._users.get(token)
        return api_answer(user, audiences, self._api_audiences) if user else None


class BootstrapTokens:
    """Tokens of joining nodes, `<id>.<secret>`: Secrets of type bootstrap.kubernetes.io/token in kube-system."""

    _TOKEN = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
    _GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")

    def __init__(self, store: Store, clock: Clock, api_audiences: Sequence[str]) -> None:
        self._store, self._clock, self._api_audiences = store, clock, api_audiences

    async def authenticate(self, token: str, audiences: Sequence[str]) -> TokenAnswer | None:
        """Compare with the Secret."""
        match = self._TOKEN.fullmatch(token)
        entry = self._store.get(f"/registry/secrets/kube-system/bootstrap-token-{match[1]}") if match else None
        if match is None or entry is None:
            return None
        secret = msgspec.json.decode(entry.value, type=Secret)
        data = {name: value.decode(errors="replace") for name, value in secret.data.items()}
        if secret.metadata.deletionTimestamp or secret.type != "bootstrap.kubernetes.io/token":
            return None
        if not compare_digest(data.get("token-secret", ""), match[2]) or data.get("token-id") != match[1]:
            return None
        groups = self._groups(data)
        if self._expired(data) or data.get("usage-bootstrap-authentication") != "true" or groups is None:
            return None
        return api_answer(User(f"system:bootstrap:{match[1]}", groups=groups), audiences, self._api_audiences)

    def _expired(self, data: Mapping[str, str]) -> bool:
        try:
            return bool(data.get("expiration")) and parse_time(data["expiration"]) <= self._clock.now()
        except ValueError:
            return True

    def _groups(self, data: Mapping[str, str]) -> tuple[str, ...] | None:
        extra = [group for group in data.get("auth-extra-groups", "").split(",") if group]
        if not all(self._GROUP.fullmatch(group) for group in extra):
            return None
        return tuple(sorted({"system:bootstrappers", *extra}))


def api_answer(user: User, audiences: Sequence[str], api_audiences: Sequence[str]) -> TokenAnswer | None:
    """Answer with a token that is meant for the API server and knows no other audiences."""
    meant = tuple(audience for audience in api_audiences if audience in audiences)
    return TokenAnswer(user, meant) if meant or not api_audiences else None
