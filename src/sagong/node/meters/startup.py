"""How long it took a new node to come up, from the machine's boot to Ready. A node that was registered before has nothing to tell."""

from __future__ import annotations

from datetime import datetime

from sagong.node.meters.ledger import Ledger


class StartupMeter:
    """Measures one node; `booted` is when the machine did, None when that cannot be told."""

    def __init__(self, ledger: Ledger, booted: datetime | None) -> None:
        self._clock = ledger.clock
        self._booted, self._began = booted, ledger.clock.now()
        self._tried: datetime | None = None
        self._registered: datetime | None = None
        self._ready = False
        self.before = ledger.gauge("node_startup_pre_kubelet_duration_seconds", "Seconds from the machine's boot to the kubelet's begin.")
        self.to_try = ledger.gauge(
            "node_startup_pre_registration_duration_seconds", "Seconds from the kubelet's begin to its first attempt to register the node."
        )
        self.to_register = ledger.gauge("node_startup_registration_duration_seconds", "Seconds from that until the node was registered.")
        self.to_ready = ledger.gauge("node_startup_post_registration_duration_seconds", "Seconds from that until the node was ready.")
        self.whole = ledger.gauge("node_startup_duration_seconds", "Seconds from the machine's boot until the node was ready.")

    def trying(self) -> None:
        """Note an attempt to register."""
        self._tried = self._tried or self._clock.now()

    def registered(self) -> None:
        """Note that the node is registered, and was not before."""
        if self._tried is None or self._registered is not None:
            return
        self._registered = self._clock.now()
        if self._booted is not None:
            self.before.set((self._began - self._booted).total_seconds())
        self.to_try.set((self._tried - self._began).total_seconds())
        self.to_register.set((self._registered - self._tried).total_seconds())

    def ready(self) -> None:
        """Note that the node is ready."""
        if self._registered is None or self._ready:
            return
        self._ready, now = True, self._clock.now()
        self.to_ready.set((now - self._registered).total_seconds())
        if self._booted is not None:
            self.whole.set((now - self._booted).total_seconds())
