"""When the node last shut down, kept on disk for the kubelet that comes after it, in upstream's file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)
NAME = "graceful_node_shutdown_state"


class _State(msgspec.Struct):
    startTime: datetime | None = None
    endTime: datetime | None = None


@dataclass(frozen=True)
class ShutdownRecord:
    """The record below a kubelet's root directory."""

    root: Path

    def read(self) -> tuple[datetime | None, datetime | None]:
        """Return when the last shutdown began and when pods had ended; None for what is not known."""
        try:
            state = msgspec.json.decode((self.root / NAME).read_bytes(), type=_State)
        except FileNotFoundError:
            return None, None
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("when the node last shut down cannot be read: %s", error)
            return None, None
        return state.startTime, state.endTime

    def write(self, began: datetime, ended: datetime | None) -> None:
        """Keep it. A disk that is full does not stop a shutdown."""
        fresh = self.root / f".{NAME}"
        try:
            fresh.write_bytes(msgspec.json.encode(_State(began, ended)))
            fresh.rename(self.root / NAME)
        except OSError as error:
            log.warning("when the node shuts down is not noted: %s", error)
