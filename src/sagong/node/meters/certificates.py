"""How long the kubelet's own certificates still hold, and how renewing them goes."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Literal

from sagong.api.exposition import Metric
from sagong.node.certificates import lifetime
from sagong.node.meters.ledger import Ledger

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_AGES = (_MINUTE, _HOUR, 4 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY, 90 * _DAY, 180 * _DAY, 360 * _DAY, 1440 * _DAY)
_ERRORS = {"client": "certificate_manager_client_expiration_renew_errors", "server": "server_expiration_renew_errors"}
Kind = Literal["client", "server"]


class CertificateMeter:
    """Counts for one certificate that is renewed."""

    def __init__(self, ledger: Ledger, kind: Kind, current: Path) -> None:
        self._kind, self._current, self._clock = kind, current, ledger.clock
        self.errors = ledger.count(_ERRORS[kind], f"How often the kubelet's {kind} certificate could not be renewed.")
        self._ages = (
            ledger.time("certificate_manager_server_rotation_seconds", "How old the certificate was that was replaced.", (), _AGES)
            if kind == "server"
            else None
        )

    def failed(self) -> None:
        """Count an attempt that came to nothing."""
        self.errors.add()

    def replaced(self, since: datetime) -> None:
        """Count a certificate that gave way to a new one; it held since then."""
        if self._ages is not None:
            self._ages.observe((self._clock.now() - since).total_seconds())

    def ttl(self) -> Metric:
        """Return how long the certificate holds: +Inf without one, as upstream says it."""
        life = lifetime(self._current)
        metric = Metric(
            f"kubelet_certificate_manager_{self._kind}_ttl_seconds",
            "gauge",
            f"Seconds until the kubelet's {self._kind} certificate expires, negative once it has; +Inf while there is none.",
        )
        metric.add(math.inf if life is None else math.trunc((life[1] - self._clock.now()).total_seconds()))
        return metric
