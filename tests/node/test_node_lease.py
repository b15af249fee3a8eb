"""The node's heartbeat: made once there is a node to own it, renewed from what is known, and made again when it is lost."""

from __future__ import annotations

from typing import Any

import pytest
from tests.node.builders import HandClock, MemoryApi

from sagong.api.errors import AlreadyExistsError, ConflictError, NotFoundError
from sagong.api.types.coordination import Lease
from sagong.api.types.core import Node
from sagong.api.types.meta import ObjectMeta, OwnerReference
from sagong.node.lease import NAMESPACE, NodeLease

OWNERS = [OwnerReference(apiVersion="v1", kind="Node", name="n", uid="u")]


class LeaseApi(MemoryApi):
    """Keeps leases by version."""

    def __init__(self, clock: HandClock, *objects: Any) -> None:
        super().__init__(clock, *objects)
        self.writes: list[str] = []

    @property
    def lease(self) -> Lease:
        found = self.objects[Lease, NAMESPACE, "n"]
        assert isinstance(found, Lease)
        return found

    async def create(self, obj: Any) -> Any:
        self.writes.append("create")
        if (Lease, NAMESPACE, "n") in self.objects:
            raise AlreadyExistsError("")
        return self._keep(obj, 1)

    async def update(self, obj: Any) -> Any:
        self.writes.append("update")
        if (Lease, NAMESPACE, "n") not in self.objects:
            raise NotFoundError("")
        if obj.metadata.resourceVersion != self.lease.metadata.resourceVersion:
            raise ConflictError("")
        return self._keep(obj, int(obj.metadata.resourceVersion) + 1)

    def _keep(self, obj: Any, version: int) -> Any:
        kept = obj.copy()
        kept.metadata.resourceVersion = str(version)
        self.put(kept)
        return kept.copy()


async def test_it_waits_for_the_node_and_is_owned_by_it() -> None:
    clock = HandClock()
    api = LeaseApi(clock)
    lease = NodeLease(api, clock, "n", 40)
    with pytest.raises(NotFoundError):
        await lease.renew()
    assert api.writes == []
    api.put(Node(metadata=ObjectMeta(name="n", uid="u")))
    await lease.renew()
    assert api.lease.metadata.ownerReferences == OWNERS
    assert (api.lease.spec.holderIdentity, api.lease.spec.leaseDurationSeconds) == ("n", 40)
    first, reads = api.lease.spec.renewTime, len(api.reads)
    clock.move(10)
    await lease.renew()
    assert api.writes == ["create", "update"]
    assert api.lease.spec.renewTime != first
    assert len(api.reads) == reads, "what is known is not read again"


async def test_one_without_an_owner_gets_it() -> None:
    clock = HandClock()
    found = Lease(metadata=ObjectMeta(name="n", namespace=NAMESPACE, resourceVersion="7"))
    api = LeaseApi(clock, found, Node(metadata=ObjectMeta(name="n", uid="u")))
    await NodeLease(api, clock, "n").renew()
    assert (api.writes, api.lease.metadata.ownerReferences) == (["update"], OWNERS)


@pytest.mark.parametrize("loss", ["changed", "removed"])
async def test_one_that_another_has_changed_or_removed_is_renewed_at_once(loss: str) -> None:
    clock = HandClock()
    api = LeaseApi(clock, Node(metadata=ObjectMeta(name="n", uid="u")))
    lease = NodeLease(api, clock, "n")
    await lease.renew()
    if loss == "removed":
        del api.objects[Lease, NAMESPACE, "n"]
    else:
        api.lease.metadata.resourceVersion, api.lease.metadata.labels = "9", {"kept": "yes"}
    clock.move(10)
    await lease.renew()
    assert api.writes == ["create", "update", "create" if loss == "removed" else "update"]
    assert api.lease.spec.renewTime == "2026-01-02T03:04:15.000000Z"
    assert api.lease.metadata.labels == ({} if loss == "removed" else {"kept": "yes"})
