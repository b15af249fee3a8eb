"""Leader election on a Lease (KEP-589), with client-go's rules: who holds it renews it, others wait for it to run out.

A holder that stops without releasing keeps others waiting for the lease's duration; one that comes back under the same
identity goes on at once. A process that was stopped for long may not know yet that another leads: `guard`, which its writes
ask, knows by the clock alone, and the server by the `fence` that they carry.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from sagong.api.clock import Clock, format_micro_time
from sagong.api.errors import ApiError, ConflictError, NotFoundError
from sagong.api.fence import Fence
from sagong.api.types.coordination import Lease, LeaseSpec
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.events import Recorder

log = logging.getLogger(__name__)
JITTER = 1.2


class LeadershipLostError(OSError):
    """The lease could not be renewed in time: the process must stop what only a leader may do."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds: how long a lease holds, when an unrenewed one is given up, how often it is tried."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    @property
    def held_for(self) -> int:
        """What the lease says: whole seconds."""
        return int(self.duration)

    def check(self) -> None:
        """Raise ValueError, with client-go's words, for times that cannot work."""
        if self.duration <= self.renew_deadline:
            raise ValueError("leaseDuration must be greater than renewDeadline")
        if self.renew_deadline <= JITTER * self.retry_period:
            raise ValueError("renewDeadline must be greater than retryPeriod*JitterFactor")
        for name, least, seconds in (("leaseDuration", 1, self.duration), ("retryPeriod", 0.001, self.retry_period)):
            if seconds < least:
                raise ValueError(f"{name} must be at least {least:g}s")


class LeaderElector:
    """Competes for one lease. `client` should be one that others do not keep busy."""

    def __init__(
        self,
        client: Client,
        name: str,
        identity: str,
        *,
        namespace: str = "kube-system",
        times: LeaseTimes | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._client, self._clock = client, client.clock
        self._name, self._namespace, self._identity = name, namespace, identity
        self._times = times or LeaseTimes()
        self._recorder = recorder
        self._seen: Lease | None = None
        self._seen_at = self._held_until = float("-inf")

    @property
    def fence(self) -> Fence:
        """What the server is told to check: it refuses what this process, frozen after `guard` was asked, sends when it wakes up."""
        return Fence(self._namespace, self._name, self._identity)

    @property
    def leading(self) -> bool:
        """Whether the lease is ours, so that no other can have it yet."""
        return self._clock.monotonic() < self._held_until

    def guard(self) -> None:
        """Raise LeadershipLostError unless leading. Asked before each write, it makes a process that was frozen and wakes up harmless."""
        if not self.leading:
            raise LeadershipLostError(f"lease {self._namespace}/{self._name} has run out")

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, run `lead` while it is held, release it at the end. Raises LeadershipLostError, at once when it is lost."""
        while not await self._try():
            await self._clock.sleep(self._times.retry_period * (1 + JITTER * self._client.random.uniform()))
        self._report("became leader")
        lost: LeadershipLostError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                renewal = group.create_task(self._renew())
                await lead()
                renewal.cancel()
        except* LeadershipLostError as group_of_one:
            lost = next(_leaves(group_of_one))
        finally:
            if lost is None:
                await self._release()
        if lost is not None:
            raise lost

    async def _renew(self) -> None:
        """Renew for ever. Raises LeadershipLostError."""
        while True:
            await self._clock.sleep(self._times.retry_period)
            try:
                async with asyncio.timeout(self._times.renew_deadline):
                    await self._renew_once()
            except TimeoutError:
                self._report("stopped leading")
                text = f"lease {self._namespace}/{self._name} was not renewed in {self._times.renew_deadline:g} s"
                raise LeadershipLostError(text) from None

    async def _renew_once(self) -> None:
        while not await self._try():
            holder = self._seen.spec.holderIdentity if self._seen is not None else ""
            if holder not in ("", None, self._identity):
                self._report("stopped leading")
                raise LeadershipLostError(f"lease {self._namespace}/{self._name} is held by {holder}")
            await self._clock.sleep(self._times.retry_period)

    async def _try(self) -> bool:
        """Take or renew the lease; False when another holds it or the server does not answer."""
        try:
            async with asyncio.timeout(self._times.renew_deadline / 2):
                return await self._take_or_renew()
        except (ApiError, OSError) as error:
            log.info("lease %s/%s: %s", self._namespace, self._name, error)
            return False

    async def _take_or_renew(self) -> bool:
        if self._seen is not None and self._seen.spec.holderIdentity == self._identity:
            try:
                return await self._hold(self._seen)
            except ConflictError as error:
                log.info("lease %s/%s: %s", self._namespace, self._name, error)
        try:
            current = await self._client.get(Lease, self._name, self._namespace)
        except NotFoundError:
            return await self._hold(None)
        if self._seen is None or current.metadata.resourceVersion != self._seen.metadata.resourceVersion:
            self._seen, self._seen_at = current, self._clock.monotonic()
        held_for = float(current.spec.leaseDurationSeconds or 0)
        holder = current.spec.holderIdentity
        if holder not in ("", None, self._identity) and self._clock.monotonic() < self._seen_at + held_for:
            return False
        return await self._hold(current)

    async def _hold(self, current: Lease | None) -> bool:
        """Write that the lease is ours from now on. Others count from when they see that, which is later."""
        now, claim = self._clock.monotonic(), self._claim(current)
        self._seen = await (self._client.update(claim) if current is not None else self._client.create(claim))
        self._seen_at, self._held_until = now, now + self._times.held_for
        return True

    def _claim(self, current: Lease | None) -> Lease:
        now = format_micro_time(self._clock.now())
        lease = current.copy() if current else Lease(metadata=ObjectMeta(name=self._name, namespace=self._namespace))
        spec = lease.spec
        mine = spec.holderIdentity == self._identity
        lease.spec = LeaseSpec(
            holderIdentity=self._identity,
            leaseDurationSeconds=self._times.held_for,
            acquireTime=spec.acquireTime if mine else now,
            renewTime=now,
            leaseTransitions=(spec.leaseTransitions or 0) + (1 if current and not mine else 0),
        )
        return lease

    async def _release(self) -> None:
        """Let the next one in at once. Failing is harmless: the lease runs out."""
        self._held_until = float("-inf")
        if self._seen is None or self._seen.spec.holderIdentity != self._identity:
            return
        lease = self._claim(self._seen)
        lease.spec.holderIdentity, lease.spec.leaseDurationSeconds = "", 1
        try:
            async with asyncio.timeout(1):
                await self._client.update(lease)
        except (ApiError, OSError) as error:
            log.info("lease %s/%s not released: %s", self._namespace, self._name, error)

    def _report(self, what: str) -> None:
        log.info("%s %s", self._identity, what)
        if self._recorder is not None and self._seen is not None:
            self._recorder.event(self._seen, "Normal", "LeaderElection", f"{self._identity} {what}")


def _leaves(group: BaseExceptionGroup[LeadershipLostError]) -> Iterator[LeadershipLostError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


__all__ = ["Clock", "LeaderElector", "LeadershipLostError", "LeaseTimes"]
