"""How containers ended, kept in files until the runtime has surely written it down itself.

<root>/ends/<container id>    `<exit code> <nanoseconds since 1970>`

A containerd that is killed while it takes a dead container's task down has forgotten the exit code when it comes back, and knows of it
as little ever after: a kubelet that starts anew must not take containerd's word for what its predecessor knew better. Before containerd
is started again, `remains.py` writes the same of tasks whose end their shims still tell of.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from pathlib import Path

from sagong.node.cri.exits import End

log = logging.getLogger(__name__)


class Ends:
    """The files of one node. A disk that takes nothing more costs no more than this memory."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "ends"
        self._kept: dict[str, End] = {}

    def learn(self, container: str, end: End) -> None:
        """Keep how a container ended."""
        self._kept[container] = end
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / container).write_text(f"{end.exit_code} {end.finished_at}\n")
        except OSError as error:
            log.warning("the end of %s cannot be written down: %s", container, error)

    def recall(self, container: str) -> End | None:
        """Return how a container ended, if that is kept."""
        if container in self._kept:
            return self._kept[container]
        try:
            code, finished_at = (self._folder / container).read_text().split()
            return End(int(code), int(finished_at))
        except (OSError, ValueError):  # not there, or half written
            return None

    def settle(self, container: str) -> None:
        """Let go of a container whose end the runtime has written down."""
        if self._kept.pop(container, None) is not None:
            self._remove(container)

    def keep(self, containers: Collection[str]) -> None:
        """Let go of all but these containers: the others are gone."""
        self._kept = {container: end for container, end in self._kept.items() if container in containers}
        try:
            written = [path.name for path in self._folder.iterdir()]
        except OSError:  # none was ever written
            return
        for name in written:
            if name not in containers:
                self._remove(name)

    def _remove(self, container: str) -> None:
        with contextlib.suppress(OSError):
            (self._folder / container).unlink()
