"""Validation of projected volumes: several sources in one directory, so no two files of one path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import core
from sagong.api.validation import downward, metadata
from sagong.api.validation.paths import file_mode, key_to_path, unreserved
from sagong.api.validation.rules import required
from sagong.api.validation.signers import is_kubernetes_signer, signer_name

_KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_TEN_MINUTES, _HOUR, _DAY = 600, 3600, 86400
_MAX_CERTIFICATE = 91 * _DAY
_CLAIM = Callable[[str, object], None]


def volume(errors: Errors, path: str, source: core.ProjectedVolumeSource) -> None:
    """Check a projected volume."""
    file_mode(errors, f"{path}.defaultMode", source.defaultMode)
    taken: set[str] = set()

    def take(target: str, value: object) -> None:
        if target in taken:
            errors.invalid(path, value, "conflicting duplicate paths")
        taken.add(target)

    for i, projection in enumerate(source.sources or ()):
        at, count = f"{path}.sources[{i}]", 0
        for name, check in _SOURCES.items():
            if (part := getattr(projection, name)) is not None:
                check(errors, f"{at}.{name}", part, take)
                count += 1
        if projection.serviceAccountToken:
            _token_path(errors, path, projection.serviceAccountToken)
        if count > 1:
            errors.forbidden(at, "may not specify more than 1 volume type per source")


def _keys(errors: Errors, path: str, source: core.SecretProjection | core.ConfigMapProjection, take: _CLAIM) -> None:
    required(errors, path, source, "name")
    for i, item in enumerate(source.items):
        key_to_path(errors, f"{path}.items[{i}]", item)
        if item.path:
            take(item.path, source.name)


def _downward_api(errors: Errors, path: str, source: core.DownwardAPIProjection, take: _CLAIM) -> None:
    for item in source.items:
        downward.file(errors, path, item)
        if item.path:
            take(item.path, item.path)


def _token(errors: Errors, path: str, source: core.ServiceAccountTokenProjection, _: _CLAIM) -> None:
    seconds = source.expirationSeconds or 0
    if seconds < _TEN_MINUTES:
        errors.invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > 1 << 32:
        errors.invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")


def _token_path(errors: Errors, path: str, source: core.ServiceAccountTokenProjection) -> None:
    if source.path:
        unreserved(errors, f"{path}.path", source.path)
    else:
        errors.required(f"{path}.path")


def _trust_bundle(errors: Errors, path: str, source: core.ClusterTrustBundleProjection, take: _CLAIM) -> None:
    if source.name is not None and source.signerName is not None:
        errors.invalid(path, source, "only one of name and signerName may be used")
    elif source.name is not None:
        _bundle_name(errors, path, source.name)
        if source.labelSelector is not None:
            errors.invalid(f"{path}.labelSelector", source.labelSelector, "labelSelector must be unset if name is specified")
    elif source.signerName is not None:
        if not source.signerName:
            errors.required(f"{path}.signerName", "must be a valid signer name")
        signer_name(errors, f"{path}.signerName", source.signerName)
        metadata.label_selector(errors, f"{path}.labelSelector", source.labelSelector)
    else:
        errors.required(path, "either name or signerName must be specified")
    required(errors, path, source, "path")
    unreserved(errors, f"{path}.path", source.path)
    take(source.path, source.path)


def _bundle_name(errors: Errors, path: str, name: str) -> None:
    if not name:
        errors.required(f"{path}.name", "must be a valid object name")
    tail = name.rpartition(":")[2]
    errors.each(f"{path}.name", name, [f"not a valid clustertrustbundlename: {text}" for text in names.dns1123_subdomain(tail)])


def _certificate(errors: Errors, path: str, source: core.PodCertificateProjection, take: _CLAIM) -> None:
    signer_name(errors, f"{path}.signerName", source.signerName)
    for key in source.userAnnotations:
        domain_prefixed_key(errors, f"{path}.userAnnotations", key.lower())
    if source.keyType not in _KEY_TYPES:
        errors.not_supported(f"{path}.keyType", source.keyType, _KEY_TYPES)
    _certificate_age(errors, f"{path}.maxExpirationSeconds", source)
    targets = {name: getattr(source, name) for name in ("credentialBundlePath", "keyPath", "certificateChainPath")}
    for name, target in targets.items():
        if target:
            unreserved(errors, f"{path}.{name}", target)
            take(target, target)
    if not any(targets.values()):
        errors.required(path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath")


def _certificate_age(errors: Errors, path: str, source: core.PodCertificateProjection) -> None:
    seconds = source.maxExpirationSeconds
    longest = _DAY if is_kubernetes_signer(source.signerName) else _MAX_CERTIFICATE
    if seconds is not None and seconds < _HOUR:
        errors.invalid(path, seconds, "if provided, maxExpirationSeconds must be >= 3600")
    if seconds is not None and seconds > longest:
        errors.invalid(path, seconds, f"if provided, maxExpirationSeconds must be <= {longest}")


def domain_prefixed_key(errors: Errors, path: str, key: str) -> None:
    """Check a label key that must have a domain."""
    if not key:
        errors.required(path)
    elif complaints := names.qualified_name(key):
        errors.each(path, key, complaints)
    elif "/" not in key:
        errors.invalid(path, key, 'must be a domain-prefixed key (such as "acme.io/foo")')


_SOURCES: dict[str, Callable[[Errors, str, Any, _CLAIM], None]] = {
    "secret": _keys,
    "configMap": _keys,
    "downwardAPI": _downward_api,
    "serviceAccountToken": _token,
    "clusterTrustBundle": _trust_bundle,
    "podCertificate": _certificate,
}
