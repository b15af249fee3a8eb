"""Why a volume is not there."""

from __future__ import annotations

from collections.abc import Mapping


class VolumeError(Exception):
    """A volume cannot be set up, or a container cannot mount it; the message is upstream's."""


class MountError(VolumeError):
    """Some volumes of a pod could not be set up; `failures` has the reason of each by its name."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        self.failures = failures
        self.messages = [f'MountVolume.SetUp failed for volume "{name}" : {reason}' for name, reason in failures.items()]
        super().__init__("; ".join(self.messages))
