"""Where container logs lie: /var/log/pods/<namespace>_<name>_<uid>/<container>/<attempt>.log, and links for log collectors."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sagong.api.types.core import Pod

_LINK_NAME_LIMIT = 255
_PARTS = 3  # namespace, name, uid


@dataclass(frozen=True, slots=True)
class LogFiles:
    """The log directories of a node."""

    pods: Path
    containers: Path

    def pod(self, pod: Pod) -> Path:
        """Return the directory of a pod."""
        meta = pod.metadata
        return self.pods / f"{meta.namespace}_{meta.name}_{meta.uid}"

    def container(self, pod: Pod, name: str) -> Path:
        """Return the directory of a container."""
        return self.pod(pod) / name

    def pod_uids(self) -> Sequence[str]:
        """List the pods that have a directory."""
        return [entry.name.rsplit("_", 1)[1] for entry in _folders(self.pods)]

    def of_pod(self, uid: str) -> Sequence[Path]:
        """Return the directories of the pod of that uid, whatever its name."""
        return [entry for entry in _folders(self.pods) if entry.name.rsplit("_", 1)[1] == uid]

    def make(self, pod: Pod, container: str = "") -> None:
        """Make the directory of a pod, or of a container in it. Raises OSError."""
        (self.pod(pod) / container).mkdir(mode=0o755, parents=True, exist_ok=True)

    def next_attempt(self, pod: Pod, name: str) -> int:
        """Return the number after the last that left a log: runs that the runtime forgot still count as restarts."""
        folder = self.container(pod, name)
        found = [int(number) for file in folder.glob("*.log*") if (number := file.name.split(".")[0]).isdigit()] if folder.is_dir() else []
        return max(found) + 1 if found else 0

    def link(self, pod: Pod, container: str, run_id: str, attempt: int) -> None:
        """Link a run's log under its old name, <pod>_<namespace>_<container>-<id>.log, where collectors look."""
        target = self.container(pod, container) / f"{attempt}.log"
        stem = f"{pod.metadata.name}_{pod.metadata.namespace}_{container}-{run_id}"[: _LINK_NAME_LIMIT - len(".log")]
        with contextlib.suppress(OSError):
            self.containers.mkdir(parents=True, exist_ok=True)
            (self.containers / f"{stem}.log").symlink_to(target)

    def prune_links(self) -> None:
        """Remove links whose log is gone."""
        for link in self.containers.iterdir() if self.containers.is_dir() else ():
            if link.is_symlink() and not link.exists():
                link.unlink(missing_ok=True)


def _folders(directory: Path) -> Sequence[Path]:
    """Return the directories of pods; what is named otherwise is not ours."""
    return [entry for entry in directory.iterdir() if entry.name.count("_") == _PARTS - 1] if directory.is_dir() else []
