"""What is particular to writing the kinds that need a few lines: (obj, circumstances) on create, (new, old, circumstances) on update."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sagong.api.clock import format_time
from sagong.api.go_values import parse_int
from sagong.api.types.apiextensions import (
    CustomResourceDefinition,
    CustomResourceDefinitionCondition,
    CustomResourceDefinitionStatus,
)
from sagong.api.types.apiregistration import APIService, APIServiceCondition
from sagong.api.types.apps import DaemonSet
from sagong.api.types.batch import Job
from sagong.api.types.certificates import CertificateSigningRequest
from sagong.api.types.core import (
    LimitRange,
    LocalObjectReference,
    Namespace,
    NamespaceStatus,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    Secret,
    ServiceAccount,
    TypedLocalObjectReference,
    TypedObjectReference,
)
from sagong.api.types.meta import DeleteOptions, LabelSelector
from sagong.api.types.storage import CSIDriver

KUBERNETES_FINALIZER = "kubernetes"
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
JOB_NAME_LABELS = ("job-name", "batch.kubernetes.io/job-name")
CONTROLLER_UID_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid")
JOB_DELETED = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)
DECIDED = ("Approved", "Denied")


def create_namespace(namespace: Namespace, _: Any) -> None:
    """Begin Active, with the finalizer that the namespace controller takes off when the content is gone."""
    namespace.status = NamespaceStatus(phase="Active")
    if KUBERNETES_FINALIZER not in namespace.spec.finalizers:
        namespace.spec.finalizers.append(KUBERNETES_FINALIZER)


def update_namespace(new: Namespace, old: Namespace, _: Any) -> None:
    """Keep the spec's finalizers, which belong to the finalize subresource."""
    new.spec.finalizers = old.spec.finalizers


def finalize_namespace(new: Namespace, old: Namespace, _: Any) -> None:
    """Keep the status."""
    new.status = old.status


def mark_namespace(namespace: Namespace, now: datetime, _: DeleteOptions) -> bool:
    """Begin to terminate; the namespace goes when the spec's finalizers are off."""
    meta = namespace.metadata
    if not meta.deletionTimestamp:
        meta.deletionTimestamp = format_time(now)
        namespace.status.phase = "Terminating"
        return False
    return not namespace.spec.finalizers


def create_limit_range(limits: LimitRange, circumstances: Any) -> None:
    """Name a nameless one."""
    limits.metadata.name = limits.metadata.name or circumstances.random.uid()


def create_volume(volume: PersistentVolume, circumstances: Any) -> None:
    """Begin Pending."""
    volume.status.phase = "Pending"
    volume.status.lastPhaseTransitionTime = circumstances.now


def update_volume_status(new: PersistentVolume, old: PersistentVolume, circumstances: Any) -> None:
    """Keep the time of the last change of phase."""
    before, after = old.status, new.status
    if before.phase == after.phase:
        after.lastPhaseTransitionTime = after.lastPhaseTransitionTime or before.lastPhaseTransitionTime
    elif after.lastPhaseTransitionTime in (None, before.lastPhaseTransitionTime):
        after.lastPhaseTransitionTime = circumstances.now


def create_claim(claim: PersistentVolumeClaim, _: Any) -> None:
    """Begin Pending; fill dataSource and dataSourceRef from each other (KEP-1495)."""
    claim.status.phase = "Pending"
    _sync_data_source(claim.spec)


def update_claim(new: PersistentVolumeClaim, old: PersistentVolumeClaim, _: Any) -> None:
    """Do so also on update; an old claim that lacks the reference does not make a difference."""
    _sync_data_source(new.spec)
    _sync_data_source(old.spec)


def _sync_data_source(spec: PersistentVolumeClaimSpec) -> None:
    source, reference = spec.dataSource, spec.dataSourceRef
    if source is not None and reference is None:
        spec.dataSourceRef = TypedObjectReference(apiGroup=source.apiGroup, kind=source.kind, name=source.name)
    elif reference is not None and source is None and not reference.namespace:
        spec.dataSource = TypedLocalObjectReference(apiGroup=reference.apiGroup, kind=reference.kind, name=reference.name)


def update_secret(new: Secret, old: Secret, _: Any) -> None:
    """Keep the type where none is said."""
    new.type = new.type or old.type


def create_service_account(account: ServiceAccount, _: Any) -> None:
    """Reduce references to Secrets to their names."""
    account.secrets = [ObjectReference(name=secret.name) for secret in account.secrets]
    account.imagePullSecrets = [LocalObjectReference(name=secret.name) for secret in account.imagePullSecrets]


def update_service_account(new: ServiceAccount, _: ServiceAccount, circumstances: Any) -> None:
    """Do the same as on create."""
    create_service_account(new, circumstances)


def complete_daemon_set(daemon_set: DaemonSet) -> None:
    """Show the generation of the template in the annotation that apps/v1 has left of it. Raises ValueError where that is no number."""
    annotations = daemon_set.metadata.annotations
    annotations[TEMPLATE_GENERATION] = str(parse_int(annotations.get(TEMPLATE_GENERATION, "0")))


def create_daemon_set(daemon_set: DaemonSet, _: Any) -> None:
    """Begin with generation 1 of the template."""
    annotations = daemon_set.metadata.annotations
    annotations[TEMPLATE_GENERATION] = str(max(_template_generation(daemon_set), 1))


