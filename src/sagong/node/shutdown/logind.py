"""logind's side of a shutdown: it waits for those who asked it to, for a while, after it has told them."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable

from sagong.api.clock import Clock
from sagong.node.shutdown.bus import Bus, BusError, Peer

SYSTEM_BUS = "/run/dbus/system_bus_socket"
_SERVICE, _PATH, _MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
_LOGIND = Peer(_SERVICE, _PATH, _MANAGER)
_PROPERTIES = Peer(_SERVICE, _PATH, "org.freedesktop.DBus.Properties")
_RETRY_SECONDS = 60.0
log = logging.getLogger(__name__)


class Logind:
    """Follows logind. `begins` is told of a coming shutdown and returns when the machine may go down, `cancelled` that it does not."""

    def __init__(
        self, clock: Clock, seconds: float, begins: Callable[[], Awaitable[None]], cancelled: Callable[[], None], bus: str = SYSTEM_BUS
    ) -> None:
        """`seconds` is how long the shutdown is to be held up."""
        self._clock = clock
        self._seconds = seconds
        self._begins = begins
        self._cancelled = cancelled
        self._bus = bus

    async def run(self) -> None:
        """Follow until cancelled; where there is no logind, look for it now and then."""
        told = False
        while True:
            try:
                bus = await Bus.connect(self._bus)
                try:
                    await self._follow(bus)
                finally:
                    bus.close()
            except (OSError, TimeoutError) as error:
                (log.debug if told else log.warning)("the node cannot shut down gracefully: logind does not answer: %s", error)
                told = True
            await self._clock.sleep(_RETRY_SECONDS)

    async def _follow(self, bus: Bus) -> None:
        await self._check_delay(bus)
        await bus.match(f"type='signal',interface='{_MANAGER}',member='PrepareForShutdown',path='{_PATH}'")
        lock = await self._inhibit(bus)
        try:
            while True:
                signal = await bus.signal()
                if signal.member != "PrepareForShutdown" or not signal.body:
                    continue
                if signal.body[0]:
                    await self._begins()
                    if lock >= 0:
                        os.close(lock)
                        lock = -1
                else:
                    self._cancelled()
                    lock = lock if lock >= 0 else await self._inhibit(bus)
        finally:
            if lock >= 0:
                os.close(lock)

    @staticmethod
    async def _inhibit(bus: Bus) -> int:
        """Return the file whose closing lets the machine go down."""
        why = "Kubelet needs time to handle node shutdown"
        found = await bus.call(_LOGIND, "Inhibit", "ssss", "shutdown", "kubelet", why, "delay")
        if not found or not isinstance(found[0], int):
            raise BusError("logind gave no lock")
        return found[0]

    async def _check_delay(self, bus: Bus) -> None:
        found = await bus.call(_PROPERTIES, "Get", "ss", _MANAGER, "InhibitDelayMaxUSec")
        longest = found[0].value / 1e6
        if longest < self._seconds:
            text = "logind holds a shutdown up for %.0f s at most, shutdownGracePeriod is %.0f s: set InhibitDelayMaxSec in logind.conf"
            log.warning(text, longest, self._seconds)
