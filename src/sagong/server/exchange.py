"""One request on its way through the pipeline: what each stage found out, for the next."""

from __future__ import annotations

from sagong.server.contract import User
from sagong.server.messages import Request
from sagong.server.request_info import RequestInfo

ANONYMOUS = User("system:anonymous", groups=("system:unauthenticated",))


class Exchange:
    """A request, what it is about, who asks, the warnings that the answer will carry, and annotations for the audit."""

    __slots__ = ("annotations", "info", "request", "user", "warnings")

    def __init__(self, request: Request, info: RequestInfo) -> None:
        self.request, self.info = request, info
        self.user: User = ANONYMOUS
        self.warnings: list[str] = []
        self.annotations: dict[str, str] = {}
