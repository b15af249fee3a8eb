"""Which volumes a pod would get on a node. Pure: it looks up and decides, and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from sagong.api.quantity import parse
from sagong.api.selectors import from_label_selector
from sagong.api.types.core import Node, PersistentVolume, PersistentVolumeClaim, Pod, TopologySelectorTerm
from sagong.api.types.storage import CSIDriver, CSIStorageCapacity, StorageClass
from sagong.api.volumes import (
    NO_PROVISIONER,
    SELECTED_NODE,
    best_match,
    claim_class,
    claim_names,
    is_bound,
    reaches,
    request,
    waits_for_consumer,
)
from sagong.scheduler.framework import Listers, PluginError
from sagong.scheduler.pod_info import Labels
from sagong.scheduler.volumes import Volumes

NODE_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"
BIND_CONFLICT = "node(s) didn't find available persistent volumes to bind"
NOT_ENOUGH_SPACE = "node(s) did not have enough free storage"
NO_VOLUME = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"


@dataclass(slots=True)
class Claims:
    """A pod's claims: bound, to be bound where the pod goes, and those that should have been bound without the pod."""

    bound: list[PersistentVolumeClaim] = field(default_factory=list)
    delayed: list[PersistentVolumeClaim] = field(default_factory=list)
    immediate: list[PersistentVolumeClaim] = field(default_factory=list)
    candidates: dict[str, list[PersistentVolume]] = field(default_factory=dict)
    """The volumes of the classes of `delayed`, by class."""


@dataclass(slots=True)
class Choice:
    """For one node: volumes that exist, with the claims they are for, and claims for which volumes will be made."""

    existing: list[tuple[PersistentVolume, PersistentVolumeClaim]] = field(default_factory=list)
    made: list[PersistentVolumeClaim] = field(default_factory=list)


