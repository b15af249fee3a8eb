"""ServiceAccount: every pod runs as an account, and gets its token, the cluster's authority and its namespace mounted."""

from __future__ import annotations

from collections.abc import Iterator

from sagong.api.clock import Clock, Random
from sagong.api.pod_references import pod_references
from sagong.api.pods import is_mirror
from sagong.api.types.core import (
    ConfigMapProjection,
    Container,
    DownwardAPIProjection,
    DownwardAPIVolumeFile,
    EphemeralContainer,
    KeyToPath,
    LocalObjectReference,
    ObjectFieldSelector,
    Pod,
    ProjectedVolumeSource,
    ServiceAccount,
    ServiceAccountTokenProjection,
    Volume,
    VolumeMount,
    VolumeProjection,
)
from sagong.server.admission.plugin import PODS, Plugin, Review
from sagong.server.contract import Objects

DEFAULT = "default"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX = "kube-api-access-"
TOKEN_SECONDS = 3607
ENFORCE = "kubernetes.io/enforce-mountable-secrets"
TRIES = 10


class ServiceAccounts(Plugin):
    """Asked about new pods, and about new ephemeral containers."""

    name = "ServiceAccount"
    operations = ("CREATE", "UPDATE")
    resources = (PODS,)
    subresources = ("", "ephemeralcontainers")

    def __init__(self, objects: Objects, clock: Clock, random: Random) -> None:
        self._objects, self._clock, self._random = objects, clock, random

    async def mutate(self, review: Review) -> None:
        """Give the pod its account, its token volume and its account's pull secrets."""
        pod: Pod = review.obj
        if review.operation != "CREATE" or is_mirror(pod):
            return
        spec = pod.spec
        spec.serviceAccountName = spec.serviceAccount = spec.serviceAccountName or DEFAULT
        account = await self._account(review, spec.serviceAccountName)
        if _wants_token(account, pod):
            self._mount_token(pod)
        if not spec.imagePullSecrets:
            spec.imagePullSecrets = [LocalObjectReference(name=secret.name) for secret in account.imagePullSecrets]

    async def validate(self, review: Review) -> None:
        """Mirror pods have no secrets; other pods only those of their account, where it insists on that."""
        pod: Pod = review.obj
        if review.operation == "UPDATE" and review.call.subresource != "ephemeralcontainers":
            return
        if is_mirror(pod):
            _check_mirror(review, pod)
            return
        account = await self._account(review, pod.spec.serviceAccountName)
        if account.metadata.annotations.get(ENFORCE, "").lower() in ("1", "t", "true") and (refusal := _unlisted(account, pod)):
            raise review.forbidden(f"{refusal} because service account {account.metadata.name} does not reference that secret")

    async def _account(self, review: Review, name: str) -> ServiceAccount:
        """Return the account; the default one of a new namespace may take a moment to appear."""
        tries = TRIES if name == DEFAULT else 1
        for attempt in range(tries):
            account = self._objects.get(ServiceAccount, name, review.namespace)
            if account is not None:
                return account
            if attempt + 1 < tries:
                await self._clock.sleep(0.1 + 0.1 * self._random.uniform())
        where = f"{review.namespace}/{name}"
        raise review.forbidden(f'error looking up service account {where}: serviceaccount "{name}" not found')

    def _mount_token(self, pod: Pod) -> None:
        volumes = pod.spec.volumes
        known = next((volume.name for volume in volumes if volume.name.startswith(VOLUME_PREFIX)), "")
        name = known or VOLUME_PREFIX + self._random.suffix()
        lacking = [
            container
            for container in pod.spec.initContainers + pod.spec.containers
            if all(mount.mountPath != MOUNT_PATH for mount in container.volumeMounts)
        ]
        for container in lacking:
            container.volumeMounts.append(VolumeMount(name=name, readOnly=True, mountPath=MOUNT_PATH))
        if lacking and not known:
            volumes.append(Volume(name=name, projected=_token_source()))


def _wants_token(account: ServiceAccount, pod: Pod) -> bool:
    for preference in (pod.spec.automountServiceAccountToken, account.automountServiceAccountToken):
        if preference is not None:
            return preference
    return True


def _token_source() -> ProjectedVolumeSource:
    namespace = DownwardAPIVolumeFile(path="namespace", fieldRef=ObjectFieldSelector(apiVersion="v1", fieldPath="metadata.namespace"))
    authority = ConfigMapProjection(name="kube-root-ca.crt", items=[KeyToPath(key="ca.crt", path="ca.crt")])
    return ProjectedVolumeSource(
        defaultMode=0o644,
        sources=[
            VolumeProjection(serviceAccountToken=ServiceAccountTokenProjection(path="token", expirationSeconds=TOKEN_SECONDS)),
            VolumeProjection(configMap=authority),
            VolumeProjection(downwardAPI=DownwardAPIProjection(items=[namespace])),
        ],
    )


def _check_mirror(review: Review, pod: Pod) -> None:
    if pod.spec.serviceAccountName:
        raise review.forbidden("a mirror pod may not reference service accounts")
    if any(plural == "secrets" for plural, _ in pod_references(pod)):
        raise review.forbidden("a mirror pod may not reference secrets")
    for volume in pod.spec.volumes:
        if volume.projected is not None and any(source.serviceAccountToken for source in volume.projected.sources or ()):
            raise review.forbidden("a mirror pod may not use ServiceAccountToken volume projections")


def _unlisted(account: ServiceAccount, pod: Pod) -> str:
    """Return what the pod takes from a Secret that its account does not list, "" if nothing."""
    listed = {secret.name for secret in account.secrets}
    for volume in pod.spec.volumes:
        if volume.secret is not None and volume.secret.secretName not in listed:
            return f'volume with secret.secretName="{volume.secret.secretName}" is not allowed'
    for kind, container in _containers(pod):
        for variable in container.env:
            reference = variable.valueFrom.secretKeyRef if variable.valueFrom else None
            if reference is not None and reference.name not in listed:
                where = f"{kind} {container.name} with envVar {variable.name}"
                return f'{where} referencing secret.secretName="{reference.name}" is not allowed'
        for source in container.envFrom:
            if source.secretRef is not None and source.secretRef.name not in listed:
                where = f"{kind} {container.name} with envFrom"
                return f'{where} referencing secret.secretName="{source.secretRef.name}" is not allowed'
    return ""


def _containers(pod: Pod) -> Iterator[tuple[str, Container | EphemeralContainer]]:
    spec = pod.spec
    for kind, containers in (
        ("init container", spec.initContainers),
        ("container", spec.containers),
        ("ephemeral container", spec.ephemeralContainers),
    ):
        for container in containers:
            yield kind, container
