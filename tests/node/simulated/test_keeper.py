"""Keeping the leases of simulated nodes."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from sagong.api.errors import ConflictError
from sagong.client.connection import ServerUnreachableError
from sagong.node.simulated.keeper import RENEW_TRIES, Kept, _renew


class Flaky:
    """A lease whose first renewals fail."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.tried = list(failures), 0

    async def renew(self) -> None:
        self.tried += 1
        if self.failures:
            raise self.failures.pop(0)


def kept(lease: Flaky) -> Kept:
    return Kept(cast("Any", None), cast("Any", lease), cast("Any", None))


def test_a_renewal_that_fails_is_tried_again_at_once() -> None:
    lease = Flaky(ConflictError("modified"), ServerUnreachableError("gone"))
    asyncio.run(_renew(kept(lease)))
    assert lease.tried == 3


def test_a_server_that_goes_on_failing_is_left_alone_for_a_while() -> None:
    lease = Flaky(*(ServerUnreachableError("gone") for _ in range(100)))
    with pytest.raises(ServerUnreachableError):
        asyncio.run(_renew(kept(lease)))
    assert lease.tried == RENEW_TRIES
