"""One request on its way through the pipeline: what each stage found out, for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from sagong.api.errors import BadRequestError
from sagong.api.fence import HEADER, Fence
from sagong.server.contract import User
from sagong.server.messages import Request
from sagong.server.negotiation import Representation
from sagong.server.request_info import RequestInfo

ANONYMOUS = User("system:anonymous", groups=("system:unauthenticated",))

REQUEST_SECONDS = 60.0
_FENCE = HEADER.lower()


class Seat(Protocol):
    """What a request occupies while it is served."""

    def release(self) -> None:
        """Let go, because what is left of the request costs little; again does nothing."""
        ...

    def leave(self) -> None:
        """Let go, because the request is over."""
        ...


class Exchange:
    """A request, what it is about, who asks, the headers and warnings that the answer will carry, and annotations for the audit.

    `audit` is the auditor's record of it, `panic` what went wrong that should not.
    `representation`: that of the answer, once it is chosen.
    `seconds`: the time that it may take; when that is over, `task` is cancelled and `expired` says why.
    `waited`: the seconds that it waited for others; `terminated`: the server ended it to save itself.
    """

    __slots__ = (
        "annotations",
        "audit",
        "audit_id",
        "expired",
        "headers",
        "info",
        "panic",
        "representation",
        "request",
        "seat",
        "seconds",
        "task",
        "terminated",
        "user",
        "waited",
        "warnings",
    )

    def __init__(self, request: Request, info: RequestInfo, audit_id: str = "") -> None:
        self.request, self.info = request, info
        self.user: User = ANONYMOUS
        self.warnings: list[str] = []
        self.annotations: dict[str, str] = {}
        self.headers: Sequence[tuple[str, str]] = ()
        self.seconds = REQUEST_SECONDS
        self.seat: Seat | None = None
        self.task: asyncio.Task[Any] | None = None
        self.expired = self.terminated = False
        self.waited = 0.0
        self.audit_id, self.panic = audit_id, ""
        self.audit: object | None = None
        self.representation: Representation | None = None

    @property
    def fence(self) -> Fence | None:
        """The lease that the client says it holds; None: it says nothing. Raises BadRequestError."""
        said = self.request.header(_FENCE)
        try:
            return Fence.parse(said) if said else None
        except ValueError as error:
            raise BadRequestError(str(error)) from error

    def wait(self, seconds: float) -> None:
        """Note that it waited for its turn, or for a webhook."""
        self.waited += seconds
