"""Writes what was chosen for a pod's volumes, and waits until binder and provisioner have done their part."""

from __future__ import annotations

from sagong.api.clock import Clock
from sagong.api.types.core import Node, ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod
from sagong.api.volumes import BOUND_BY_CONTROLLER, SELECTED_NODE, is_bound, is_for, reaches
from sagong.client.client import Client
from sagong.scheduler.framework import Listers, PluginError
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.volume_choice import Choice
from sagong.scheduler.volumes import Volumes, revision

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
TIMEOUT = 600.0


def assumed(choice: Choice, node: str) -> Choice:
    """Return the choice as it will be written: volumes that refer to their claims, claims that name the node."""
    return Choice([(refer(volume, claim), claim) for volume, claim in choice.existing], [select_node(claim, node) for claim in choice.made])


def refer(volume: PersistentVolume, claim: PersistentVolumeClaim) -> PersistentVolume:
    """Return a copy of the volume that refers to the claim."""
    changed = volume.copy()
    if not is_for(volume, claim):
        changed.metadata.annotations[BOUND_BY_CONTROLLER] = "yes"
    reference = volume.spec.claimRef
    if reference is None or reference.uid != claim.metadata.uid:
        meta = claim.metadata
        changed.spec.claimRef = ObjectReference(
            apiVersion="v1",
            kind="PersistentVolumeClaim",
            namespace=meta.namespace,
            name=meta.name,
            uid=meta.uid,
            resourceVersion=meta.resourceVersion,
        )
    return changed


def select_node(claim: PersistentVolumeClaim, node: str) -> PersistentVolumeClaim:
    """Return a copy of the claim that asks for a volume that the node can reach."""
    changed = claim.copy()
    changed.metadata.annotations[SELECTED_NODE] = node
    return changed


class VolumeWriter:
    """Carries out choices that were assumed."""

    def __init__(self, client: Client, clock: Clock, listers: Listers, volumes: Volumes, timeout: float = TIMEOUT) -> None:
        self._client, self._clock, self._listers, self._volumes, self._timeout = client, clock, listers, volumes, timeout

    async def write(self, pod: PodInfo, node: str, choice: Choice) -> None:
        """Write and wait. What could not be written is taken back. Raises ApiError, OSError, PluginError."""
        written = await self._send(choice)
        try:
            await self._wait(pod, node, written)
        except PluginError as error:
            raise PluginError(f"binding volumes: {error}") from error

    async def _wait(self, pod: PodInfo, node: str, written: Choice) -> None:
        deadline, pause = self._clock.monotonic() + self._timeout, FIRST_PAUSE
        while not self._is_done(pod, node, written):
            if self._clock.monotonic() >= deadline:
                raise PluginError("context deadline exceeded")
            await self._clock.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    async def _send(self, choice: Choice) -> Choice:
        written = Choice()
        left: list[PersistentVolume | PersistentVolumeClaim] = [*(volume for volume, _ in choice.existing), *choice.made]
        try:
            for volume, claim in choice.existing:
                written.existing.append((await self._client.update(volume), claim))
                left.remove(volume)
            for claim in choice.made:
                written.made.append(await self._client.update(claim))
                left.remove(claim)
        finally:
            for decided in left:
                self._volumes.take_back(decided)
        return written

    def _is_done(self, pod: PodInfo, node: str, written: Choice) -> bool:
        target = self._listers.get(Node, "", node)
        if target is None:
            raise PluginError(f'failed to get node "{node}": node "{node}" not found')
        if self._listers.get(Pod, pod.namespace, pod.name) is None:
            raise PluginError(f'pod does not exist any more: pod "{pod.name}" not found')
        return all(self._is_existing_done(volume, claim, target) for volume, claim in written.existing) and all(
            self._is_made(claim, target) for claim in written.made
        )

    def _is_existing_done(self, volume: PersistentVolume, claim: PersistentVolumeClaim, node: Node) -> bool:
        seen = self._volumes.seen_volume(volume.metadata.name)
        seen_claim = self._volumes.seen_claim(claim.metadata.namespace, claim.metadata.name)
        if seen is None or seen_claim is None:
            raise PluginError(f"failed to check binding: could not find {'PV' if seen is None else 'PVC'}")
        if revision(seen) < revision(volume):
            return False
        _check_reach(seen, node)
        if seen.spec.claimRef is None or not seen.spec.claimRef.uid:
            raise PluginError(f'ClaimRef got reset for pv "{seen.metadata.name}"')
        return is_bound(seen_claim)

    def _is_made(self, claim: PersistentVolumeClaim, node: Node) -> bool:
        name = claim.metadata.name
        seen = self._volumes.seen_claim(claim.metadata.namespace, name)
        if seen is None:
            raise PluginError(
                f'failed to check provisioning pvc: could not find v1.PersistentVolumeClaim "{claim.metadata.namespace}/{name}"'
            )
        if revision(seen) < revision(claim):
            return False
        if not seen.metadata.annotations:
            raise PluginError(f'selectedNode annotation reset for PVC "{name}"')
        if seen.metadata.annotations.get(SELECTED_NODE) != node.metadata.name:
            raise PluginError(f'provisioning failed for PVC "{name}"')
        if seen.spec.volumeName:
            volume = self._volumes.seen_volume(seen.spec.volumeName)
            if volume is None:  # it will come, or the claim will be unbound
                return False
            _check_reach(volume, node)
        return is_bound(seen)


def _check_reach(volume: PersistentVolume, node: Node) -> None:
    if not reaches(volume, node):
        raise PluginError(
            f'pv "{volume.metadata.name}" node affinity doesn\'t match node "{node.metadata.name}": no matching NodeSelectorTerms'
        )
