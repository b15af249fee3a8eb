"""Trying again: the webhooks of authentication and authorization are asked up to five times when they fail for the moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sagong.api.clock import Clock
from sagong.api.errors import ApiError
from sagong.server.webhooks.client import CallError

T = TypeVar("T")

_TRIES, _FIRST, _FACTOR = 5, 0.5, 1.5
_MOMENTARY = ("InternalError", "Timeout", "TooManyRequests")


async def with_retries(call: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """Call; again, ever later, while the failure looks momentary. Raises the last failure."""
    delay = _FIRST
    for _ in range(_TRIES - 1):
        try:
            return await call()
        except ApiError as error:
            if error.reason not in _MOMENTARY and not error.retry_after:
                raise
        except CallError as error:
            if "connection reset" not in str(error):
                raise
        await clock.sleep(delay)
        delay *= _FACTOR
    return await call()
