"""Defaults of dynamic resource allocation. A taint's timeAdded needs a clock and is set where the write is prepared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api.defaults.fill import fill
from sagong.api.types import resource


def _request(request: resource.ExactDeviceRequest | resource.DeviceSubRequest) -> None:
    fill(request, {"allocationMode": "ExactCount"})
    if request.allocationMode == "ExactCount":
        fill(request, {"count": 1})
    _tolerations(request)


def _tolerations(holder: resource.ExactDeviceRequest | resource.DeviceSubRequest | resource.DeviceRequestAllocationResult) -> None:
    for toleration in holder.tolerations:
        fill(toleration, {"operator": "Equal"})


def _claim_spec(spec: resource.ResourceClaimSpec) -> None:
    for request in spec.devices.requests or ():
        for part in (request.exactly, *request.firstAvailable):
            if part is not None:
                _request(part)


def _claim(obj: resource.ResourceClaim) -> None:
    _claim_spec(obj.spec)
    for result in obj.status.allocation.devices.results if obj.status.allocation else ():
        _tolerations(result)


def _template(obj: resource.ResourceClaimTemplate) -> None:
    _claim_spec(obj.spec.spec)


def _slice(obj: resource.ResourceSlice) -> None:
    for device in obj.spec.devices:
        for mapping in device.nodeAllocatableResourceMappings.values():
            fill(mapping, {"allocationMultiplier": "1"})


TABLE: dict[type, Callable[[Any], None]] = {
    resource.ResourceClaim: _claim,
    resource.ResourceClaimTemplate: _template,
    resource.ResourceSlice: _slice,
}
