"""Validation of resource claims, their templates, and device classes. Selectors in CEL are not compiled here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import resource as api
from sagong.api.validation import device_names, device_slices, placement
from sagong.api.validation.addresses import interface_address
from sagong.api.validation.device_names import items
from sagong.api.validation.metadata import conditions, template_meta
from sagong.api.validation.resources import is_extended
from sagong.api.validation.rules import Rules, immutable, named, one_of, required, status
from sagong.api.validation.volumes import driver_name

_LIMIT = 32  # of requests, constraints, configurations, selectors, results
_ALTERNATIVES = 8
_CONSUMERS = 256
_CONDITIONS = 8
_ADDRESSES = 16
_EXPRESSION_LENGTH = 10 * 1024
_INTERFACE_LENGTH = 256
_HARDWARE_LENGTH = 128
_ONE_KIND = "exactly one of `exactly` or `firstAvailable` is required"
_ONE_ATTRIBUTE = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
_NO_SUCH_REQUEST = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
_DELETED = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"


def _requests(claim: api.DeviceClaim) -> frozenset[str]:
    """Return how requests can be referred to: `request` and `request/alternative`."""
    return frozenset(
        name
        for request in claim.requests or ()
        for name in (request.name, *(f"{request.name}/{alternative.name}" for alternative in request.firstAvailable))
    )


def _device_claim(errors: Errors, path: str, claim: api.DeviceClaim) -> None:
    known = _requests(claim)
    items(errors, f"{path}.requests", claim.requests or (), _LIMIT, _request, key=lambda request: request.name)

    def constraint(errors: Errors, path: str, found: api.DeviceConstraint) -> None:
        _references(errors, f"{path}.requests", found.requests, known)
        if found.matchAttribute is not None:
            device_names.fully_qualified_name(errors, f"{path}.matchAttribute", found.matchAttribute)
        elif found.distinctAttribute is not None:
            device_names.fully_qualified_name(errors, f"{path}.distinctAttribute", found.distinctAttribute)
        else:
            errors.required(path, _ONE_ATTRIBUTE)

    items(errors, f"{path}.constraints", claim.constraints, _LIMIT, constraint)

    def configuration(errors: Errors, path: str, found: api.DeviceClaimConfiguration) -> None:
        _references(errors, f"{path}.requests", found.requests, known)
        _opaque(errors, path, found)

    items(errors, f"{path}.config", claim.config, _LIMIT, configuration)


def _references(errors: Errors, path: str, found: Sequence[str], known: Iterable[str]) -> None:
    items(errors, path, found, _LIMIT, lambda errors, path, name: _reference(errors, path, name, known), key=lambda name: name)


def _reference(errors: Errors, path: str, name: str, known: Iterable[str]) -> None:
    if name.count("/") > 1:
        errors.invalid(path, name, _NO_SUCH_REQUEST)
    for part in name.split("/"):
        device_names.label(errors, path, part)
    if name not in known:
        errors.invalid(path, name, _NO_SUCH_REQUEST)


def _request(errors: Errors, path: str, request: api.DeviceRequest) -> None:
    device_names.label(errors, f"{path}.name", request.name)
    if request.exactly is not None and request.firstAvailable:
        errors.invalid(path, None, f"{_ONE_KIND}, but multiple fields are set")
    elif request.exactly is not None:
        _devices(errors, f"{path}.exactly", request.exactly)
    elif request.firstAvailable:
        items(errors, f"{path}.firstAvailable", request.firstAvailable, _ALTERNATIVES, _alternative, key=lambda found: found.name)
    else:
        errors.required(path, _ONE_KIND)


def _alternative(errors: Errors, path: str, request: api.DeviceSubRequest) -> None:
    device_names.label(errors, f"{path}.name", request.name)
    _devices(errors, path, request)


def _devices(errors: Errors, path: str, request: api.ExactDeviceRequest | api.DeviceSubRequest) -> None:
    named(errors, f"{path}.deviceClassName", request.deviceClassName, names.dns1123_subdomain)
    items(errors, f"{path}.selectors", request.selectors, _LIMIT, _selector)
    if request.allocationMode == "All":
        if request.count:
            errors.invalid(f"{path}.count", request.count, "must not be specified when allocationMode is 'All'")
    elif request.allocationMode == "ExactCount":
        if request.count <= 0:
            errors.invalid(f"{path}.count", request.count, "must be greater than zero")
    else:
        errors.not_supported(f"{path}.allocationMode", request.allocationMode, ("All", "ExactCount"))
    for i, toleration in enumerate(request.tolerations):
        device_names.toleration(errors, f"{path}.tolerations[{i}]", toleration)


def _selector(errors: Errors, path: str, selector: api.DeviceSelector) -> None:
    if selector.cel is None:
        errors.required(f"{path}.cel")
    elif len(selector.cel.expression.encode()) > _EXPRESSION_LENGTH:
        errors.too_long(f"{path}.cel.expression", _EXPRESSION_LENGTH)


def _opaque(
    errors: Errors, path: str, found: api.DeviceClaimConfiguration | api.DeviceClassConfiguration | api.DeviceAllocationConfiguration
) -> None:
    if found.opaque is None:
        errors.required(f"{path}.opaque")
        return
    driver_name(errors, f"{path}.opaque.driver", found.opaque.driver)
    device_names.json_object(errors, f"{path}.opaque.parameters", found.opaque.parameters)


def _claim(errors: Errors, new: api.ResourceClaim, _: None) -> None:
    _device_claim(errors, "spec.devices", new.spec.devices)


def _claim_change(errors: Errors, new: api.ResourceClaim, old: api.ResourceClaim) -> None:
    immutable(errors, "spec", new.spec, old.spec)


def _claim_status(errors: Errors, new: api.ResourceClaim, old: api.ResourceClaim) -> None:
    found, before = new.status, old.status
    items(errors, "status.reservedFor", found.reservedFor, _CONSUMERS, _consumer, key=lambda consumer: consumer.uid)
    allocated = {_device_id(result) for result in found.allocation.devices.results} if found.allocation is not None else set()

    def device(errors: Errors, path: str, reported: api.AllocatedDeviceStatus) -> None:
        _device_status(errors, path, reported)
        if _device_id(reported) not in allocated:
            errors.invalid(path, "/".join(map(str, _device_id(reported)[:3])), "must be an allocated device in the claim")

    items(errors, "status.devices", found.devices, len(found.devices), device, key=_device_id)
    if found.reservedFor and found.allocation is None:
        errors.forbidden("status.reservedFor", "may not be specified when `allocated` is not set")
    elif new.metadata.deletionTimestamp and any(consumer not in before.reservedFor for consumer in found.reservedFor):
        errors.forbidden("status.reservedFor", _DELETED)
    if found.allocation is not None and before.allocation is not None:
        immutable(errors, "status.allocation", found.allocation, before.allocation)
    elif found.allocation is not None:
        _allocation(errors, "status.allocation", found.allocation, _requests(new.spec.devices))


def _consumer(errors: Errors, path: str, consumer: api.ResourceClaimConsumerReference) -> None:
    required(errors, path, consumer, "resource", "name", "uid")


def _device_id(found: api.AllocatedDeviceStatus | api.DeviceRequestAllocationResult) -> tuple[str, str, str, str | None]:
    return found.driver, found.pool, found.device, found.shareID


def _device_status(errors: Errors, path: str, found: api.AllocatedDeviceStatus) -> None:
    _device(errors, path, found)
    if found.conditions and len(found.conditions) > _CONDITIONS:
        errors.too_many(f"{path}.conditions", len(found.conditions), _CONDITIONS)
    conditions(errors, f"{path}.conditions", found.conditions or ())
    if found.data is not None:
        device_names.json_object(errors, f"{path}.data", found.data)
    if (network := found.networkData) is not None:
        at = f"{path}.networkData"
        if len(network.interfaceName) > _INTERFACE_LENGTH:
            errors.too_long(f"{at}.interfaceName", _INTERFACE_LENGTH)
        if len(network.hardwareAddress) > _HARDWARE_LENGTH:
            errors.too_long(f"{at}.hardwareAddress", _HARDWARE_LENGTH)
        items(errors, f"{at}.ips", network.ips, _ADDRESSES, interface_address, key=lambda address: address)


def _device(errors: Errors, path: str, found: api.AllocatedDeviceStatus | api.DeviceRequestAllocationResult) -> None:
    driver_name(errors, f"{path}.driver", found.driver)
    device_names.pool_name(errors, f"{path}.pool", found.pool)
    device_names.label(errors, f"{path}.device", found.device)
    if found.shareID is not None:
        device_names.uid(errors, f"{path}.shareID", found.shareID)


def _allocation(errors: Errors, path: str, allocation: api.AllocationResult, known: frozenset[str]) -> None:
    def result(errors: Errors, path: str, found: api.DeviceRequestAllocationResult) -> None:
        _reference(errors, f"{path}.request", found.request, known)
        _device(errors, path, found)
        device_names.binding_conditions(errors, path, found)

    def configuration(errors: Errors, path: str, found: api.DeviceAllocationConfiguration) -> None:
        one_of(errors, f"{path}.source", found.source, ("FromClaim", "FromClass"), missing="")
        _references(errors, f"{path}.requests", found.requests, known)
        _opaque(errors, path, found)

    items(errors, f"{path}.devices.results", allocation.devices.results, _LIMIT, result)
    items(errors, f"{path}.devices.config", allocation.devices.config, 2 * _LIMIT, configuration)
    if allocation.nodeSelector is not None:
        placement.node_selector(errors, f"{path}.nodeSelector", allocation.nodeSelector)


def _template(errors: Errors, new: api.ResourceClaimTemplate, _: None) -> None:
    template_meta(errors, "spec.metadata", new.spec.metadata)
    _device_claim(errors, "spec.spec.devices", new.spec.spec.devices)


def _template_change(errors: Errors, new: api.ResourceClaimTemplate, old: api.ResourceClaimTemplate) -> None:
    immutable(errors, "spec", new.spec, old.spec)


def _class(errors: Errors, new: api.DeviceClass, _: Any) -> None:
    items(errors, "spec.selectors", new.spec.selectors, _LIMIT, _selector)
    items(errors, "spec.config", new.spec.config, _LIMIT, _opaque)
    extended = new.spec.extendedResourceName
    if extended is not None and not is_extended(extended):
        errors.invalid("spec.extendedResourceName", extended, "must be a valid extended resource name")


TABLE: dict[type, Rules] = {
    api.ResourceClaim: Rules(create=_claim, change=_claim_change, subresources=status(_claim_status)),
    api.ResourceClaimTemplate: Rules(create=_template, change=_template_change),
    api.DeviceClass: Rules(spec=_class),
    api.ResourceSlice: Rules(spec=device_slices.resource_slice, change=device_slices.resource_slice_change),
}
