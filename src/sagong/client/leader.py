"""Leader election on a Lease (KEP-589), with client-go's rules: who holds it renews it, others wait for it to run out.

A holder that stops without releasing keeps others waiting for the lease's duration; one that comes back under the same
identity goes on at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sagong.api.clock import Clock, format_micro_time
from sagong.api.errors import ApiError, NotFoundError
from sagong.api.types.coordination import Lease, LeaseSpec
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.events import Recorder

log = logging.getLogger(__name__)
JITTER = 1.2


class LeadershipLostError(Exception):
    """The lease could not be renewed in time: the process must stop what only a leader may do."""


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds: how long a lease holds, when an unrenewed one is given up, how often it is tried."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0


class LeaderElector:
    """Competes for one lease."""

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
        self._seen_at = float("-inf")
        self.leading = False

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, run `lead` while it is held, release it at the end. Raises LeadershipLostError."""
        while not await self._try():
            await self._clock.sleep(self._times.retry_period * (1 + JITTER * self._client.random.uniform()))
        self._report("became leader")
        try:
            async with asyncio.TaskGroup() as group:
                renewal = group.create_task(self._renew())
                await lead()
                renewal.cancel()
        finally:
            self.leading = False
            await self._release()

    async def _renew(self) -> None:
        held_until = self._clock.monotonic() + self._times.renew_deadline
        while True:
            await self._clock.sleep(self._times.retry_period)
            if await self._try():
                held_until = self._clock.monotonic() + self._times.renew_deadline
            elif self._clock.monotonic() >= held_until:
                self._report("stopped leading")
                raise LeadershipLostError(f"lease {self._namespace}/{self._name} was not renewed in {self._times.renew_deadline:g} s")

    async def _try(self) -> bool:
        """Take or renew the lease; False when another holds it or the server does not answer."""
        try:
            async with asyncio.timeout(self._times.renew_deadline / 2):
                self.leading = await self._take_or_renew()
        except (ApiError, OSError) as error:
            log.info("lease %s/%s: %s", self._namespace, self._name, error)
            self._seen = self._seen if isinstance(error, OSError) else None
            return False
        return self.leading

    async def _take_or_renew(self) -> bool:
        if self._seen is not None and self._seen.spec.holderIdentity == self._identity:
            return self._note(await self._client.update(self._claim(self._seen)))
        try:
            current = await self._client.get(Lease, self._name, self._namespace)
        except NotFoundError:
            return self._note(await self._client.create(self._claim(None)))
        if self._seen is None or current.metadata.resourceVersion != self._seen.metadata.resourceVersion:
            self._note(current)
        held_for = float(current.spec.leaseDurationSeconds or 0)
        holder = current.spec.holderIdentity
        if holder not in ("", None, self._identity) and self._clock.monotonic() < self._seen_at + held_for:
            return False
        return self._note(await self._client.update(self._claim(current)))

    def _claim(self, current: Lease | None) -> Lease:
        now = format_micro_time(self._clock.now())
        lease = current.copy() if current else Lease(metadata=ObjectMeta(name=self._name, namespace=self._namespace))
        spec = lease.spec
        mine = spec.holderIdentity == self._identity
        lease.spec = LeaseSpec(
            holderIdentity=self._identity,
            leaseDurationSeconds=int(self._times.duration),
            acquireTime=spec.acquireTime if mine else now,
            renewTime=now,
            leaseTransitions=(spec.leaseTransitions or 0) + (1 if current and not mine else 0),
        )
        return lease

    def _note(self, lease: Lease) -> bool:
        self._seen, self._seen_at = lease, self._clock.monotonic()
        return lease.spec.holderIdentity == self._identity

    async def _release(self) -> None:
        """Let the next one in at once. Failing is harmless: the lease runs out."""
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


__all__ = ["Clock", "LeaderElector", "LeadershipLostError", "LeaseTimes"]
