"""A deployment's replica sets as its history: which is new, which are old, and the revision each was made for.

A replica set is the deployment's new one when its template is the deployment's, pod-template-hash aside. Its revision is one
more than the highest of the others; a set that becomes new again (a rollback) takes a new revision and remembers the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sagong.api.types.apps import Deployment, ReplicaSet, ReplicaSetSpec
from sagong.api.types.core import PodTemplateSpec
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.controllers.ownership import controller_reference
from sagong.controllers.percent import fenceposts
from sagong.controllers.pod_template import template_hash

REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
ROLLBACK_TO = "deprecated.deployment.rollback.to"
TEMPLATE_HASH = "pod-template-hash"
NOT_COPIED = frozenset(
    {"kubectl.kubernetes.io/last-applied-configuration", REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, ROLLBACK_TO}
)
MAX_HISTORY_CHARACTERS = 2000
MAX_NAME = 253
MAX_INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True)
class History:
    """The sets of a deployment, oldest first. `new` is None until there is one of the present template."""

    new: ReplicaSet | None
    old: tuple[ReplicaSet, ...]

    @property
    def all(self) -> tuple[ReplicaSet, ...]:
        """All sets."""
        return (*self.old, self.new) if self.new is not None else self.old

    @property
    def active_old(self) -> tuple[ReplicaSet, ...]:
        """Old sets that are to have pods."""
        return tuple(rs for rs in self.old if replicas(rs))


def history(deployment: Deployment, sets: Iterable[ReplicaSet]) -> History:
    """Sort a deployment's sets into new and old; of several with its template the oldest is the new one."""
    ordered = sorted(sets, key=lambda rs: (rs.metadata.creationTimestamp, rs.metadata.name))
    new = next((rs for rs in ordered if same_template(rs.spec.template, deployment.spec.template)), None)
    return History(new, tuple(rs for rs in ordered if rs is not new))


def same_template(left: PodTemplateSpec, right: PodTemplateSpec) -> bool:
    """Say whether two templates are equal but for pod-template-hash."""
    if left.spec != right.spec:
        return False
    return _without_hash(left) == _without_hash(right)


def replicas(obj: ReplicaSet | Deployment) -> int:
    """Return the wanted number; the API's default is 1."""
    return 1 if obj.spec.replicas is None else obj.spec.replicas


def surge_and_unavailable(deployment: Deployment) -> tuple[int, int]:
    """Return how many pods a rollout may have too many, and how many too few."""
    if deployment.spec.strategy.type != "RollingUpdate":
        return 0, 0
    rolling = deployment.spec.strategy.rollingUpdate
    desired = replicas(deployment)
    surge, unavailable = fenceposts(rolling.maxSurge if rolling else None, rolling.maxUnavailable if rolling else None, desired)
    return surge, min(unavailable, desired) if desired else 0


def revision(rs: ReplicaSet) -> int:
    """Return a set's revision, 0 for none."""
    return _number(rs.metadata.annotations.get(REVISION, ""))


def next_revision(old: Sequence[ReplicaSet]) -> int:
    """Return the revision that a new set gets."""
    return max(map(revision, old), default=0) + 1


def new_replica_set(deployment: Deployment, old: Sequence[ReplicaSet]) -> ReplicaSet:
    """Return the set of the deployment's present template, with no pods yet."""
    template = deployment.spec.template.copy()
    digest = template_hash(template, deployment.status.collisionCount)
    template.metadata.labels = {**template.metadata.labels, TEMPLATE_HASH: digest}
    selector = deployment.spec.selector.copy() if deployment.spec.selector else LabelSelector()
    selector.matchLabels = {**selector.matchLabels, TEMPLATE_HASH: digest}
    rs = ReplicaSet(
        metadata=ObjectMeta(
            name=f"{deployment.metadata.name[: MAX_NAME - 1 - len(digest)]}-{digest}",
            namespace=deployment.metadata.namespace,
            ownerReferences=[controller_reference(deployment)],
            labels=dict(template.metadata.labels),
        ),
        spec=ReplicaSetSpec(replicas=0, minReadySeconds=deployment.spec.minReadySeconds, selector=selector, template=template),
    )
    rs.metadata.annotations = {**annotations_of_new(deployment, rs, next_revision(old)), **size_annotations(deployment)}
    return rs


def annotations_of_new(deployment: Deployment, rs: ReplicaSet, number: int) -> dict[str, str]:
    """Return what the new set's annotations are to be: the deployment's own, and the revision."""
    found = {**rs.metadata.annotations, **_copied(deployment.metadata.annotations)}
    before = found.get(REVISION)
    if before is not None and not before.isdigit():
        return found
    if _number(before or "") < number:
        found[REVISION] = str(number)
        if before:
            found[REVISION_HISTORY] = _with_history(found.get(REVISION_HISTORY, ""), before)
    return found


def size_annotations(deployment: Deployment) -> dict[str, str]:
    """Return the annotations by which a later plan sees that the deployment was scaled."""
    desired = replicas(deployment)
    return {DESIRED_REPLICAS: str(desired), MAX_REPLICAS: str(desired + surge_and_unavailable(deployment)[0])}


def size_annotation(rs: ReplicaSet, key: str) -> int | None:
    """Return one of the size annotations, None when it is missing or no number."""
    text = rs.metadata.annotations.get(key, "")
    return int(text) if text.isdigit() and int(text) <= MAX_INT32 else None


def restored_annotations(deployment: Deployment, rs: ReplicaSet) -> dict[str, str]:
    """Return the annotations of a deployment rolled back to a set."""
    kept = {key: value for key, value in deployment.metadata.annotations.items() if key in NOT_COPIED}
    return {**kept, **_copied(rs.metadata.annotations)}


def _copied(annotations: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in annotations.items() if key not in NOT_COPIED}


def _with_history(before: str, number: str) -> str:
    """Append a revision; the oldest are forgotten when the text grows too long."""
    numbers = [*filter(None, before.split(",")), number]
    while len(",".join(numbers)) > MAX_HISTORY_CHARACTERS:
        del numbers[0]
    return ",".join(numbers)


def _without_hash(template: PodTemplateSpec) -> ObjectMeta:
    if TEMPLATE_HASH not in template.metadata.labels:
        return template.metadata
    meta = template.metadata.copy()
    del meta.labels[TEMPLATE_HASH]
    return meta


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
