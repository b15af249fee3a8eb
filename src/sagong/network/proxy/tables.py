"""The kernel's tables as this process left them: applies the difference to what is wanted, whole tables at first and after a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from sagong.api.clock import Clock
from sagong.network.proxy.diff import Transaction, diff, replace, together
from sagong.network.proxy.kernel import Kernel
from sagong.network.proxy.nft import NftError
from sagong.network.proxy.objects import Ruleset

STALE_SECONDS = 1.0
LOOK = 30.0
log = logging.getLogger(__name__)


class Tables:
    """A few tables that change together."""

    def __init__(self, kernel: Kernel, clock: Clock) -> None:
        self._kernel, self._clock = kernel, clock
        self._applied: dict[str, Ruleset] = {}
        self._stale: dict[tuple[str, str], float] = {}

    @property
    def fresh(self) -> bool:
        """Whether the next transaction replaces whole tables."""
        return not self._applied

    @property
    def stale(self) -> bool:
        """Whether emptied chains wait for their deletion."""
        return bool(self._stale)

    async def apply(self, wanted: Iterable[Ruleset]) -> bool:
        """Make the kernel's tables those of `wanted`; return whether anything changed. Raises NftError, and starts anew next time."""
        rulesets = {ruleset.place: ruleset for ruleset in wanted}
        transaction = together(self._step(ruleset) for ruleset in rulesets.values())
        if transaction:
            await self._run(transaction, rulesets)
        return bool(transaction)

    def _step(self, new: Ruleset) -> Transaction:
        old = self._applied.get(new.place)
        return replace(new) if old is None else diff(old, new)

    async def _run(self, transaction: Transaction, rulesets: dict[str, Ruleset]) -> None:
        try:
            await self._kernel.run(transaction.commands)
        except NftError:
            self._forget()
            raise
        self._applied = rulesets
        live = {(place, name) for place, ruleset in rulesets.items() for name in ruleset.chains}
        self._stale = {key: when for key, when in self._stale.items() if key not in live}
        self._stale.update(dict.fromkeys(transaction.stale, self._clock.monotonic()))

    async def wait(self, changed: asyncio.Event) -> None:
        """Wait for a change; meanwhile delete chains that have become unused, and look now and then whether the tables are there."""
        while True:
            try:
                async with asyncio.timeout(STALE_SECONDS if self._stale else LOOK):
                    await changed.wait()
            except TimeoutError:
                await self.delete_stale()
                if self.lost():
                    return
            else:
                return

    def lost(self) -> bool:
        """Say whether somebody has removed a table (a firewall's restart flushes all rules); the next transaction puts all back."""
        if all(self._kernel.has_table(ruleset.family, ruleset.table) for ruleset in self._applied.values()):
            return False
        log.warning("packet rules have been removed by someone else; they are put back")
        self._forget()
        return True

    def _forget(self) -> None:
        self._applied.clear()
        self._stale.clear()

    async def delete_stale(self) -> None:
        """Delete chains that have been empty for a while. One that the kernel still holds on to is tried again later."""
        now = self._clock.monotonic()
        due = [key for key, when in self._stale.items() if now - when >= STALE_SECONDS]
        if not due:
            return
        try:
            await self._kernel.run(f"delete chain {place} {name}" for place, name in due)
        except NftError as error:
            log.debug("chains that are no longer used: %s", error)
            self._stale.update(dict.fromkeys(due, now))
            return
        for key in due:
            del self._stale[key]
