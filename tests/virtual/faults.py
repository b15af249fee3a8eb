"""What goes wrong between clients and the server, by chance and seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import msgspec

from sagong.api.clock import Random
from sagong.client.transport import Request, Response

_STATUSES = {
    409: (
        "Conflict",
        "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again",
    ),
    429: ("TooManyRequests", "too many requests, please try again later"),
    500: ("InternalError", "Internal error occurred: injected"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
}
GONE = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old"}}\n'
)


@dataclass(frozen=True)
class Rates:
    """Shares of requests (of watch events, for cuts and 410s) that meet each fault; `slow` is the longest delay in seconds."""

    conflicts: float = 0.0
    too_many: float = 0.0
    errors: float = 0.0
    unavailable: float = 0.0
    unreachable: float = 0.0
    lost_answers: float = 0.0
    watch_cuts: float = 0.0
    watch_gone: float = 0.0
    slow: float = 0.0
    slow_share: float = 0.0


class Faults:
    """Decides for each request; counts what was done. `on` can be turned off, to see what is left of the trouble."""

    def __init__(self, rates: Rates, random: Random) -> None:
        self.rates, self._random = rates, random
        self.counts: Counter[str] = Counter()
        self.on = True

    def delay(self) -> float:
        """Return how much longer an answer takes."""
        return self.rates.slow * self._random.uniform() if self._happens("slow", self.rates.slow_share) else 0.0

    def refusal(self, request: Request) -> Response | None:
        """Return an answer in the server's place, before it has seen the request."""
        changes = request.method in ("PUT", "PATCH")
        for code, rate in ((409, self.rates.conflicts * changes), (500, self.rates.errors), (503, self.rates.unavailable)):
            if self._happens(str(code), rate):
                return _refused(code)
        if self._happens("429", self.rates.too_many):
            return _refused(429, retry_after="1")
        return None

    def unreachable(self) -> bool:
        """Tell whether the request does not get to the server."""
        return self._happens("unreachable", self.rates.unreachable)

    def loses_answer(self, request: Request) -> bool:
        """Tell whether the server does what is asked, and its answer gets lost."""
        return request.method != "GET" and self._happens("lost answer", self.rates.lost_answers)

    def cuts_watch(self) -> bool:
        """Tell whether a watch breaks now."""
        return self._happens("watch cut", self.rates.watch_cuts)

    def expires_watch(self) -> bool:
        """Tell whether a watch ends with 410 now."""
        return self._happens("410", self.rates.watch_gone)

    def _happens(self, name: str, rate: float) -> bool:
        if not self.on or not rate or self._random.uniform() >= rate:
            return False
        self.counts[name] += 1
        return True


def _refused(code: int, retry_after: str = "") -> Response:
    reason, message = _STATUSES[code]
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code}
    return Response(code, {"retry-after": retry_after} if retry_after else {}, msgspec.json.encode(body))
