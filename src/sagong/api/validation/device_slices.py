"""Validation of resource slices: the devices that a driver offers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.quantity import compare, parse
from sagong.api.types import resource as api
from sagong.api.validation import device_names, placement
from sagong.api.validation.device_names import items, keyed
from sagong.api.validation.metadata import label_key
from sagong.api.validation.rules import each, immutable
from sagong.api.validation.volumes import driver_name

_DEVICES, _ADVANCED_DEVICES = 128, 64
_COUNTER_SETS = 8
_COUNTERS = 32
_CONSUMPTIONS = 2
_DETAILS = 32
_TAINTS = 16
_VALUE_LENGTH = 64
_OPTIONS = 10
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?"
)
_ONE_PLACE = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
_ONE_DEVICE_PLACE = (
    "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the "
    "ResourceSlice spec"
)
_NO_DEVICE_PLACE = (
    "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
)
_ONE_POLICY = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'


def resource_slice(errors: Errors, new: api.ResourceSlice, old: api.ResourceSlice | None) -> None:
    """Check a slice."""
    spec = new.spec
    driver_name(errors, "spec.driver", spec.driver)
    _pool(errors, "spec.pool", spec.pool)
    places = _places(errors, "spec", spec, "must be either unset or set to a non-empty string")
    if spec.nodeSelector is not None and len(spec.nodeSelector.nodeSelectorTerms) != 1:
        text = "must have exactly one node selector term"
        errors.invalid("spec.nodeSelector.nodeSelectorTerms", spec.nodeSelector.nodeSelectorTerms, text)
    if spec.perDeviceNodeSelection:
        places.append("`perDeviceNodeSelection`")
    elif spec.perDeviceNodeSelection is not None:
        errors.invalid("spec.perDeviceNodeSelection", False, "must be either unset or set to true")  # noqa: FBT003 # the value
    if not places:
        errors.required("spec", _ONE_PLACE)
    elif len(places) > 1:
        errors.invalid("spec", f"{{{', '.join(places)}}}", f"{_ONE_PLACE}, but multiple fields are set")
    if spec.sharedCounters and spec.devices:
        errors.invalid("spec", "", "only one of `sharedCounters` or `devices` is allowed")
    known = {device.name: device for device in old.spec.devices} if old is not None else {}
    advanced = any(device.taints or device.consumesCounters for device in spec.devices)

    def device(errors: Errors, path: str, found: api.Device) -> None:
        _device(errors, path, found, known.get(found.name), placed=bool(spec.perDeviceNodeSelection))

    limit = _ADVANCED_DEVICES if advanced else _DEVICES
    items(errors, "spec.devices", spec.devices, limit, device, key=lambda found: found.name)
    items(errors, "spec.sharedCounters", spec.sharedCounters, _COUNTER_SETS, _counter_set, key=lambda found: found.name)


def resource_slice_change(errors: Errors, new: api.ResourceSlice, old: api.ResourceSlice) -> None:
    """Refuse to move a slice to another pool, driver or node."""
    immutable(errors, "spec.pool.name", new.spec.pool.name, old.spec.pool.name)
    immutable(errors, "spec.driver", new.spec.driver, old.spec.driver)
    immutable(errors, "spec.nodeName", new.spec.nodeName, old.spec.nodeName)


def _pool(errors: Errors, path: str, pool: api.ResourcePool) -> None:
    device_names.pool_name(errors, f"{path}.name", pool.name)
    if pool.resourceSliceCount <= 0:
        errors.invalid(f"{path}.resourceSliceCount", pool.resourceSliceCount, "must be greater than zero")
    if pool.generation < 0:
        errors.invalid(f"{path}.generation", pool.generation, "must be greater than or equal to zero")


def _places(errors: Errors, path: str, found: api.ResourceSliceSpec | api.Device, empty: str) -> list[str]:
    """Check on which nodes devices are, and return which ways to say it were used."""
    places = []
    if found.nodeName:
        places.append("`nodeName`")
        each(errors, f"{path}.nodeName", found.nodeName, names.dns1123_subdomain)
    elif found.nodeName is not None:
        errors.invalid(f"{path}.nodeName", "", empty)
    if found.nodeSelector is not None:
        places.append("`nodeSelector`")
        placement.node_selector(errors, f"{path}.nodeSelector", found.nodeSelector)
    if found.allNodes:
        places.append("`allNodes`")
    elif found.allNodes is not None:
        errors.invalid(f"{path}.allNodes", False, "must be either unset or set to true")  # noqa: FBT003 # the value
    return places


def _counter_set(errors: Errors, path: str, found: api.CounterSet) -> None:
    device_names.needed_label(errors, f"{path}.name", found.name)
    _counters(errors, f"{path}.counters", found.counters)


def _counters(errors: Errors, path: str, found: Mapping[str, api.Counter]) -> None:
    if not found:
        errors.required(path)
    if len(found) > _COUNTERS:
        errors.too_many(path, len(found), _COUNTERS)
    for name in found:
        device_names.label(errors, path, name)


def _device(errors: Errors, path: str, found: api.Device, old: api.Device | None, *, placed: bool) -> None:
    device_names.label(errors, f"{path}.name", found.name)
    details = len(found.attributes) + len(found.capacity)
    if details > _DETAILS:
        errors.invalid(path, details, f"the total number of attributes and capacities must not exceed {_DETAILS}")
    for name in found.attributes:
        device_names.qualified_name(errors, f"{path}.attributes", name)
    for at, attribute in keyed(found.attributes, f"{path}.attributes"):
        _attribute(errors, at, attribute)
    for name in found.capacity:
        device_names.qualified_name(errors, f"{path}.capacity", name)
    for at, capacity in keyed(found.capacity, f"{path}.capacity"):
        _capacity(errors, at, capacity, shared=bool(found.allowMultipleAllocations))
    if old is None or old.taints != found.taints:
        items(errors, f"{path}.taints", found.taints, _TAINTS, _taint)
    items(errors, f"{path}.consumesCounters", found.consumesCounters, _CONSUMPTIONS, _consumption, key=lambda item: item.counterSet)
    _device_place(errors, path, found, placed=placed)
    device_names.binding_conditions(errors, path, found)


def _consumption(errors: Errors, path: str, found: api.DeviceCounterConsumption) -> None:
    device_names.needed_label(errors, f"{path}.counterSet", found.counterSet)
    _counters(errors, f"{path}.counters", found.counters)


def _device_place(errors: Errors, path: str, found: api.Device, *, placed: bool) -> None:
    if placed:
        places = _places(errors, path, found, "must not be empty")
        if not places:
            errors.required(path, _ONE_DEVICE_PLACE)
        elif len(places) > 1:
            errors.invalid(path, f"{{{', '.join(places)}}}", _ONE_DEVICE_PLACE)
    elif (found.nodeName, found.nodeSelector, found.allNodes) != (None, None, None):
        errors.invalid(path, None, _NO_DEVICE_PLACE)


def _attribute(errors: Errors, path: str, found: api.DeviceAttribute) -> None:
    given = [value for value in (found.bool_, found.int_, found.string, found.version) if value is not None]
    if found.string is not None and len(found.string.encode()) > _VALUE_LENGTH:
        errors.too_long(f"{path}.string", _VALUE_LENGTH)
    if found.version is not None:
        if not _SEMVER.fullmatch(found.version):
            errors.invalid(f"{path}.version", found.version, "must be a string compatible with semver.org spec 2.0.0")
        if len(found.version.encode()) > _VALUE_LENGTH:
            errors.too_long(f"{path}.version", _VALUE_LENGTH)
    if len(given) != 1:
        errors.invalid(path, found if given else "", "exactly one value must be specified")


def _taint(errors: Errors, path: str, taint: api.DeviceTaint) -> None:
    label_key(errors, f"{path}.key", taint.key)
    each(errors, f"{path}.value", taint.value, names.label_value)
    if taint.effect:
        device_names.effect(errors, f"{path}.effect", taint.effect)
    else:
        errors.required(f"{path}.effect")


def _capacity(errors: Errors, path: str, capacity: api.DeviceCapacity, *, shared: bool) -> None:
    policy, at = capacity.requestPolicy, f"{path}.requestPolicy"
    if policy is None:
        return
    if not shared:
        errors.forbidden(at, "allowMultipleAllocations must be true")
    elif policy.validValues and policy.validRange is not None:
        errors.forbidden(at, _ONE_POLICY)
    elif policy.validValues or policy.validRange is not None:
        _policy(errors, at, capacity.value, policy)


def _policy(errors: Errors, path: str, whole: str, policy: api.CapacityRequestPolicy) -> None:
    name = "validValues" if policy.validValues else "validRange"
    if policy.default is None:
        errors.required(f"{path}.default", f"required when {name} is defined")
    elif policy.validRange is not None:
        _range(errors, f"{path}.validRange", whole, policy.default, policy.validRange)
    else:
        _values(errors, f"{path}.validValues", whole, policy.default, policy.validValues)


def _values(errors: Errors, path: str, whole: str, default: str, values: list[str]) -> None:
    for i, (lower, upper) in enumerate(pairwise(values)):
        if compare(lower, upper) > 0:
            errors.invalid(f"{path}[{i + 1}]", upper, "values must be sorted in ascending order")

    def value(errors: Errors, path: str, option: str) -> None:
        if compare(option, whole) > 0:
            errors.invalid(path, option, f"option is larger than capacity value: {whole}")

    items(errors, path, values, _OPTIONS, value, key=lambda option: str(parse(option).value()))
    if all(compare(option, default) for option in values):
        errors.invalid(path, default, "default value is not valid according to the requestPolicy")


def _range(errors: Errors, path: str, whole: str, default: str, found: api.CapacityRequestPolicyRange) -> None:
    least, most, step = found.min, found.max, found.step
    if least is None:
        errors.required(f"{path}.min", "required when validRange is defined")
        return
    _ordered(errors, f"{path}.min", least, whole, f"min is larger than capacity value: {whole}")
    _ordered(errors, f"{path}.min", least, default, f"default is less than min: {least}", shown=default)
    if most is not None:
        _ordered(errors, f"{path}.max", least, most, f"min is larger than max: {most}")
        _ordered(errors, f"{path}.max", most, whole, f"max is larger than capacity value: {whole}")
        _ordered(errors, f"{path}.max", default, most, f"default is more than max: {most}")
    if step is None:
        return
    start, width = parse(least).value(), parse(step).value()
    if start + width > parse(whole).value():
        errors.invalid(f"{path}.step", step, f"one step {start + width} is larger than capacity value: {whole}")
    for value in (default, most):
        if value is not None and width and (parse(value).value() - start) % width:
            errors.invalid(f"{path}.step", value, f"value is not a multiple of a given step ({step}) from ({least})")


def _ordered(errors: Errors, path: str, lower: str, upper: str, detail: str, *, shown: str = "") -> None:
    if compare(lower, upper) > 0:
        errors.invalid(path, shown or lower, detail)