def update_daemon_set(new: DaemonSet, old: DaemonSet, _: Any) -> None:
    """Count changes of the template."""
    changed = new.spec.template != old.spec.template
    new.metadata.annotations[TEMPLATE_GENERATION] = str(_template_generation(old) + changed)


def _template_generation(daemon_set: DaemonSet) -> int:
    said = daemon_set.metadata.annotations.get(TEMPLATE_GENERATION, "0")
    return int(said) if said.isdecimal() and len(said) < 20 else 0  # noqa: PLR2004 - what 64 bits hold


def create_job(job: Job, _: Any) -> None:
    """Give the job a selector and its pods the labels for it, unless the client manages them itself; without labels it gets theirs."""
    labels = job.spec.template.metadata.labels
    if not job.spec.manualSelector:
        _select_by_uid(job, labels)
    job.metadata.labels = job.metadata.labels or dict(labels)


def _select_by_uid(job: Job, labels: dict[str, str]) -> None:
    for label in JOB_NAME_LABELS:
        labels.setdefault(label, job.metadata.name)
    for label in CONTROLLER_UID_LABELS:
        labels.setdefault(label, job.metadata.uid)
    if job.spec.selector is None:
        job.spec.selector = LabelSelector()
    job.spec.selector.matchLabels.setdefault(CONTROLLER_UID_LABELS[1], job.metadata.uid)


def create_signing_request(request: CertificateSigningRequest, circumstances: Any) -> None:
    """Note who asks."""
    user, spec = circumstances.user, request.spec
    spec.username, spec.uid, spec.groups = user.name, user.uid, list(user.groups)
    spec.extra = {key: list(values) for key, values in user.extra.items()}


def update_signing_request(new: CertificateSigningRequest, old: CertificateSigningRequest, _: Any) -> None:
    """Keep the spec: a request does not change."""
    new.spec = old.spec


def update_signing_request_status(new: CertificateSigningRequest, old: CertificateSigningRequest, circumstances: Any) -> None:
    """Keep decisions as they were made; date conditions. Decisions added or taken off are for validation to refuse."""
    for kind in DECIDED:
        made = [condition for condition in old.status.conditions if condition.type == kind]
        places = [index for index, condition in enumerate(new.status.conditions) if condition.type == kind]
        if len(made) == len(places):
            for index, condition in zip(places, made, strict=True):
                new.status.conditions[index] = condition
    _date_conditions(new, old, circumstances.now)


def update_approval(new: CertificateSigningRequest, old: CertificateSigningRequest, circumstances: Any) -> None:
    """Take only the conditions."""
    _date_conditions(new, old, circumstances.now)
    conditions = new.status.conditions
    new.spec, new.status = old.spec, old.status.copy()
    new.status.conditions = conditions


def _date_conditions(new: CertificateSigningRequest, old: CertificateSigningRequest, now: str) -> None:
    before = {condition.type: condition for condition in old.status.conditions}
    for condition in new.status.conditions:
        condition.lastUpdateTime = condition.lastUpdateTime or now
        if not condition.lastTransitionTime:
            known = before.get(condition.type)
            same = known is not None and known.status == condition.status and known.lastTransitionTime
            condition.lastTransitionTime = known.lastTransitionTime if known is not None and same else now


def count_driver(new: CSIDriver, old: CSIDriver, _: Any) -> None:
    """Count changes of the spec, from zero."""
    if new.spec != old.spec:
        new.metadata.generation = old.metadata.generation + 1


def create_definition(definition: CustomResourceDefinition, _: Any) -> None:
    """Note the storage version."""
    definition.status = CustomResourceDefinitionStatus()
    _note_stored_version(definition)


def update_definition(new: CustomResourceDefinition, old: CustomResourceDefinition, _: Any) -> None:
    """Note a new storage version beside the old ones."""
    new.status = old.status.copy()
    _note_stored_version(new)


def mark_definition(definition: CustomResourceDefinition, now: datetime, _: DeleteOptions) -> bool:
    """Begin to terminate; the definition goes when its resources are gone, and with them the finalizer."""
    meta = definition.metadata
    if meta.deletionTimestamp:
        return True
    meta.deletionTimestamp, meta.deletionGracePeriodSeconds = format_time(now), 0
    if CLEANUP not in meta.finalizers:
        meta.finalizers.append(CLEANUP)
    condition = CustomResourceDefinitionCondition(
        type="Terminating",
        status="True",
        lastTransitionTime=format_time(now),
        reason="InstanceDeletionPending",
        message="CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    )
    definition.status.conditions = [known for known in definition.status.conditions or () if known.type != condition.type] + [condition]
    return False


def _note_stored_version(definition: CustomResourceDefinition) -> None:
    stored = next((version.name for version in definition.spec.versions if version.storage), None)
    known = definition.status.storedVersions or []
    if stored is not None and stored not in known:
        definition.status.storedVersions = [*known, stored]


def create_api_service(service: APIService, circumstances: Any) -> None:
    """Mark one without a Service as available: this server serves it."""
    if service.spec.service is None:
        condition = APIServiceCondition(type="Available", status="True", reason="Local", message="Local APIServices are always available")
        condition.lastTransitionTime = circumstances.now
        service.status.conditions = [condition]
