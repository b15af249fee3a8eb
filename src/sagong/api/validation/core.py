"""Validation of the core group's smaller kinds."""

from __future__ import annotations

import json
import re

from sagong.api import names
from sagong.api.field_errors import WHOLE, Errors
from sagong.api.types import core
from sagong.api.validation import addresses, claims, metadata, placement, pod_changes, pods, resources, services, volumes_persistent
from sagong.api.validation.quota import limit_range, quota, quota_change, quota_status
from sagong.api.validation.replicas import replication_controller, replication_controller_status
from sagong.api.validation.rules import PROTOCOLS, Rules, each, named, one_of, positive, status

SECRET_SIZE = 1024 * 1024
_FIXED = "field is immutable when `immutable` is set"
_REDACTED = "<secret contents redacted>"
_ACCOUNT_NAME = "kubernetes.io/service-account.name"
_FEATURE = re.compile(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*")
_POD_CIDR = 'node updates may not change podCIDR except from "" to valid'
_PAIR = 2


def _config_map(errors: Errors, new: core.ConfigMap, _: core.ConfigMap | None) -> None:
    size = 0
    for key, value in new.data.items():
        if complaints := names.config_key(key):
            errors.each(f"data[{key}]", key, complaints)
        if key in new.binaryData:
            errors.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
        size += len(value) if value.isascii() else len(value.encode())
    for key, data in new.binaryData.items():
        if complaints := names.config_key(key):
            errors.each(f"binaryData[{key}]", key, complaints)
        size += len(data)
    if size > SECRET_SIZE:
        errors.too_long(WHOLE, SECRET_SIZE)


def _config_map_change(errors: Errors, new: core.ConfigMap, old: core.ConfigMap) -> None:
    if old.immutable:
        _immutable_data(errors, new, old, ("data", "binaryData"))


def _immutable_data(errors: Errors, new: core.ConfigMap | core.Secret, old: core.ConfigMap | core.Secret, fields: tuple[str, ...]) -> None:
    if not new.immutable:
        errors.forbidden("immutable", _FIXED)
    for name in fields:
        if getattr(new, name) != getattr(old, name):
            errors.forbidden(name, _FIXED)


# What the data of a secret must have, by its type; any one of the second is enough for the first.
_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _secret(errors: Errors, new: core.Secret, _: core.Secret | None) -> None:
    size = 0
    for key, data in new.data.items():
        if complaints := names.config_key(key):
            errors.each(f"data[{key}]", key, complaints)
        size += len(data)
    if size > SECRET_SIZE:
        errors.too_long("data", SECRET_SIZE)
    for key in _KEYS.get(new.type, ()):
        if key not in new.data:
            errors.required(f"data[{key}]")
        elif key.startswith(".docker"):
            _docker_config(errors, f"data[{key}]", new.data[key])
    if new.type == "kubernetes.io/service-account-token" and not new.metadata.annotations.get(_ACCOUNT_NAME):
        errors.required(f"metadata.annotations[{_ACCOUNT_NAME}]")
    if new.type == "kubernetes.io/basic-auth" and not {"username", "password"} & new.data.keys():
        errors.required("data[username]")
        errors.required("data[password]")
    if new.type == "kubernetes.io/ssh-auth" and not new.data.get("ssh-privatekey"):
        errors.required("data[ssh-privatekey]")


def _docker_config(errors: Errors, path: str, data: bytes) -> None:
    try:
        found = json.loads(data)
    except ValueError:
        first = data[:1].decode(errors="replace")
        text = f"invalid character '{first}' looking for beginning of value" if first else "unexpected end of JSON input"
        errors.invalid(path, _REDACTED, text)
        return
    if not isinstance(found, dict):
        errors.invalid(path, _REDACTED, f"json: cannot unmarshal {_json_kind(found)} into Go value of type map[string]interface {{}}")


def _json_kind(value: object) -> str:
    return {str: "string", list: "array", bool: "bool"}.get(type(value), "number")


def _secret_change(errors: Errors, new: core.Secret, old: core.Secret) -> None:
    if new.type != old.type:
        errors.invalid("type", new.type, "field is immutable")
    if old.immutable:
        _immutable_data(errors, new, old, ("data",))


def _namespace(errors: Errors, new: core.Namespace, old: core.Namespace | None) -> None:
    if old is None:
        for name in new.spec.finalizers:
            _finalizer(errors, "spec.finalizers", name)


def _finalizer(errors: Errors, path: str, name: str) -> None:
    each(errors, path, name, names.qualified_name)
    metadata.qualified_finalizer(errors, path, name)


def _namespace_status(errors: Errors, new: core.Namespace, _: core.Namespace) -> None:
    deleted = new.metadata.deletionTimestamp is not None
    wanted = "Terminating" if deleted else "Active"
    if new.status.phase != wanted:
        text = f"may only be '{wanted}' if `deletionTimestamp` is {'not empty' if deleted else 'empty'}"
        errors.invalid("status.Phase", new.status.phase, text)


def _namespace_finalize(errors: Errors, new: core.Namespace, _: core.Namespace) -> None:
    for i, name in enumerate(new.spec.finalizers):
        _finalizer(errors, f"spec.finalizers[{i}]", name)


def _node(errors: Errors, new: core.Node, old: core.Node | None) -> None:
    if new.spec.taints:
        placement.taints(errors, "metadata.taints", new.spec.taints)
    for name in ("capacity", "allocatable"):
        for resource, text in getattr(new.status, name).items():
            resources.amount(errors, f"status.{name}.{resource}", resource, text)
    if new.status.nodeInfo.swap is not None:
        positive(errors, "metadata.nodeSwapStatus.capacity", new.status.nodeInfo.swap.capacity)
    _features(errors, "status.declaredFeatures", new.status.declaredFeatures)
    if old is not None:
        return
    for i, block in enumerate(new.spec.podCIDRs):
        addresses.cidr(errors, f"spec.podCIDRs[{i}]", block)
    blocks = new.spec.podCIDRs
    if len(blocks) > _PAIR or (len(blocks) > 1 and not addresses.is_dual_stack(blocks)):
        errors.invalid("spec.podCIDRs", blocks, "may specify no more than one CIDR for each IP family")


def _features(errors: Errors, path: str, features: list[str]) -> None:
    for i, feature in enumerate(features):
        if len(feature) > names.SUBDOMAIN_LENGTH:
            errors.invalid(f"{path}[{i}]", feature, f'invalid feature name "{feature}": must be no more than 253 characters')
        elif not _FEATURE.fullmatch(feature):
            text = (
                f'invalid feature name "{feature}": must start with an UpperCamelCase segment, with subsequent segments separated by '
                "'/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
            )
            errors.invalid(f"{path}[{i}]", feature, text)
        if i and features[i - 1] == feature:
            errors.duplicate(f"{path}[{i}]", feature)
        elif i and features[i - 1] > feature:
            errors.invalid(f"{path}[{i}]", feature, "list must be sorted alphabetically")


def _node_change(errors: Errors, new: core.Node, old: core.Node) -> None:
    seen: list[core.NodeAddress] = []
    for i, address in enumerate(new.status.addresses):
        if address in seen:
            errors.duplicate(f"status.addresses[{i}]", address)
        seen.append(address)
    if old.spec.podCIDRs and old.spec.podCIDRs != new.spec.podCIDRs:
        errors.forbidden("spec.podCIDRs", _POD_CIDR)
    if old.spec.providerID and old.spec.providerID != new.spec.providerID:
        errors.forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid')
    if old.spec.externalID != new.spec.externalID:
        errors.forbidden("spec.externalID", "may not be updated")


def _node_status(errors: Errors, new: core.Node, old: core.Node) -> None:
    _node(errors, new, old)
    _node_change(errors, new, old)


def _endpoints(errors: Errors, new: core.Endpoints, old: core.Endpoints | None) -> None:
    if old is not None and old.subsets == new.subsets:
        return
    for i, subset in enumerate(new.subsets):
        path = f"subsets[{i}]"
        if not subset.addresses and not subset.notReadyAddresses:
            errors.required(path, "must specify `addresses` or `notReadyAddresses`")
        for name in ("addresses", "notReadyAddresses"):
            for j, address in enumerate(getattr(subset, name)):
                _endpoint_address(errors, f"{path}.{name}[{j}]", address)
        for j, port in enumerate(subset.ports):
            _endpoint_port(errors, f"{path}.ports[{j}]", port, named_port=len(subset.ports) > 1)


def _endpoint_address(errors: Errors, path: str, address: core.EndpointAddress) -> None:
    addresses.ip(errors, f"{path}.ip", address.ip)
    if address.hostname:
        each(errors, f"{path}.hostname", address.hostname, names.dns1123_label)
    if address.nodeName is not None:
        each(errors, f"{path}.nodeName", address.nodeName, names.dns1123_subdomain)
    addresses.endpoint_ip(errors, f"{path}.ip", address.ip)


def _endpoint_port(errors: Errors, path: str, port: core.EndpointPort, *, named_port: bool) -> None:
    if named_port or port.name:
        named(errors, f"{path}.name", port.name, names.dns1123_label)
    errors.each(f"{path}.port", port.port, names.port_number(port.port))
    one_of(errors, f"{path}.protocol", port.protocol, PROTOCOLS, missing="")
    if port.appProtocol is not None:
        each(errors, f"{path}.appProtocol", port.appProtocol, names.qualified_name)


def _pod_template(errors: Errors, new: core.PodTemplate, _: core.PodTemplate | None) -> None:
    pods.template(errors, "template", new.template)


_POD_SUBRESOURCES = {
    "status": pod_changes.pod_status,
    "ephemeralcontainers": pod_changes.ephemeral_containers,
    "resize": pod_changes.resize,
}
TABLE: dict[type, Rules] = {
    core.Binding: Rules(stored=False, create=pod_changes.binding),
    core.ConfigMap: Rules(spec=_config_map, change=_config_map_change),
    core.Secret: Rules(spec=_secret, change=_secret_change),
    core.ServiceAccount: Rules(),
    core.Namespace: Rules(
        name=names.dns1123_label, spec=_namespace, subresources={"status": _namespace_status, "finalize": _namespace_finalize}
    ),
    core.Node: Rules(spec=_node, change=_node_change, subresources=status(_node_status)),
    core.Endpoints: Rules(spec=_endpoints),
    core.Pod: Rules(spec=pods.pod, create=pods.pod_create, change=pod_changes.pod_change, subresources=_POD_SUBRESOURCES),
    core.PodTemplate: Rules(spec=_pod_template),
    core.Service: Rules(
        name=names.dns1123_label,
        spec=services.service,
        change=services.service_change,
        subresources=status(services.service_status),
    ),
    core.ReplicationController: Rules(spec=replication_controller, subresources=status(replication_controller_status)),
    core.PersistentVolume: Rules(spec=volumes_persistent.volume, change=volumes_persistent.volume_change),
    core.PersistentVolumeClaim: Rules(spec=claims.claim, change=claims.claim_change, subresources=status(claims.claim_status)),
    core.LimitRange: Rules(spec=limit_range),
    core.ResourceQuota: Rules(spec=quota, change=quota_change, subresources=status(quota_status)),
}
