"""Secrets, service accounts and quotas."""

from __future__ import annotations

from typing import Any

from sagong.api import quantity
from sagong.api.types.core import ResourceQuota, Secret, ServiceAccount
from sagong.api.warnings.warner import Warner

_MOUNTABLE = "kubernetes.io/enforce-mountable-secrets"
_MOUNTABLE_SAID = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
_QUOTED = ("cpu", "memory", "storage", "ephemeral-storage")
_BARE = ("cpu", "memory")


def _secret(new: Secret, _: Any) -> list[str]:
    if new.type != "kubernetes.io/tls":
        return []
    from sagong.api.warnings.key_pair import complaint  # noqa: PLC0415 - few secrets are certificates

    wrong = complaint(new.data.get("tls.crt", b""), new.data.get("tls.key", b""))
    return [wrong] if wrong else []


def _service_account(new: ServiceAccount, old: ServiceAccount | None) -> list[str]:
    if _MOUNTABLE not in new.metadata.annotations or (old is not None and _MOUNTABLE in old.metadata.annotations):
        return []
    return [f"metadata.annotations[{_MOUNTABLE}]: {_MOUNTABLE_SAID}"]


def _quota(new: ResourceQuota, old: ResourceQuota | None) -> list[str]:
    """Warn about a new quota that allows more to be requested than to be used."""
    hard = new.spec.hard if old is None else {}
    found = []
    for name in _QUOTED:
        limit = f"limits.{name}"
        request = next((key for key in (f"requests.{name}", name) if key in hard and (key != name or name in _BARE)), "")
        if request and limit in hard and quantity.compare(hard[request], hard[limit]) > 0:
            found.append(f"ResourceQuota {request} ({hard[request]}) should be less than {limit} ({hard[limit]})")
    return found


TABLE: dict[type[Any], Warner] = {Secret: Warner(_secret), ServiceAccount: Warner(_service_account), ResourceQuota: Warner(_quota)}
