"""Users of a pod's own (hostUsers: false): each such pod gets a range of the node's ids that no other has (KEP-127).

Container id 0 to 65535 are the node's `range * 65536` and up; range 0 is the node's own users. The range lies in the pod's directory,
in upstream's format, and is free again when the directory is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sagong.node.cri import api_pb2 as cri
from sagong.node.volumes.layout import NodeFiles

LENGTH = 65_536
_RANGES = (1 << 32) // LENGTH - 1  # the last id of all means "no id" to the kernel


class NoRangeError(Exception):
    """Every range is taken."""


class _Mapping(msgspec.Struct):
    hostId: int
    containerId: int
    length: int


class _Mappings(msgspec.Struct):
    uidMappings: list[_Mapping]
    gidMappings: list[_Mapping]


_decoder = msgspec.json.Decoder(_Mappings)


@dataclass
class UserNamespaces:
    """The ranges of one node's pods."""

    files: NodeFiles
    _known: dict[str, int] = field(default_factory=dict)

    def mapping(self, pod_uid: str) -> cri.IDMapping:
        """Return the pod's range, the same each time. Raises NoRangeError, OSError."""
        if pod_uid not in self._known:
            self._known = dict(self._recorded())
        if pod_uid not in self._known:
            taken = set(self._known.values())
            free = next((number for number in range(1, _RANGES) if number not in taken), None)
            if free is None:
                raise NoRangeError("could not find an empty slot to allocate a user namespace")
            self._record(pod_uid, free)
            self._known[pod_uid] = free
        return cri.IDMapping(host_id=self._known[pod_uid] * LENGTH, container_id=0, length=LENGTH)

    def _recorded(self) -> Iterator[tuple[str, int]]:
        for uid in self.files.pod_uids():
            try:
                found = _decoder.decode(self._file(uid).read_bytes())
                yield uid, found.uidMappings[0].hostId // LENGTH
            except FileNotFoundError:
                continue
            except (msgspec.MsgspecError, IndexError):
                # a range that cannot be read is still in use: this pod must not start with another
                raise OSError(f"the user namespace of pod {uid} cannot be read") from None

    def _record(self, uid: str, number: int) -> None:
        mapping = _Mapping(hostId=number * LENGTH, containerId=0, length=LENGTH)
        self.files.pod(uid).create()
        fresh = self._file(uid).with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(_Mappings([mapping], [mapping])))
        fresh.rename(self._file(uid))

    def _file(self, uid: str) -> Path:
        return self.files.pod(uid).directory / "userns"


def namespace(mapping: cri.IDMapping) -> cri.UserNamespace:
    """Return what CRI is told of a pod's users and groups."""
    return cri.UserNamespace(mode=cri.POD, uids=[mapping], gids=[mapping])
