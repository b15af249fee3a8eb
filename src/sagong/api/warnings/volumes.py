"""Volumes of pods: sources that are deprecated or gone, and files of one volume that lie in each other's way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sagong.api.field_errors import quote
from sagong.api.types.core import PersistentVolumeClaimSpec, Volume, VolumeProjection
from sagong.api.warnings.amounts import fractional

GONE_1_31 = "deprecated in v1.28, non-functional in v1.31+"
GONE_1_26 = "deprecated in v1.25, non-functional in v1.26+"
GONE_1_25 = "deprecated in v1.22, non-functional in v1.25+"
GONE_1_22 = "deprecated in v1.16, non-functional in v1.22+"
GONE_1_16 = "deprecated in v1.11, non-functional in v1.16+"
_CLAIM = "ephemeral"
# (attribute, name in the path, what is said of it), in the order of the warnings
_SOURCES = (
    ("photonPersistentDisk", "photonPersistentDisk", GONE_1_16),
    ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "scaleIO", GONE_1_22),
    ("flocker", "flocker", GONE_1_25),
    ("storageos", "storageOS", GONE_1_25),
    ("quobyte", "quobyte", GONE_1_25),
    ("glusterfs", "glusterfs", GONE_1_26),
    (_CLAIM, "", ""),
    ("cephfs", "cephfs", GONE_1_31),
    ("rbd", "rbd", GONE_1_31),
)


def volumes(at: str, found: Sequence[Volume]) -> Iterator[str]:
    """Warn about the volumes of a pod; `at` is the path of the list."""
    for i, volume in enumerate(found):
        for attribute, name, said in _SOURCES if volume.projected is None else ():  # a volume has one source
            if getattr(volume, attribute) is None:
                continue
            if attribute != _CLAIM:
                yield f"{at}[{i}].{name}: {said}"
            elif volume.ephemeral and volume.ephemeral.volumeClaimTemplate:
                yield from claim_spec(f"{at}[{i}].ephemeral.volumeClaimTemplate.spec", volume.ephemeral.volumeClaimTemplate.spec)
    for volume in found:
        if volume.projected is not None:
            sources = volume.projected.sources or ()
            if not _plainly_apart(sources):
                files = (file for source in sources for file in _projected(source))
                yield from _collisions(f"volume {quote(volume.name)} (Projected)", files)
        elif volume.configMap or volume.secret or volume.downwardAPI:
            yield from _overlaps(volume)


def claim_spec(at: str, spec: PersistentVolumeClaimSpec) -> list[str]:
    """Warn about a claim that asks for a part of a byte."""
    amounts = spec.resources
    return fractional(f"{at}.resources.requests", amounts.requests, "storage") + fractional(
        f"{at}.resources.limits", amounts.limits, "storage"
    )


class _File(NamedTuple):
    """A path in a volume, and where the file comes from, when several sources share the volume."""

    path: str
    source: str = ""

    def __str__(self) -> str:
        return f"{quote(self.path)} ({self.source})" if self.source else quote(self.path)


def _overlaps(volume: Volume) -> Iterator[str]:
    single = volume.configMap or volume.secret or volume.downwardAPI
    if single is not None and len(single.items) > 1:
        what = (
            f"ConfigMap {quote(volume.configMap.name)}"
            if volume.configMap
            else f"Secret {quote(volume.secret.secretName)}"
            if volume.secret
            else "DownwardAPI"
        )
        yield from _collisions(f"volume {quote(volume.name)} ({what})", (_File(item.path) for item in single.items))


def _plainly_apart(sources: Sequence[VolumeProjection]) -> bool:
    """Say whether files are few enough and differ in their first steps, as those of the volume with a pod's token do."""
    steps: list[str] = []
    for source in sources:
        if (token := source.serviceAccountToken) is not None:
            steps.append(token.path)
        elif (config := source.configMap) is not None:
            steps += [item.path for item in config.items]
        elif (downward := source.downwardAPI) is not None:
            steps += [item.path for item in downward.items]
        else:
            return False
    return len({step.partition("/")[0] for step in steps}) == len(steps)


def _projected(source: VolumeProjection) -> Sequence[_File | None]:
    """Return the files of a source whose paths are known; None: it is no source at all."""
    if source == VolumeProjection():
        return [None]
    config, secret, downward = source.configMap, source.secret, source.downwardAPI
    if config is not None and config.items:
        return [_File(item.path, f"ConfigMap {quote(config.name)}") for item in config.items]
    if secret is not None and secret.items:
        return [_File(item.path, f"Secret {quote(secret.name)}") for item in secret.items]
    if downward is not None and downward.items:
        return [_File(item.path, "DownwardAPI") for item in downward.items]
    if source.serviceAccountToken is not None:
        return [_File(source.serviceAccountToken.path, "ServiceAccountToken")]
    return _of_certificates(source)


def _of_certificates(source: VolumeProjection) -> list[_File]:
    if (bundle := source.clusterTrustBundle) is not None:
        name = bundle.name if bundle.name is not None else bundle.signerName or ""
        return [_File(bundle.path, f"ClusterTrustBundle {quote(name)}")]
    if (certificate := source.podCertificate) is None:
        return []
    files = (
        _File(certificate.certificateChainPath, "PodCertificate chain"),
        _File(certificate.keyPath, "PodCertificate key"),
        _File(certificate.credentialBundlePath, "PodCertificate credential bundle"),
    )
    return [file for file in files if file.path]


def _collisions(volume: str, files: Iterable[_File | None]) -> Iterator[str]:
    """Warn about files that are the same or lie below another; only those whose first step is the same are compared."""
    known: dict[str, list[_File]] = {}
    for found in files:
        if found is None:
            yield f"{volume} has no sources provided"
            continue
        file = found._replace(path=found.path.rstrip("/"))
        if not file.path:
            continue
        near = known.setdefault(file.path.partition("/")[0], [])
        for other in near:
            if f"{other.path}/".startswith(f"{file.path}/") or f"{file.path}/".startswith(f"{other.path}/"):
                yield f"{volume}: overlapping paths: {file} with {other}"
        near.append(file)
