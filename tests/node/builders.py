"""Objects and fakes that the node's tests share: pods from YAML, an API that answers from memory, a clock that is set by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import yaml

from sagong.api.errors import not_found
from sagong.api.types.authentication import TokenRequest, TokenRequestStatus
from sagong.api.types.core import Pod

T = TypeVar("T")


def pod(text: str) -> Pod:
    """Return a pod whose spec is the YAML text, named `p` in namespace `ns`."""
    body: dict[str, Any] = {"metadata": {"name": "p", "namespace": "ns", "uid": "u1"}, "spec": yaml.safe_load(text)}
    body["spec"].setdefault("containers", [{"name": "c"}])
    return msgspec.convert(body, Pod)


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.ticks = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.ticks += seconds


class FixedRandom:
    """Chance that always says the same."""

    def uid(self) -> str:
        return "00000000-0000-4000-8000-000000000000"

    def suffix(self, length: int = 5) -> str:
        return "b" * length

    def uniform(self) -> float:
        return 0.5

    def token(self, size: int) -> bytes:
        return bytes(size)


class MemoryApi:
    """The reads of an API client and TokenRequest, answered from memory; `reads` and `requests` record what was asked."""

    def __init__(self, clock: HandClock, *objects: Any) -> None:
        self.clock = clock
        self.objects = {(type(o), o.metadata.namespace, o.metadata.name): o for o in objects}
        self.reads: list[tuple[str, str]] = []
        self.requests: list[TokenRequest] = []

    def put(self, thing: Any) -> None:
        self.objects[type(thing), thing.metadata.namespace, thing.metadata.name] = thing

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        self.reads.append((kind.__name__, name))
        if (kind, namespace, name) not in self.objects:
            raise not_found("", kind.__name__.lower() + "s", name)
        found: T = self.objects[kind, namespace, name]
        return found

    async def create_subresource(self, kind: type, name: str, namespace: str, subresource: str, body: TokenRequest) -> TokenRequest:
        assert (kind.__name__, subresource) == ("ServiceAccount", "token")
        self.requests.append(body)
        seconds = body.spec.expirationSeconds or 3600
        expires = (self.clock.now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = body.copy()
        answer.status = TokenRequestStatus(token=f"token-{name}-{len(self.requests)}", expirationTimestamp=expires)
        return answer
