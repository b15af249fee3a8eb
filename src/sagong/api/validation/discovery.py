"""Validation of endpoint slices."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import discovery
from sagong.api.validation import addresses
from sagong.api.validation.domains import qualified_domain
from sagong.api.validation.metadata import labels
from sagong.api.validation.rules import PROTOCOLS, Rules, each, immutable

_TYPES = ("FQDN", "IPv4", "IPv6")
_LABELS = 16
_ADDRESSES = 100
_PORTS = 20_000
_ENDPOINTS = 1000
_HINTS = 8
_ZONE = "topology.kubernetes.io/zone"


def _slice(errors: Errors, new: discovery.EndpointSlice, old: discovery.EndpointSlice | None) -> None:
    if not new.addressType:
        errors.required("addressType")
    elif new.addressType not in _TYPES:
        errors.not_supported("addressType", new.addressType, _TYPES)
    if new.ports and len(new.ports) > _PORTS:
        errors.too_many("ports", len(new.ports), _PORTS)
    seen: set[str] = set()
    for i, port in enumerate(new.ports or ()):
        _port(errors, f"ports[{i}]", port, seen)
    if old is None or (old.endpoints or []) != (new.endpoints or []):
        if new.endpoints and len(new.endpoints) > _ENDPOINTS:
            errors.too_many("endpoints", len(new.endpoints), _ENDPOINTS)
        for i, endpoint in enumerate(new.endpoints or ()):
            _endpoint(errors, f"endpoints[{i}]", endpoint, new.addressType)
    if old is not None:
        immutable(errors, "addressType", new.addressType, old.addressType)


def _port(errors: Errors, path: str, port: discovery.EndpointPort, seen: set[str]) -> None:
    name = port.name or ""
    if name:
        each(errors, f"{path}.name", name, names.dns1123_label)
    if name in seen:
        errors.duplicate(f"{path}.name", name)
    seen.add(name)
    if port.protocol is None:
        errors.required(f"{path}.protocol")
    elif port.protocol not in PROTOCOLS:
        errors.not_supported(f"{path}.protocol", port.protocol, PROTOCOLS)
    if port.appProtocol is not None:
        each(errors, f"{path}.appProtocol", port.appProtocol, names.qualified_name)


def _endpoint(errors: Errors, path: str, endpoint: discovery.Endpoint, kind: str) -> None:
    at = f"{path}.addresses"
    if not endpoint.addresses:
        errors.required(at, "must contain at least 1 address")
    elif len(endpoint.addresses) > _ADDRESSES:
        errors.too_many(at, len(endpoint.addresses), _ADDRESSES)
    for i, address in enumerate(endpoint.addresses):
        if kind == "FQDN":
            qualified_domain(errors, f"{at}[{i}]", address)
        elif kind in _TYPES:
            _address(errors, at, i, address, kind)
    if endpoint.nodeName is not None:
        each(errors, f"{path}.nodeName", endpoint.nodeName, names.dns1123_subdomain)
    if topology := endpoint.deprecatedTopology:
        _topology(errors, f"{path}.deprecatedTopology", topology)
    if endpoint.hostname is not None:
        each(errors, f"{path}.hostname", endpoint.hostname, names.dns1123_label)
    if endpoint.hints is not None:
        _hints(errors, f"{path}.hints.forZones", endpoint.hints.forZones, names.label_value)
        _hints(errors, f"{path}.hints.forNodes", endpoint.hints.forNodes, names.dns1123_subdomain)


def _address(errors: Errors, path: str, i: int, text: str, kind: str) -> None:
    before = len(errors)
    (addresses.canonical_ip if kind == "IPv6" else addresses.ip)(errors, f"{path}[{i}]", text)
    if len(errors) > before:
        return
    if isinstance(addresses.parse(text), ipaddress.IPv4Address) != (kind == "IPv4"):
        errors.invalid(path, text, f"must be an {kind} address")
    addresses.endpoint_ip(errors, f"{path}[{i}]", text)


def _topology(errors: Errors, path: str, topology: dict[str, str]) -> None:
    if len(topology) > _LABELS:
        errors.too_many(path, len(topology), _LABELS)
    labels(errors, path, topology)
    if _ZONE in topology:
        errors.internal(f"{path}[{_ZONE}]", "reserved key was not removed in conversion")


def _hints(errors: Errors, path: str, found: Sequence[Any], check: names.Check) -> None:
    if len(found) > _HINTS:
        errors.too_many(path, len(found), _HINTS)
    seen: set[str] = set()
    for i, hint in enumerate(found):
        if hint.name in seen:
            errors.duplicate(f"{path}[{i}].name", hint.name)
        seen.add(hint.name)
        each(errors, f"{path}[{i}].name", hint.name, check)


TABLE: dict[type, Rules] = {discovery.EndpointSlice: Rules(spec=_slice)}
