"""What makes each pod of a stateful set itself: ordinal, name, labels, hostname, volumes, revision."""

from __future__ import annotations

import re

from sagong.api.types.apps import ControllerRevision, StatefulSet
from sagong.api.types.core import PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, Volume
from sagong.controllers.history import HASH_LABEL, template_of
from sagong.controllers.pod_template import pod_from_template

NAME_LABEL, INDEX_LABEL = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"
_NAME = re.compile(r"(.*)-([0-9]+)")


def ordinal(pod: Pod) -> int:
    """Return the number at the end of the name, -1 for none."""
    found = _NAME.fullmatch(pod.metadata.name)
    return int(found[2]) if found else -1


def is_member(set_: StatefulSet, pod: Pod) -> bool:
    """Say whether the pod's name is one of the set's."""
    found = _NAME.fullmatch(pod.metadata.name)
    return found is not None and found[1] == set_.metadata.name


def ordinals(set_: StatefulSet) -> range:
    """Return the numbers that the set's pods are to have (KEP-3335)."""
    start = set_.spec.ordinals.start if set_.spec.ordinals else 0
    return range(start, start + (1 if set_.spec.replicas is None else set_.spec.replicas))


def pod_for(set_: StatefulSet, revision: ControllerRevision, number: int) -> Pod:
    """Return the pod of a number at a revision."""
    changed = set_.copy()
    changed.spec.template = template_of(revision) or changed.spec.template
    pod = pod_from_template(changed.spec.template, set_)
    pod.metadata.generateName = ""
    pod.metadata.name = f"{set_.metadata.name}-{number}"
    give_identity(set_, pod)
    pod.spec.hostname, pod.spec.subdomain = pod.metadata.name, set_.spec.serviceName
    pod.metadata.labels[HASH_LABEL] = revision.metadata.name
    give_storage(set_, pod)
    return pod


def has_identity(set_: StatefulSet, pod: Pod) -> bool:
    """Say whether the pod's labels name it."""
    return is_member(set_, pod) and pod.metadata.labels.get(NAME_LABEL) == pod.metadata.name


def give_identity(set_: StatefulSet, pod: Pod) -> None:
    """Label a pod with what it is."""
    pod.metadata.namespace = set_.metadata.namespace
    pod.metadata.labels = {**pod.metadata.labels, NAME_LABEL: pod.metadata.name, INDEX_LABEL: str(ordinal(pod))}


def has_storage(set_: StatefulSet, pod: Pod) -> bool:
    """Say whether the pod's volumes are its own claims."""
    volumes = {volume.name: volume.persistentVolumeClaim for volume in pod.spec.volumes}
    return all(
        (source := volumes.get(claim.metadata.name)) is not None and source.claimName == claim_name(set_, claim, ordinal(pod))
        for claim in set_.spec.volumeClaimTemplates
    )


def give_storage(set_: StatefulSet, pod: Pod) -> None:
    """Mount the pod's own claims where the set's templates are mounted."""
    own = [
        Volume(
            name=template.metadata.name,
            persistentVolumeClaim=PersistentVolumeClaimVolumeSource(claimName=claim_name(set_, template, ordinal(pod))),
        )
        for template in set_.spec.volumeClaimTemplates
    ]
    names = {volume.name for volume in own}
    pod.spec.volumes = own + [volume for volume in pod.spec.volumes if volume.name not in names]


def claim_name(set_: StatefulSet, template: PersistentVolumeClaim, number: int) -> str:
    """Return the name of a template's claim for a pod."""
    return f"{template.metadata.name}-{set_.metadata.name}-{number}"


def claims_for(set_: StatefulSet, number: int) -> list[PersistentVolumeClaim]:
    """Return the claims that a pod is to have."""
    labels = set_.spec.selector.matchLabels if set_.spec.selector else {}
    found = []
    for template in set_.spec.volumeClaimTemplates:
        claim = template.copy()
        claim.metadata.name, claim.metadata.namespace = claim_name(set_, template, number), set_.metadata.namespace
        claim.metadata.labels = {**claim.metadata.labels, **labels}
        found.append(claim)
    return found
