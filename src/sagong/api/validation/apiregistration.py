"""Validation of API services."""

from __future__ import annotations

from sagong.api import names
from sagong.api.field_errors import Errors, quote
from sagong.api.types import apiregistration
from sagong.api.validation.rules import Rules, each, one_of, status

_MAX_GROUP_PRIORITY = 20_000
_MAX_VERSION_PRIORITY = 1000


def _service(errors: Errors, new: apiregistration.APIService, _: apiregistration.APIService | None) -> None:
    spec = new.spec
    _name(errors, new)
    if not spec.group and spec.version != "v1":
        errors.required("spec.group", "only v1 may have an empty group and it better be legacy kube")
    if spec.group:
        each(errors, "spec.group", spec.group, names.dns1123_subdomain)
    each(errors, "spec.version", spec.version, names.dns1035_label)
    if not 0 < spec.groupPriorityMinimum <= _MAX_GROUP_PRIORITY:
        errors.invalid("spec.groupPriorityMinimum", spec.groupPriorityMinimum, "must be positive and less than 20000")
    if not 0 < spec.versionPriority <= _MAX_VERSION_PRIORITY:
        errors.invalid("spec.versionPriority", spec.versionPriority, "must be positive and less than 1000")
    if spec.service is None:
        _local(errors, spec)
        return
    for field in ("namespace", "name"):
        if not getattr(spec.service, field):
            errors.required(f"spec.service.{field}")
    port = spec.service.port or 0
    if complaints := names.port_number(port):
        errors.invalid("spec.service.port", port, f"port is not valid: {', '.join(complaints)}")
    if spec.insecureSkipTLSVerify and spec.caBundle:
        errors.invalid("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present")  # noqa: FBT003 # the value


def _name(errors: Errors, new: apiregistration.APIService) -> None:
    needed = f"{new.spec.version}.{new.spec.group}"
    if new.metadata.name not in ("", needed) and not names.path_segment(new.metadata.name):
        errors.invalid("metadata.name", new.metadata.name, f'must be `spec.version+"."+spec.group`: {quote(needed)}')


def _local(errors: Errors, spec: apiregistration.APIServiceSpec) -> None:
    if spec.caBundle:
        errors.invalid("spec.caBundle", f"{len(spec.caBundle)} bytes", "local APIServices may not have a caBundle")
    if spec.insecureSkipTLSVerify:
        errors.invalid("spec.insecureSkipTLSVerify", True, "local APIServices may not have insecureSkipTLSVerify")  # noqa: FBT003 # the value


def _service_status(errors: Errors, new: apiregistration.APIService, _: apiregistration.APIService) -> None:
    for i, condition in enumerate(new.status.conditions):
        one_of(errors, f"status.conditions[{i}].status", condition.status, ("True", "False", "Unknown"))


TABLE: dict[type, Rules] = {
    apiregistration.APIService: Rules(name=names.path_segment, spec=_service, subresources=status(_service_status)),
}
