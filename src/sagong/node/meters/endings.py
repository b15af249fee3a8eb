"""What is told of ends that are not a container's own affair: hooks that were cut short, and shutdowns of the node."""

from __future__ import annotations

from sagong.node.meters.ledger import Ledger


class EndingMeter:
    """Counts for one node."""

    def __init__(self, ledger: Ledger) -> None:
        self.fallbacks = ledger.count(
            "lifecycle_handler_http_fallbacks_total", "How often a hook by HTTPS met a server that speaks HTTP, and succeeded with that."
        )
        self.cut_naps = ledger.count("sleep_action_terminated_early_total", "How often a hook that sleeps was ended before its time.")
        self.shutdown_began = ledger.gauge(
            "graceful_shutdown_start_time_seconds", "When the node last began to shut down, in seconds since 1970."
        )
        self.shutdown_ended = ledger.gauge(
            "graceful_shutdown_end_time_seconds", "When its pods had ended then, in seconds since 1970; 0 while they end."
        )

    def shutdown(self, began: float, ended: float) -> None:
        """Note a shutdown; 0 is not yet."""
        self.shutdown_began.set(int(began))
        self.shutdown_ended.set(int(ended))
