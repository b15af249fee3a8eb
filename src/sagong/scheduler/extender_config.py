"""The part of KubeSchedulerConfiguration that is about extenders, and what of it upstream refuses."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.go_values import parse_duration

DEFAULT_TIMEOUT = 5.0


class ManagedResource(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An extended resource: pods that ask for it are the extender's. `ignoredByScheduler`: nobody else counts it."""

    name: str
    ignoredByScheduler: bool = False


class ExtenderTLSConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whom to trust and what to show; data is PEM in base64 and wins over a file."""

    insecure: bool = False
    serverName: str = ""
    certFile: str = ""
    keyFile: str = ""
    caFile: str = ""
    certData: bytes = b""
    keyData: bytes = b""
    caData: bytes = b""


class ExtenderConfig(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A web service and the verbs that it has: each is a path below `urlPrefix`."""

    urlPrefix: str
    filterVerb: str = ""
    preemptVerb: str = ""
    prioritizeVerb: str = ""
    weight: int = 0
    bindVerb: str = ""
    enableHTTPS: bool = False
    tlsConfig: ExtenderTLSConfig | None = None
    httpTimeout: str = "0s"
    nodeCacheCapable: bool = False
    managedResources: list[ManagedResource] = []
    ignorable: bool = False

    @property
    def timeout(self) -> float | None:
        """Seconds that one call may take; None for no limit."""
        seconds = parse_duration(self.httpTimeout)
        return None if seconds < 0 else seconds or DEFAULT_TIMEOUT


def check_extenders(errors: Errors, path: str, extenders: Sequence[ExtenderConfig]) -> None:
    """Check what upstream checks, and that URL and timeout are such."""
    managed: set[str] = set()
    for place, extender in enumerate(extenders):
        at = f"{path}[{place}]"
        if not extender.urlPrefix.startswith(("http://", "https://")):
            errors.invalid(f"{at}.urlPrefix", extender.urlPrefix, "must be an http:// or https:// URL")
        if extender.prioritizeVerb and extender.weight <= 0:
            errors.invalid(f"{at}.weight", extender.weight, "must have a positive weight applied to it")
        try:
            parse_duration(extender.httpTimeout)
        except ValueError as error:
            errors.invalid(f"{at}.httpTimeout", extender.httpTimeout, str(error))
        for number, resource in enumerate(extender.managedResources):
            _check_resource(errors, f"{at}.managedResources[{number}].name", resource.name, managed)
    binders = sum(bool(extender.bindVerb) for extender in extenders)
    if binders > 1:
        errors.invalid(path, f"found {binders} extenders implementing bind", "only one extender can implement bind")


def _check_resource(errors: Errors, path: str, name: str, seen: set[str]) -> None:
    from sagong.api.validation.resources import is_extended  # noqa: PLC0415 - who has no extenders does not pay for the rules of all kinds

    if complaints := names.qualified_name(name):
        errors.each(path, name, complaints)
    elif not is_extended(name):
        errors.invalid(path, name, "is an invalid extended resource name")
    if name in seen:
        errors.invalid(path, name, "duplicate extender managed resource name")
    seen.add(name)
