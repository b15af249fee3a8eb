"""Validation of services: type, ports, addresses and families, traffic policies, the load balancer's status."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import core
from sagong.api.validation import addresses, metadata
from sagong.api.validation.rules import PROTOCOLS, each, one_of, port_or_name, unique

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_TRAFFIC = ("Cluster", "Local")
_DISTRIBUTION = ("PreferClose", "PreferSameZone", "PreferSameNode")
_AFFINITY_SECONDS = 86400
_HINTS, _MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_ONLY_BALANCED = "may only be used when `type` is 'LoadBalancer'"
_ONCE = "may not change once set"
_PAIR = 2


def is_headless(service: core.Service) -> bool:
    """Say whether a service has no address of its own."""
    return service.spec.clusterIPs == ["None"]


def service(errors: Errors, new: core.Service, old: core.Service | None) -> None:
    """Check a service."""
    spec, headless = new.spec, is_headless(new)
    hints, mode = new.metadata.annotations.get(_HINTS), new.metadata.annotations.get(_MODE)
    if hints is not None and mode is not None and hints != mode:
        errors.invalid(f"metadata.annotations[{_MODE}]", mode, f"must match annotations[{_HINTS}] when both are specified")
    if not spec.ports and not headless and spec.type != "ExternalName":
        errors.required("spec.ports")
    if spec.type in ("LoadBalancer", "NodePort") and headless:
        errors.invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {spec.type} services")
    if spec.type == "ExternalName":
        _external_name(errors, spec)
    _ports(errors, spec)
    metadata.labels(errors, "spec.selector", spec.selector)
    _affinity(errors, spec)
    if spec.type != "ExternalName":
        _cluster_ips(errors, new, old)
    known = old.spec.externalIPs if old else ()
    for i, ip in enumerate(spec.externalIPs):
        before = len(errors)
        addresses.ip(errors, f"spec.externalIPs[{i}]", ip, known)
        if len(errors) == before:
            addresses.endpoint_ip(errors, f"spec.externalIPs[{i}]", ip)
    one_of(errors, "spec.type", spec.type, _TYPES, missing="")
    _port_conflicts(errors, spec)
    _balancer(errors, new, old)
    _traffic(errors, spec)


def _external_name(errors: Errors, spec: core.ServiceSpec) -> None:
    for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if getattr(spec, name) not in ([], None):
            errors.forbidden(f"spec.{name}", "may not be set for ExternalName services")
    target = spec.externalName.removesuffix(".")
    if target:
        each(errors, "spec.externalName", target, names.dns1123_subdomain)
    else:
        errors.required("spec.externalName")


def _ports(errors: Errors, spec: core.ServiceSpec) -> None:
    seen: set[str] = set()
    for i, port in enumerate(spec.ports):
        path = f"spec.ports[{i}]"
        if port.name:
            each(errors, f"{path}.name", port.name, names.dns1123_label)
            if port.name in seen:
                errors.duplicate(f"{path}.name", port.name)
            seen.add(port.name)
        elif len(spec.ports) > 1:
            errors.required(f"{path}.name")
        errors.each(f"{path}.port", port.port, names.port_number(port.port))
        one_of(errors, f"{path}.protocol", port.protocol, PROTOCOLS, missing="")
        port_or_name(errors, f"{path}.targetPort", port.targetPort)
        if port.appProtocol is not None:
            each(errors, f"{path}.appProtocol", port.appProtocol, names.qualified_name)


def _port_conflicts(errors: Errors, spec: core.ServiceSpec) -> None:
    if spec.type == "ClusterIP":
        for i, port in enumerate(spec.ports):
            if port.nodePort:
                errors.forbidden(f"spec.ports[{i}].nodePort", "may not be used when `type` is 'ClusterIP'")
    taken: set[tuple[str, int]] = set()
    for i, port in enumerate(spec.ports):
        if port.nodePort:
            if (port.protocol, port.nodePort) in taken:
                errors.duplicate(f"spec.ports[{i}].nodePort", port.nodePort)
            taken.add((port.protocol, port.nodePort))
    served: set[tuple[str, int]] = set()
    for i, port in enumerate(spec.ports):
        if (port.protocol, port.port) in served:
            errors.duplicate(f"spec.ports[{i}]", core.ServicePort(protocol=port.protocol, port=port.port))
        served.add((port.protocol, port.port))


def _affinity(errors: Errors, spec: core.ServiceSpec) -> None:
    one_of(errors, "spec.sessionAffinity", spec.sessionAffinity, ("ClientIP", "None"), missing="")
    config, path = spec.sessionAffinityConfig, "spec.sessionAffinityConfig"
    if spec.sessionAffinity == "None" and config is not None:
        errors.forbidden(path, "must not be set when session affinity is None")
    if spec.sessionAffinity != "ClientIP":
        return
    missing = "when session affinity type is ClientIP"
    if config is None:
        errors.required(path, missing)
    elif config.clientIP is None:
        errors.required(f"{path}.clientIP", missing)
    elif config.clientIP.timeoutSeconds is None:
        errors.required(f"{path}.clientIP.timeoutSeconds", missing)
    elif not 0 < config.clientIP.timeoutSeconds <= _AFFINITY_SECONDS:
        text = f"must be greater than 0 and less than {_AFFINITY_SECONDS}"
        errors.invalid(f"{path}.clientIP.timeoutSeconds", config.clientIP.timeoutSeconds, text)


def _cluster_ips(errors: Errors, new: core.Service, old: core.Service | None) -> None:
    spec, path = new.spec, "spec.clusterIPs"
    if spec.clusterIP and not spec.clusterIPs:
        errors.required(path)
    elif spec.clusterIP and spec.clusterIPs[0] != spec.clusterIP:
        errors.invalid(path, spec.clusterIPs, "first value must match `clusterIP`")
    elif spec.clusterIPs and not spec.clusterIP:
        errors.invalid(path, spec.clusterIPs, "must be empty when `clusterIP` is not specified")
    for i, family in enumerate(spec.ipFamilies):
        one_of(errors, f"spec.ipFamilies[{i}]", family, _FAMILIES)
    unique(errors, ((f"spec.ipFamilies[{i}]", family) for i, family in enumerate(spec.ipFamilies)))
    one_of(errors, "spec.ipFamilyPolicy", spec.ipFamilyPolicy, _FAMILY_POLICIES)
    before, known = len(errors), old.spec.clusterIPs if old else ()
    for i, ip in enumerate(spec.clusterIPs):
        if i == 0 and ip == "None":
            if len(spec.clusterIPs) > 1:
                errors.invalid(path, spec.clusterIPs, "'None' must be the first and only value")
        else:
            addresses.ip(errors, f"{path}[{i}]", ip, known)
    sound = len(errors) == before
    if len(spec.clusterIPs) > _PAIR:
        errors.invalid(path, spec.clusterIPs, "may only hold up to 2 values")
    if sound:
        _families_match(errors, new)


def _families_match(errors: Errors, new: core.Service) -> None:
    spec, path = new.spec, "spec.clusterIPs"
    if len(spec.clusterIPs) > 1 and not addresses.is_dual_stack(spec.clusterIPs):
        errors.invalid(path, spec.clusterIPs, "may specify no more than one IP for each IP family")
    if is_headless(new):
        return
    for i, (ip, family) in enumerate(zip(spec.clusterIPs, spec.ipFamilies, strict=False)):
        if family in _FAMILIES and (":" in ip) != (family == "IPv6"):
            errors.invalid(f"{path}[{i}]", ip, f"expected an {family} value as indicated by `ipFamilies[{i}]`")


def _balancer(errors: Errors, new: core.Service, old: core.Service | None) -> None:
    spec, balanced = new.spec, new.spec.type == "LoadBalancer"
    annotated = new.metadata.annotations.get(_RANGES)
    if spec.loadBalancerSourceRanges:
        _source_ranges(errors, spec, [text.strip() for text in old.spec.loadBalancerSourceRanges] if old else ())
    elif annotated is not None:
        path = f"metadata.annotations[{_RANGES}]"
        if not balanced:
            errors.forbidden(path, _ONLY_BALANCED)
        if (old is None or old.metadata.annotations.get(_RANGES) != annotated) and annotated.strip():
            for text in annotated.split(","):
                addresses.cidr(errors, path, text.strip())
    if spec.allocateLoadBalancerNodePorts is not None and not balanced:
        errors.forbidden("spec.allocateLoadBalancerNodePorts", _ONLY_BALANCED)
    if balanced and spec.allocateLoadBalancerNodePorts is None:
        errors.required("allocateLoadBalancerNodePorts")
    if spec.loadBalancerClass is not None:
        if balanced:
            each(errors, "spec.loadBalancerClass", spec.loadBalancerClass, names.qualified_name)
        else:
            errors.forbidden("spec.loadBalancerClass", _ONLY_BALANCED)


def _source_ranges(errors: Errors, spec: core.ServiceSpec, known: Sequence[str]) -> None:
    path = "spec.LoadBalancerSourceRanges"
    if spec.type != "LoadBalancer":
        errors.forbidden(path, _ONLY_BALANCED)
    for i, text in enumerate(spec.loadBalancerSourceRanges):
        addresses.cidr(errors, f"{path}[{i}]", text.strip(), known)


def _needs_health_check(spec: core.ServiceSpec) -> bool:
    return spec.type == "LoadBalancer" and spec.externalTrafficPolicy == "Local"


def _traffic(errors: Errors, spec: core.ServiceSpec) -> None:
    external = spec.type in ("LoadBalancer", "NodePort") or (spec.type == "ClusterIP" and spec.externalIPs)
    policy, path = spec.externalTrafficPolicy, "spec.externalTrafficPolicy"
    if external:
        one_of(errors, path, policy, _TRAFFIC, missing="")
    elif policy:
        errors.invalid(path, policy, "may only be set for externally-accessible services")
    port, path = spec.healthCheckNodePort, "spec.healthCheckNodePort"
    if not _needs_health_check(spec):
        if port:
            errors.invalid(path, port, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'")
    elif not port:
        errors.required(path)
    else:
        errors.each(path, port, names.port_number(port))
    if spec.internalTrafficPolicy is None and spec.type in ("NodePort", "LoadBalancer", "ClusterIP"):
        errors.required("spec.internalTrafficPolicy")
    one_of(errors, "spec.internalTrafficPolicy", spec.internalTrafficPolicy, _TRAFFIC)
    one_of(errors, "spec.trafficDistribution", spec.trafficDistribution, _DISTRIBUTION)


def service_change(errors: Errors, new: core.Service, old: core.Service) -> None:
    """Check what may change: addresses stay, a second one may come and go."""
    if "ExternalName" not in (new.spec.type, old.spec.type):
        if not (is_headless(old) and is_headless(new)):
            _addresses_change(errors, new, old)
        if is_headless(old) == is_headless(new) is False:
            _families_change(errors, new, old)
    if new.spec.type == old.spec.type == "LoadBalancer" and new.spec.loadBalancerClass != old.spec.loadBalancerClass:
        errors.invalid("spec.loadBalancerClass", new.spec.loadBalancerClass, _ONCE)
    if _needs_health_check(old.spec) and _needs_health_check(new.spec) and old.spec.healthCheckNodePort != new.spec.healthCheckNodePort:
        errors.forbidden("spec.healthCheckNodePort", "field is immutable")


def _addresses_change(errors: Errors, new: core.Service, old: core.Service) -> None:
    after, before = new.spec.clusterIPs, old.spec.clusterIPs
    if len(after) == len(before):
        for i, ip in enumerate(before):
            if ip != after[i]:
                errors.invalid(f"spec.clusterIPs[{i}]", after, _ONCE)
        return
    if not after:
        errors.invalid("spec.clusterIPs[0]", after, "primary clusterIP can not be unset")
    elif before and after[0] != before[0]:
        errors.invalid("spec.clusterIPs[0]", after, _ONCE)
    if len(after) == 1 and len(before) > 1 and new.spec.ipFamilyPolicy != "SingleStack":
        text = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        errors.invalid("spec.ipFamilyPolicy", new.spec.ipFamilyPolicy, text)


def _families_change(errors: Errors, new: core.Service, old: core.Service) -> None:
    after, before = new.spec.ipFamilies, old.spec.ipFamilies
    if len(after) == len(before):
        for i, family in enumerate(before):
            if family != after[i]:
                errors.invalid("spec.ipFamilies[0]", after, _ONCE)
        return
    if len(before) > len(after) and not new.spec.clusterIPs:
        errors.invalid("spec.ipFamilies[0]", after, "primary ipFamily can not be unset")
    if after and before and after[0] != before[0]:
        errors.invalid("spec.ipFamilies[0]", new.spec.clusterIPs, _ONCE)
    if len(after) == 1 and len(before) > 1 and new.spec.ipFamilyPolicy != "SingleStack":
        text = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        errors.invalid("spec.ipFamilyPolicy", new.spec.ipFamilyPolicy, text)


def service_status(errors: Errors, new: core.Service, old: core.Service) -> None:
    """Check what a load balancer's controller writes."""
    path, found = "status.loadBalancer.ingress", new.status.loadBalancer.ingress
    if found and new.spec.type != "LoadBalancer":
        errors.forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    known = [ingress.ip for ingress in old.status.loadBalancer.ingress if ingress.ip]
    for i, ingress in enumerate(found):
        at = f"{path}[{i}]"
        if ingress.ip:
            addresses.ip(errors, f"{at}.ip", ingress.ip, known)
        if ingress.ipMode is None:
            if ingress.ip:
                errors.required(f"{at}.ipMode", "must be specified when `ip` is set")
        elif not ingress.ip:
            errors.forbidden(f"{at}.ipMode", "may not be specified when `ip` is not set")
        else:
            one_of(errors, f"{at}.ipMode", ingress.ipMode, ("Proxy", "VIP"))
        if ingress.hostname:
            each(errors, f"{at}.hostname", ingress.hostname, names.dns1123_subdomain)
            if addresses.parse(ingress.hostname) is not None:
                errors.invalid(f"{at}.hostname", ingress.hostname, "must be a DNS name, not an IP address")
