"""Validation of the networking group: network policies, ingress classes, addresses and blocks of services."""

from __future__ import annotations

from collections.abc import Iterator

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import networking
from sagong.api.validation import addresses, ingresses
from sagong.api.validation.domains import domain_path
from sagong.api.validation.metadata import label_selector
from sagong.api.validation.rules import IMMUTABLE, PROTOCOLS, Rules, each, immutable, named, port_or_name, status

_CONTROLLER_LENGTH = 250
_POLICY_TYPES = ("Ingress", "Egress")
_FAMILIES = 2


def _network_policy(errors: Errors, new: networking.NetworkPolicy, old: networking.NetworkPolicy | None) -> None:
    spec = new.spec
    loose = old is not None and _bad_selector(old.spec)
    known = list(_blocks(old.spec)) if old is not None else []
    label_selector(errors, "spec.podSelector", spec.podSelector, loose_values=loose)
    rules = [(f"spec.ingress[{i}]", rule.ports, "from", rule.from_) for i, rule in enumerate(spec.ingress)]
    rules += [(f"spec.egress[{i}]", rule.ports, "to", rule.to) for i, rule in enumerate(spec.egress)]
    for path, ports, side, peers in rules:
        for j, port in enumerate(ports):
            _policy_port(errors, f"{path}.ports[{j}]", port)
        for j, peer in enumerate(peers):
            _peer(errors, f"{path}.{side}[{j}]", peer, known, loose=loose)
    if len(spec.policyTypes) > len(_POLICY_TYPES):
        errors.invalid("spec.policyTypes", spec.policyTypes, "may not specify more than two policyTypes")
    for i, name in enumerate(spec.policyTypes):
        if name not in _POLICY_TYPES:
            errors.not_supported(f"spec.policyTypes[{i}]", name, _POLICY_TYPES)


def _bad_selector(spec: networking.NetworkPolicySpec) -> bool:
    found = Errors()
    label_selector(found, "", spec.podSelector)
    return bool(found)


def _blocks(spec: networking.NetworkPolicySpec) -> Iterator[str]:
    for peers in (*(rule.from_ for rule in spec.ingress), *(rule.to for rule in spec.egress)):
        for peer in peers:
            if peer.ipBlock is not None:
                yield peer.ipBlock.cidr
                yield from peer.ipBlock.except_


def _policy_port(errors: Errors, path: str, port: networking.NetworkPolicyPort) -> None:
    if port.protocol is not None and port.protocol not in PROTOCOLS:
        errors.not_supported(f"{path}.protocol", port.protocol, ("TCP", "UDP", "SCTP"))
    end = port.endPort
    if end is not None:
        if port.port is None:
            errors.invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified")
        elif isinstance(port.port, str):
            errors.invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric")
        else:
            if end < port.port:
                errors.invalid(f"{path}.endPort", port.port, "must be greater than or equal to `port`")
            errors.each(f"{path}.endPort", end, names.port_number(end))
    if port.port is not None:
        port_or_name(errors, f"{path}.port", port.port)


def _peer(errors: Errors, path: str, peer: networking.NetworkPolicyPeer, known: list[str], *, loose: bool) -> None:
    label_selector(errors, f"{path}.podSelector", peer.podSelector, loose_values=loose)
    label_selector(errors, f"{path}.namespaceSelector", peer.namespaceSelector, loose_values=loose)
    selectors = peer.podSelector is not None or peer.namespaceSelector is not None
    if peer.ipBlock is not None:
        _block(errors, f"{path}.ipBlock", peer.ipBlock, known)
        if selectors:
            errors.forbidden(path, "may not specify both ipBlock and another peer")
    elif not selectors:
        errors.required(path, "must specify a peer")


def _block(errors: Errors, path: str, block: networking.IPBlock, known: list[str]) -> None:
    if not block.cidr:
        errors.required(f"{path}.cidr")
        return
    addresses.cidr(errors, f"{path}.cidr", block.cidr, known)
    whole = addresses.parse_network(block.cidr)
    if whole is None:
        return
    for i, text in enumerate(block.except_):
        addresses.cidr(errors, f"{path}.except[{i}]", text, known)
        part = addresses.parse_network(text)
        if part is not None and not (part.network_address in whole and whole.prefixlen < part.prefixlen):
            errors.invalid(f"{path}.except[{i}]", text, "must be a strict subset of `cidr`")


