"""What containers' images cost: whether they were there, whether a pod may use them, how many records tell that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sagong.api.exposition import Metric
from sagong.node.meters.ledger import Ledger

Check = Literal["credentialPolicyAllowed", "credentialRecordFound", "mustAuthenticate", "error"]
"""What came of asking whether a pod may use an image that is there, in upstream's words."""


class ImageMeter:
    """Counts for one node."""

    def __init__(self, ledger: Ledger) -> None:
        self.requests = ledger.count(
            "image_manager_ensure_image_requests_total",
            "How often a container's image was asked for, by policy, whether it was there and whether it had to be pulled.",
            ("pull_policy", "present_locally", "pull_required"),
        )
        self.checks = ledger.count(
            "imagemanager_image_mustpull_checks_total", "What came of asking whether a pod may use an image without a pull.", ("result",)
        )

        self.plugin_seconds = ledger.time(
            "credential_provider_plugin_duration", "How many seconds plugins for credentials take.", ("plugin_name",)
        )
        self.plugin_errors = ledger.count(
            "credential_provider_plugin_errors_total", "How often plugins for credentials gave no answer.", ("plugin_name",)
        )

    def asked_plugin(self, name: str, seconds: float, well: bool) -> None:  # noqa: FBT001 - a callback
        """Count a run of a plugin."""
        self.plugin_seconds.observe(seconds, (name,))
        if not well:
            self.plugin_errors.add((name,))

    def ensured(self, policy: str, present: bool | None, required: bool | None) -> None:  # noqa: FBT001 - upstream's labels
        """Count an image that was asked for; None: it did not come to that."""
        self.requests.add((policy.lower(), _label(present), _label(required)))

    def checked(self, result: Check) -> None:
        """Count an answer."""
        self.checks.add((result,))


def records(pulling: int, pulled: int) -> Iterable[Metric]:
    """Return how many records of pulls there are on disk: of those under way, and of images."""
    for name, count, text in (("pullintents", pulling, "pulls under way"), ("pulledrecords", pulled, "images that were pulled")):
        metric = Metric(f"kubelet_imagemanager_ondisk_{name}", "gauge", f"How many records of {text} are on disk.")
        metric.add(count)
        yield metric


def _label(known: bool | None) -> str:  # noqa: FBT001 - as above
    return "unknown" if known is None else "true" if known else "false"
