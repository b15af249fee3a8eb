"""storage-provisioner: volumes for claims of our StorageClass, as directories of the node; deleted with their claim.

The protocol is that of external provisioners (kubernetes-sigs/sig-storage-lib-external-provisioner): a claim of one of our classes gets a
volume `pvc-<uid>` that refers to the claim; a Released volume of ours with policy Delete loses its directory, then itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from sagong.api.types.core import (
    HostPathVolumeSource,
    Node,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeSpec,
    VolumeNodeAffinity,
)
from sagong.api.types.meta import ObjectMeta
from sagong.api.types.storage import StorageClass
from sagong.client.plan import NOTHING, Create, Delete, Emit, Plan
from sagong.controllers.declaration import Controller, Key, Watch, no_keys, writes
from sagong.controllers.view import View

PROVISIONER = "sagong.local/host-path"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
_HOSTNAME = "kubernetes.io/hostname"


def provision(view: View, key: Key, directory: str) -> Plan:
    """Make the volume of a claim that waits for one."""
    claim = view.get(PersistentVolumeClaim, *key)
    if claim is None or claim.metadata.deletionTimestamp is not None or claim.spec.volumeName or claim.spec.storageClassName is None:
        return NOTHING
    storage_class = view.get(StorageClass, "", claim.spec.storageClassName)
    if storage_class is None or storage_class.provisioner != PROVISIONER:
        return NOTHING
    name = f"pvc-{claim.metadata.uid}"
    if view.get(PersistentVolume, "", name) is not None:
        return NOTHING
    refused = "a selector" if claim.spec.selector is not None else "volumeMode Block" if claim.spec.volumeMode == "Block" else ""
    if refused:
        return Plan((Emit(claim, "Warning", "ProvisioningFailed", f"{refused} is not supported by this provisioner"),))
    node = _node(view, claim, storage_class)
    if node is None:
        return NOTHING
    volume = volume_for(claim, storage_class, name, str(PurePosixPath(directory, f"{name}_{key.namespace}_{key.name}")), node)
    done = Emit(claim, "Normal", "ProvisioningSucceeded", f"Successfully provisioned volume {name}")
    return Plan((Create(volume), done))


def volume_for(claim: PersistentVolumeClaim, storage_class: StorageClass, name: str, path: str, node: str) -> PersistentVolume:
    """Return the volume: what the claim asks for, on one node."""
    here = NodeSelectorTerm(matchExpressions=[NodeSelectorRequirement(key=_HOSTNAME, operator="In", values=[node])])
    return PersistentVolume(
        metadata=ObjectMeta(name=name, annotations={PROVISIONED_BY: PROVISIONER}),
        spec=PersistentVolumeSpec(
            capacity={"storage": claim.spec.resources.requests.get("storage", "0")},
            accessModes=list(claim.spec.accessModes),
            persistentVolumeReclaimPolicy=storage_class.reclaimPolicy or "Delete",
            storageClassName=storage_class.metadata.name,
            mountOptions=list(storage_class.mountOptions),
            volumeMode=claim.spec.volumeMode,
            hostPath=HostPathVolumeSource(path=path, type="DirectoryOrCreate"),
            nodeAffinity=VolumeNodeAffinity(required=NodeSelector(nodeSelectorTerms=[here])),
            claimRef=ObjectReference(
                apiVersion="v1",
                kind="PersistentVolumeClaim",
                namespace=claim.metadata.namespace,
                name=claim.metadata.name,
                uid=claim.metadata.uid,
                resourceVersion=claim.metadata.resourceVersion,
            ),
        ),
    )


def reclaim(volume: PersistentVolume | None, directory: str, remove: Callable[[str], None]) -> Plan:
    """Delete a Released volume of ours: first its directory, which must lie where we make them."""
    if volume is None or volume.status.phase != "Released" or volume.spec.persistentVolumeReclaimPolicy != "Delete":
        return NOTHING
    if volume.metadata.annotations.get(PROVISIONED_BY) != PROVISIONER or volume.spec.hostPath is None:
        return NOTHING
    path = PurePosixPath(volume.spec.hostPath.path)
    if path.parent != PurePosixPath(directory) or ".." in path.parts:
        return Plan((Emit(volume, "Warning", "VolumeFailedDelete", f"{path} is not in {directory}"),))
    remove(str(path))
    return Plan((Delete(PersistentVolume, volume.metadata.name, uid=volume.metadata.uid),))


def controllers(directory: str, remove: Callable[[str], None]) -> tuple[Controller, ...]:
    """Return the two loops; `remove` deletes a directory with all that is in it."""

    def on_claim(view: View, key: Key) -> Plan:
        return provision(view, key, directory)

    def on_volume(view: View, key: Key) -> Plan:
        return reclaim(view.get(PersistentVolume, *key), directory, remove)

    return (
        Controller(
            "storage-provisioner",
            (Watch(PersistentVolumeClaim), Watch(StorageClass, lambda view, sc: _claims_of(view, sc.metadata.name)), Watch(Node, no_keys)),
            writes(("create", PersistentVolume)),
            on_claim,
            reads=(PersistentVolume,),
            component=PROVISIONER,
        ),
        Controller(
            "storage-reclaimer",
            (Watch(PersistentVolume),),
            writes(("delete", PersistentVolume)),
            on_volume,
            component=PROVISIONER,
        ),
    )


def _claims_of(view: View, storage_class: str) -> tuple[Key, ...]:
    claims = (claim for claim in view.list(PersistentVolumeClaim) if claim.spec.storageClassName == storage_class)
    return tuple(Key(claim.metadata.namespace, claim.metadata.name) for claim in claims)


def _node(view: View, claim: PersistentVolumeClaim, storage_class: StorageClass) -> str | None:
    """Return the hostname label of the node the volume goes to: the scheduler's choice, or the first node for immediate binding."""
    selected = claim.metadata.annotations.get(SELECTED_NODE)
    if selected is None and storage_class.volumeBindingMode == "WaitForFirstConsumer":
        return None
    nodes = {node.metadata.name: node for node in view.list(Node)}
    chosen = nodes.get(selected) if selected else next((nodes[name] for name in sorted(nodes)), None)
    return chosen.metadata.labels.get(_HOSTNAME, chosen.metadata.name) if chosen else None
