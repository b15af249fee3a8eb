"""What setting volumes up, taking them down and measuring them costs, by plugin as upstream names those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sagong.api.exposition import Metric
from sagong.node.meters.ledger import Ledger

_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600)
UNKNOWN = "N/A"
"""the plugin of a claim that has no volume yet"""


class VolumeMeter:
    """Counts for the volumes of one node."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.operations = ledger.time(
            "storage_operation_duration_seconds",
            "How long it takes to set volumes up and to take them down, by how that ended.",
            ("volume_plugin", "operation_name", "status", "migrated"),
            _BOUNDS,
            prefix="",
        )
        self.measured = ledger.time(
            "volume_metric_collection_duration_seconds", "How long it takes to learn how full a volume is, by how.", ("metric_source",)
        )
        self.cleaned = ledger.gauge(
            "orphan_pod_cleaned_volumes", "Of how many pods without an owner the volumes were taken down in the last round."
        )
        self.cleaning_errors = ledger.gauge(
            "orphan_pod_cleaned_volumes_errors", "Of how many pods without an owner volumes are still there after the last round."
        )

    @contextmanager
    def operation(self, name: str, *plugins: str) -> Iterator[None]:
        """Time what is done for a volume, or for several at once. What was broken off does not count."""
        began = self._ledger.clock.monotonic()
        status = "success"
        try:
            yield
        except Exception:
            status = "fail-unknown"
            raise
        except BaseException:
            plugins = ()
            raise
        finally:
            took = self._ledger.clock.monotonic() - began
            for plugin in plugins:
                self.operations.observe(took, (plugin, name, status, "false"))

    def measuring(self, how: str) -> AbstractContextManager[None]:
        """Time how long it takes to learn how full a volume is."""
        return self._ledger.timing(self.measured, how)


def totals(desired: Iterable[str], actual: Iterable[str]) -> Metric:
    """Return how many volumes there should be and are, from the plugin of each."""
    metric = Metric("volume_manager_total_volumes", "gauge", "How many volumes pods should have, and how many are set up, by plugin.")
    for state, plugins in (("desired_state_of_world", desired), ("actual_state_of_world", actual)):
        for plugin, count in sorted(Counter(plugins).items()):
            metric.add(count, plugin_name=plugin, state=state)
    return metric