def _ingress_class(errors: Errors, new: networking.IngressClass, old: networking.IngressClass | None) -> None:
    if old is not None:
        immutable(errors, "spec.controller", new.spec.controller, old.spec.controller)
    if len(new.spec.controller) > _CONTROLLER_LENGTH:
        errors.too_long("spec.controller", _CONTROLLER_LENGTH)
    domain_path(errors, "spec.controller", new.spec.controller)
    if new.spec.parameters is not None:
        _class_parameters(errors, "spec.parameters", new.spec.parameters)


def _class_parameters(errors: Errors, path: str, target: networking.IngressClassParametersReference) -> None:
    if target.apiGroup is not None:
        each(errors, f"{path}.apiGroup", target.apiGroup, names.dns1123_subdomain)
    for name in ("kind", "name"):
        value = getattr(target, name)
        if not value:
            errors.required(f"{path}.{name}")
        else:
            each(errors, f"{path}.{name}", value, names.path_segment)
    if target.scope is None:
        errors.required(f"{path}.scope")
    elif target.scope not in ("Cluster", "Namespace"):
        errors.not_supported(f"{path}.scope", target.scope, ("Cluster", "Namespace"))
    elif target.scope == "Cluster":
        if target.namespace is not None:
            errors.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")
    elif target.namespace is None:
        errors.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
    else:
        each(errors, f"{path}.namespace", target.namespace, names.dns1123_label)


def _canonical_address(name: str) -> names.Complaints:
    found = Errors()
    addresses.canonical_ip(found, "", name)
    return [cause.message.partition('": ')[2] for cause in found]


def _ip_address(errors: Errors, new: networking.IPAddress, old: networking.IPAddress | None) -> None:
    if old is not None:
        immutable(errors, "spec.parentRef", new.spec.parentRef, old.spec.parentRef)
        return
    parent, path = new.spec.parentRef, "spec.parentRef"
    if parent is None:
        errors.required(path)
        return
    if parent.group:
        each(errors, f"{path}.group", parent.group, names.dns1123_subdomain)
    for name in ("resource", "name"):
        named(errors, f"{path}.{name}", getattr(parent, name), names.path_segment)
        if not getattr(parent, name):
            return
    each(errors, f"{path}.namespace", parent.namespace, names.path_segment)


def _service_cidr(errors: Errors, new: networking.ServiceCIDR, old: networking.ServiceCIDR | None) -> None:
    path, found = "spec.cidrs", new.spec.cidrs
    if old is not None:
        _service_cidr_change(errors, found, old.spec.cidrs)
        if not (len(old.spec.cidrs) == 1 and len(found) == _FAMILIES):
            return
    if not found:
        errors.required(path, "at least one CIDR required")
    if len(found) > _FAMILIES:
        errors.invalid(path, new.spec, "may only hold up to 2 values")
    for i, text in enumerate(found):
        addresses.canonical_cidr(errors, f"{path}[{i}]", text)
    versions = [network.version for text in found if (network := addresses.parse_network(text)) is not None]
    if len(found) == len(versions) == _FAMILIES and versions[0] == versions[1]:
        errors.invalid(path, found, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64")


def _service_cidr_change(errors: Errors, new: list[str], old: list[str]) -> None:
    if len(new) != len(old) and (len(old), len(new)) != (1, _FAMILIES):
        errors.invalid("spec.cidrs", new, IMMUTABLE)
        return
    for i, text in enumerate(old):
        immutable(errors, f"spec.cidrs[{i}]", new[i], text)


TABLE: dict[type, Rules] = {
    networking.NetworkPolicy: Rules(spec=_network_policy),
    networking.Ingress: Rules(spec=ingresses.ingress, create=ingresses.ingress_create, subresources=status(ingresses.ingress_status)),
    networking.IngressClass: Rules(spec=_ingress_class),
    networking.IPAddress: Rules(name=_canonical_address, spec=_ip_address),
    networking.ServiceCIDR: Rules(spec=_service_cidr),
}