class Chooser:
    """Chooses for pods."""

    def __init__(self, listers: Listers, volumes: Volumes) -> None:
        self._listers, self._volumes = listers, volumes

    def refusal(self, pod: Pod) -> str:
        """Return why the pod's claims are not fit to be looked at, "" if they are."""
        namespace = pod.metadata.namespace
        for name, ephemeral in claim_names(pod):
            claim = self._volumes.seen_claim(namespace, name)
            if claim is None:
                wait = "waiting for ephemeral volume controller to create the " if ephemeral else ""
                return f'{wait}persistentvolumeclaim "{name}"' + ("" if ephemeral else " not found")
            if claim.status.phase == "Lost":
                return f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{claim.spec.volumeName}"'
            if claim.metadata.deletionTimestamp is not None:
                return f'persistentvolumeclaim "{name}" is being deleted'
            if ephemeral and not _is_owned(claim, pod):
                return f"PVC {namespace}/{name} was not created for pod {namespace}/{pod.metadata.name} (pod is not owner)"
        return ""

    def claims(self, pod: Pod) -> Claims:
        """Sort a pod's claims. Raises PluginError."""
        found = Claims()
        for name, _ in claim_names(pod):
            claim = self._volumes.claim(pod.metadata.namespace, name)
            if claim is None:
                raise PluginError(f'error getting PVC "{pod.metadata.namespace}/{name}": could not find it')
            if is_bound(claim):
                found.bound.append(claim)
            elif self._is_delayed(claim) and not claim.spec.volumeName:
                found.delayed.append(claim)
            else:
                found.immediate.append(claim)
        found.delayed.sort(key=request)
        for claim in found.delayed:
            name = claim_class(claim)
            if name not in found.candidates:
                found.candidates[name] = list(self._volumes.of_class(name))
        return found

    def choose(self, claims: Claims, node: Node) -> Choice | tuple[str, ...]:
        """Return the choice for a node, or the reasons against it. Raises PluginError."""
        reasons: list[str] = []
        unreachable = self._unreachable(claims, node)
        if unreachable == NODE_CONFLICT:
            reasons.append(unreachable)
        choice = self._choose_delayed(claims, node)
        if isinstance(choice, str):
            reasons.append(choice)
        if unreachable == NO_VOLUME:
            reasons.append(unreachable)
        return tuple(reasons) if reasons or isinstance(choice, str) else choice

    def _is_delayed(self, claim: PersistentVolumeClaim) -> bool:
        name = claim_class(claim)
        storage_class = self._listers.get(StorageClass, "", name) if name else None
        if storage_class is not None and storage_class.volumeBindingMode is None:
            raise PluginError(f'VolumeBindingMode not set for StorageClass "{name}"')
        return waits_for_consumer(storage_class)

    def _unreachable(self, claims: Claims, node: Node) -> str:
        for claim in claims.bound:
            volume = self._volumes.volume(claim.spec.volumeName)
            if volume is None:
                return NO_VOLUME
            if not reaches(volume, node):
                return NODE_CONFLICT
        return ""

    def _choose_delayed(self, claims: Claims, node: Node) -> Choice | str:
        choice = Choice()
        unmatched: list[PersistentVolumeClaim] = []
        for claim in claims.delayed:
            selected = claim.metadata.annotations.get(SELECTED_NODE)
            if selected is not None:
                if selected != node.metadata.name:
                    return BIND_CONFLICT
                choice.made.append(claim)
                continue
            taken = {volume.metadata.name for volume, _ in choice.existing}
            volume = best_match(claim, claims.candidates[claim_class(claim)], delayed=False, node=node, taken=taken)
            if volume is None:
                unmatched.append(claim)
            else:
                choice.existing.append((volume, claim))
        choice.made += unmatched
        for claim in choice.made:
            why_not = self._why_not_made(claim, node)
            if why_not:
                return why_not
        return choice

    def _why_not_made(self, claim: PersistentVolumeClaim, node: Node) -> str:
        """Return why no volume can be made for a claim on a node, "" if one can."""
        name = claim_class(claim)
        if not name:
            raise PluginError(f'no class for claim "{claim.metadata.namespace}/{claim.metadata.name}"')
        storage_class = self._listers.get(StorageClass, "", name)
        if storage_class is None:
            raise PluginError(f'failed to find storage class "{name}"')
        if storage_class.provisioner in ("", NO_PROVISIONER) or not _allows(storage_class.allowedTopologies, node.metadata.labels):
            return BIND_CONFLICT
        return "" if self._has_room(claim, storage_class, node.metadata.labels) else NOT_ENOUGH_SPACE

    def _has_room(self, claim: PersistentVolumeClaim, storage_class: StorageClass, labels: Labels) -> bool:
        """Say whether the driver has room for the claim near the node, if it tells (KEP-1472)."""
        driver = self._listers.get(CSIDriver, "", storage_class.provisioner)
        if driver is None or not driver.spec.storageCapacity or "storage" not in claim.spec.resources.requests:
            return True
        return any(
            capacity.storageClassName == storage_class.metadata.name
            and capacity.nodeTopology is not None
            and limit(capacity) >= request(claim)
            and from_label_selector(capacity.nodeTopology).matches(labels)
            for capacity in self._listers.list(CSIStorageCapacity)
        )


def limit(capacity: CSIStorageCapacity) -> int:
    """Return the size of the largest volume that can be made, in units of 10^-9 bytes; -1 when it is not known."""
    text = capacity.maximumVolumeSize or capacity.capacity
    return parse(text).nanos if text else -1


def _is_owned(claim: PersistentVolumeClaim, pod: Pod) -> bool:
    return any(owner.controller and owner.uid == pod.metadata.uid for owner in claim.metadata.ownerReferences)


def _allows(terms: list[TopologySelectorTerm], labels: Labels) -> bool:
    return not terms or any(
        term.matchLabelExpressions and all(labels.get(wanted.key) in wanted.values for wanted in term.matchLabelExpressions)
        for term in terms
    )
