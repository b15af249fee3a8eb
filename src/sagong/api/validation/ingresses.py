"""Validation of ingresses."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import core, networking
from sagong.api.validation import addresses
from sagong.api.validation.rules import each, named

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_ABSOLUTE = "must be an absolute path"
_NO_ADDRESS = "must be a DNS name, not an IP address"
_BAD_PARTS = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS = ("/..", "/.")


def ingress(errors: Errors, new: networking.Ingress, old: networking.Ingress | None) -> None:
    """Check an ingress; what older versions let in is tolerated in what was stored."""
    spec = new.spec
    if not spec.rules and spec.defaultBackend is None:
        errors.invalid("spec", spec.rules, "either `defaultBackend` or `rules` must be specified")
    if spec.defaultBackend is not None:
        _backend(errors, "spec.defaultBackend", spec.defaultBackend)
    loose = old is not None and any("*" in rule.host and _is_broken(rule) for rule in old.spec.rules)
    for i, rule in enumerate(spec.rules):
        _rule(errors, f"spec.rules[{i}]", rule, loose=loose)
    loose = old is not None and any(_secret_complaints(tls.secretName) for tls in old.spec.tls)
    for i, tls in enumerate(spec.tls):
        for j, host in enumerate(tls.hosts):
            _host(errors, f"spec.tls[{i}].hosts[{j}]", host)
        if not loose:
            errors.each(f"spec.tls[{i}].secretName", tls.secretName, _secret_complaints(tls.secretName))
    if spec.ingressClassName is not None:
        each(errors, "spec.ingressClassName", spec.ingressClassName, names.dns1123_subdomain)


def ingress_create(errors: Errors, new: networking.Ingress, _: networking.Ingress | None) -> None:
    """Check that the old way and the new to name a class agree."""
    annotated, given = new.metadata.annotations.get(_CLASS_ANNOTATION), new.spec.ingressClassName
    if annotated is not None and given is not None and annotated != given:
        errors.invalid(f"annotations.{_CLASS_ANNOTATION}", annotated, "must match `ingressClassName` when both are specified")


def ingress_status(errors: Errors, new: networking.Ingress, old: networking.Ingress) -> None:
    """Check the addresses that a controller reports."""
    known = [item.ip for item in old.status.loadBalancer.ingress]
    for i, item in enumerate(new.status.loadBalancer.ingress):
        path = f"status.loadBalancer.ingress[{i}]"
        if item.ip:
            addresses.ip(errors, f"{path}.ip", item.ip, known)
        if item.hostname:
            each(errors, f"{path}.hostname", item.hostname, names.dns1123_subdomain)
            if addresses.parse(item.hostname) is not None:
                errors.invalid(f"{path}.hostname", item.hostname, _NO_ADDRESS)


def _secret_complaints(name: str) -> Sequence[str]:
    return names.dns1123_subdomain(name) if name else ()


def _host(errors: Errors, path: str, host: str) -> None:
    each(errors, path, host, names.wildcard_dns1123_subdomain if "*" in host else names.dns1123_subdomain)


def _is_broken(rule: networking.IngressRule) -> bool:
    found = Errors()
    _rule_paths(found, "", rule)
    return bool(found)


def _rule(errors: Errors, path: str, rule: networking.IngressRule, *, loose: bool) -> None:
    if rule.host:
        if addresses.parse(rule.host) is not None:
            errors.invalid(f"{path}.host", rule.host, _NO_ADDRESS)
        _host(errors, f"{path}.host", rule.host)
    if not (loose and "*" in rule.host):
        _rule_paths(errors, path, rule)


def _rule_paths(errors: Errors, path: str, rule: networking.IngressRule) -> None:
    if rule.http is None:
        return
    if not rule.http.paths:
        errors.required(f"{path}.http.paths")
    for i, item in enumerate(rule.http.paths):
        _path(errors, f"{path}.http.paths[{i}]", item)


def _path(errors: Errors, path: str, item: networking.HTTPIngressPath) -> None:
    text = item.path
    if item.pathType is None:
        errors.required(f"{path}.pathType", "pathType must be specified")
        return
    if item.pathType in ("Exact", "Prefix"):
        if not text.startswith("/"):
            errors.invalid(f"{path}.path", text, _ABSOLUTE)
        errors.each(f"{path}.path", text, (f"must not contain '{part}'" for part in _BAD_PARTS if part in text))
        errors.each(f"{path}.path", text, (f"cannot end with '{end}'" for end in _BAD_ENDS if text.endswith(end)))
    elif item.pathType == "ImplementationSpecific":
        if text and not text.startswith("/"):
            errors.invalid(f"{path}.path", text, _ABSOLUTE)
    else:
        errors.not_supported(f"{path}.pathType", item.pathType, ("Exact", "ImplementationSpecific", "Prefix"))
    _backend(errors, f"{path}.backend", item.backend)


def _backend(errors: Errors, path: str, backend: networking.IngressBackend) -> None:
    if backend.resource is not None and backend.service is not None:
        errors.invalid(path, "", "cannot set both resource and service backends")
    elif backend.resource is not None:
        _resource(errors, f"{path}.resource", backend.resource)
    elif backend.service is not None:
        named(errors, f"{path}.service.name", backend.service.name, names.dns1123_label)
        _backend_port(errors, path, backend.service.port)
    else:
        errors.invalid(path, "", "resource or service backend is required")


def _backend_port(errors: Errors, path: str, port: networking.ServiceBackendPort) -> None:
    if port.name and port.number:
        errors.invalid(path, "", "cannot set both port name & port number")
    elif port.name:
        each(errors, f"{path}.service.port.name", port.name, names.port_name)
    elif port.number:
        errors.each(f"{path}.service.port.number", port.number, names.port_number(port.number))
    else:
        errors.required(path, "port name or number is required")


def _resource(errors: Errors, path: str, target: core.TypedLocalObjectReference) -> None:
    if target.apiGroup is not None:
        each(errors, f"{path}.apiGroup", target.apiGroup, names.dns1123_subdomain)
    named(errors, f"{path}.kind", target.kind, names.path_segment)
    named(errors, f"{path}.name", target.name, names.path_segment)
