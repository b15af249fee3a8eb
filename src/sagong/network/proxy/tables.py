"""The kernel's tables as this process left them: applies the difference to what is wanted, whole tables at first and after a failure."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sagong.api.clock import Clock
from sagong.network.proxy.diff import Transaction, diff, replace, together
from sagong.network.proxy.kernel import Kernel
from sagong.network.proxy.nft import NftError
from sagong.network.proxy.objects import Ruleset
from sagong.network.proxy.ruleset import build
from sagong.network.proxy.service_rules import Fragment, fragment
from sagong.network.proxy.settings import Settings
from sagong.network.service_table import ServicePort, ServiceTable

STALE_SECONDS = 1.0
log = logging.getLogger(__name__)


class Tables:
    """The kernel's tables, and how far they are from what is wanted."""

    def __init__(self, kernel: Kernel, clock: Clock) -> None:
        self._kernel, self._clock = kernel, clock
        self._applied: dict[str, Ruleset] = {}
        self._fragments: dict[tuple[ServicePort, Settings], Fragment] = {}
        self._stale: dict[tuple[str, str], float] = {}

    @property
    def fresh(self) -> bool:
        """Whether the next transaction replaces whole tables."""
        return not self._applied

    @property
    def stale(self) -> bool:
        """Whether emptied chains wait for their deletion."""
        return bool(self._stale)

    async def apply(self, wanted: Sequence[tuple[ServiceTable, Settings]]) -> bool:
        """Make the kernel's tables those of `wanted`; return whether anything changed. Raises NftError, and starts anew next time."""
        used: dict[tuple[ServicePort, Settings], Fragment] = {}

        def reuse(row: ServicePort, settings: Settings) -> Fragment:
            key = row, settings
            found = used[key] = self._fragments.get(key) or fragment(row, settings)
            return found

        rulesets: dict[str, Ruleset] = {table.family: build(table, settings, reuse) for table, settings in wanted}
        self._fragments = used
        transaction = together(self._step(ruleset) for ruleset in rulesets.values())
        if transaction:
            await self._run(transaction, rulesets)
        return bool(transaction)

    def _step(self, new: Ruleset) -> Transaction:
        old = self._applied.get(new.family)
        return replace(new) if old is None else diff(old, new)

    async def _run(self, transaction: Transaction, rulesets: dict[str, Ruleset]) -> None:
        try:
            await self._kernel.run(transaction.commands)
        except NftError:
            self._applied.clear()
            self._stale.clear()
            raise
        self._applied = rulesets
        live = {(ruleset.place, name) for ruleset in rulesets.values() for name in ruleset.chains}
        now = self._clock.monotonic()
        self._stale = {key: when for key, when in self._stale.items() if key not in live}
        self._stale.update(dict.fromkeys(transaction.stale, now))

    def lost(self) -> bool:
        """Say whether somebody has removed a table (a firewall's restart flushes all rules); the next transaction puts all back."""
        if all(self._kernel.has_table(ruleset.family, ruleset.table) for ruleset in self._applied.values()):
            return False
        self._applied.clear()
        self._stale.clear()
        return True

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
