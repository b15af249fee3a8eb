"""Warnings about everything that is neither a pod nor makes pods."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from tests.api.validation.support import META, make

from sagong.api import warnings
from sagong.api.types import admissionregistration, core, discovery, networking, node, resource, storage
from sagong.api.warnings import warnings_of
from sagong.api.warnings.addresses import cidr, ip

ZONE = "failure-domain.beta.kubernetes.io/zone"
ZONE_SAID = 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'
OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
OLD_CLASS_SAID = f'metadata.annotations[{OLD_CLASS}]: deprecated since v1.8; use "storageClassName" attribute instead'
EXPRESSION = {"key": ZONE, "operator": "In", "values": ["z"]}
MOUNTABLE = "kubernetes.io/enforce-mountable-secrets"
EXTERNAL = "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
SLICE = {"addressType": "IPv6", "endpoints": [{"addresses": ["fd00::1", "fd00:0::2"]}], "ports": []}
SLICE_SAID = 'endpoints[0].addresses[1]: IPv6 address "fd00:0::2" should be in RFC 5952 canonical format ("fd00::2")'
SUBSETS = [{"addresses": [{"ip": "10.0.0.1"}], "notReadyAddresses": [{"ip": "FD00::1"}]}]
SUBSETS_SAID = 'subsets[0].notReadyAddresses[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")'


def annotated(key: str) -> dict[str, Any]:
    return {"metadata": {**META, "annotations": {key: "x"}}}


def labelled(key: str, value: str) -> dict[str, Any]:
    return {"metadata": {**META, "labels": {key: value}}}


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (core.Service, {"spec": {}}, []),
        (
            core.Service,
            annotated("service.kubernetes.io/topology-aware-hints"),
            [
                (
                    "annotation service.kubernetes.io/topology-aware-hints is deprecated, "
                    "please use service.kubernetes.io/topology-mode instead"
                ),
            ],
        ),
        (
            core.Service,
            {"spec": {"clusterIP": "FD00::1", "clusterIPs": ["FD00::1"]}},
            ['spec.clusterIPs[0]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")'],
        ),
        (
            core.Service,
            {
                "spec": {
                    "clusterIP": "None",
                    "clusterIPs": ["None"],
                    "loadBalancerIP": "1.1.1.1",
                    "externalIPs": ["1.1.1.1"],
                    "sessionAffinity": "ClientIP",
                }
            },
            [
                "spec.loadBalancerIP is ignored for headless services",
                "spec.externalIPs is ignored for headless services",
                "spec.SessionAffinity is ignored for headless services",
            ],
        ),
        (core.Service, {"spec": {"externalIPs": ["1.1.1.1"]}}, [EXTERNAL]),
        (
            core.Service,
            {"spec": {"type": "ExternalName", "externalName": "a.b", "externalIPs": ["1.1.1.1"]}},
            ['spec.externalIPs is ignored when spec.type is "ExternalName"'],
        ),
        (core.Service, {"spec": {"externalName": "a.b"}}, ['spec.externalName is ignored when spec.type is not "ExternalName"']),
        (
            core.Service,
            {"spec": {"loadBalancerIP": "FD00::1", "loadBalancerSourceRanges": ["10.0.0.1/8"], "trafficDistribution": "PreferClose"}},
            [
                'spec.loadBalancerIP: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
                (
                    'spec.loadBalancerSourceRanges[0]: CIDR value "10.0.0.1/8" is ambiguous in this context '
                    '(should be "10.0.0.0/8" or "10.0.0.1/32"?)'
                ),
                'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
            ],
        ),
        (
            core.Node,
            {"spec": {"externalID": "x", "configSource": {}, "podCIDRs": ["FD00::/64"]}},
            [
                "spec.configSource: the feature is removed",
                "spec.externalID: this field is deprecated, and is unused by Kubernetes",
                'spec.podCIDRs[0]: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
            ],
        ),
        (
            core.PersistentVolume,
            {
                **annotated(OLD_CLASS),
                "spec": {
                    "persistentVolumeReclaimPolicy": "Recycle",
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [EXPRESSION]}]}},
                    "storageos": {},
                },
            },
            [
                OLD_CLASS_SAID,
                (
                    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "
                    "Instead, the recommended approach is to use dynamic provisioning."
                ),
                f"spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: {ZONE} is {ZONE_SAID}",
                "spec.storageOS: deprecated in v1.22, non-functional in v1.25+",
            ],
        ),
        (
            core.PersistentVolumeClaim,
            {**annotated(OLD_CLASS), "spec": {"resources": {"limits": {"storage": "100m"}}}},
            [OLD_CLASS_SAID, 'spec.resources.limits[storage]: fractional byte value "100m" is invalid, must be an integer'],
        ),
        (
            storage.StorageClass,
            {"allowedTopologies": [{"matchLabelExpressions": [{"key": "k", "values": ["v"]}, {"key": ZONE, "values": ["z"]}]}]},
            [f"allowedTopologies[0].matchLabelExpressions[1].key: {ZONE_SAID}"],
        ),
        (
            storage.CSIStorageCapacity,
            {"nodeTopology": {"matchLabels": {ZONE: "z"}, "matchExpressions": [EXPRESSION]}},
            [f"nodeTopology.matchExpressions[0].key: {ZONE} is {ZONE_SAID}", f"nodeTopology.matchLabels.{ZONE}: {ZONE_SAID}"],
        ),
        (node.RuntimeClass, {"handler": "h", "scheduling": {"nodeSelector": {ZONE: "z"}}}, [f"scheduling.nodeSelector: {ZONE_SAID}"]),
        (
            resource.ResourceSlice,
            {"spec": {"driver": "Dra.example", "pool": {"name": "p"}}},
            ['spec.driver: driver names should be lowercase; "Dra.example" contains uppercase characters'],
        ),
        (
            networking.NetworkPolicy,
            {
                "spec": {
                    "ingress": [{"from": [{}, {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["010.1.0.0/16"]}}]}],
                    "egress": [{"to": [{"ipBlock": {"cidr": "::ffff:10.0.0.0/104"}}]}],
                }
            },
            [
                'spec.ingress[0].from[1].ipBlock.except[0]: non-standard CIDR value "010.1.0.0/16" is invalid: use "10.1.0.0/16"',
                'spec.egress[0].to[0].ipBlock.cidr: non-standard CIDR value "::ffff:10.0.0.0/104" is invalid: use "10.0.0.0/8"',
            ],
        ),
        (discovery.EndpointSlice, SLICE, [SLICE_SAID]),
        (
            discovery.EndpointSlice,
            {**SLICE, **labelled("endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io")},
            [],
        ),
        (core.Endpoints, {"subsets": SUBSETS}, [SUBSETS_SAID]),
        (core.Endpoints, {"subsets": SUBSETS, **labelled("endpoints.kubernetes.io/managed-by", "endpoint-controller")}, []),
        (
            admissionregistration.ValidatingWebhookConfiguration,
            {"metadata": {"name": "a.static.k8s.io"}},
            [
                (
                    'metadata.name: names ending with ".static.k8s.io" are reserved for static manifest-based configurations '
                    "and cannot be managed via the API"
                ),
            ],
        ),
        (core.ConfigMap, annotated("x"), []),
    ],
)
def test_warned_about_at_every_write(kind: Any, given: dict[str, Any], expected: list[str]) -> None:
    obj = make(kind, {"metadata": META, **given})
    assert warnings_of(obj) == warnings_of(obj, obj) == expected
    assert warnings_of(obj, obj, "status") == []


TOKENS = {"spec": {"tokenRequests": [{"audience": "a"}]}}
TOKENS_SAID = (
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, "
    "set to true to prevent possible logging of tokens in volume attributes"
)
INGRESS_CLASS = annotated("kubernetes.io/ingress.class")
INGRESS_SAID = "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
MOUNTABLE_SAID = f"metadata.annotations[{MOUNTABLE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
QUOTA = {"spec": {"hard": {"memory": "2Gi", "limits.memory": "1Gi", "requests.cpu": "1", "cpu": "9", "limits.cpu": "2", "storage": "1"}}}


@pytest.mark.parametrize(
    ("kind", "old", "new", "on_create", "on_update"),
    [
        (storage.CSIDriver, TOKENS, TOKENS, [TOKENS_SAID], []),
        (storage.CSIDriver, {"spec": {}}, TOKENS, [], [TOKENS_SAID]),
        (storage.CSIDriver, {"spec": {"serviceAccountTokenInSecrets": False, **TOKENS["spec"]}}, {"spec": {}}, [], []),
        (networking.Ingress, INGRESS_CLASS, INGRESS_CLASS, [INGRESS_SAID], []),
        (networking.Ingress, {**INGRESS_CLASS, "spec": {"ingressClassName": "c"}}, INGRESS_CLASS, [], []),
        (core.ServiceAccount, annotated(MOUNTABLE), annotated(MOUNTABLE), [MOUNTABLE_SAID], []),
        (core.ServiceAccount, {}, annotated(MOUNTABLE), [], [MOUNTABLE_SAID]),
        (core.ResourceQuota, QUOTA, QUOTA, ["ResourceQuota memory (2Gi) should be less than limits.memory (1Gi)"], []),
        (
            discovery.EndpointSlice,
            {"addressType": "FQDN", "endpoints": [{"addresses": ["a.b"]}]},
            {"addressType": "FQDN", "endpoints": [{"addresses": ["a.c"]}]},
            ["spec.addressType: FQDN endpoints are deprecated"],
            [],
        ),
    ],
)
def test_warned_about_when_new_or_set(
    kind: Any, old: dict[str, Any], new: dict[str, Any], on_create: list[str], on_update: list[str]
) -> None:
    before, after = make(kind, {"metadata": META, **old}), make(kind, {"metadata": META, **new})
    assert (warnings_of(before), warnings_of(after, before)) == (on_create, on_update)


@pytest.mark.parametrize("kind", [core.Service, networking.Ingress])
def test_load_balancers_write_sloppy_addresses(kind: Any) -> None:
    obj = make(kind, {"metadata": META, "status": {"loadBalancer": {"ingress": [{"hostname": "h"}, {"ip": "010.0.0.1"}]}}})
    expected = ['status.loadBalancer.ingress[1]: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"']
    assert warnings_of(obj, obj, "status") == expected
    assert warnings_of(obj, obj) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.1", []),
        ("fd00::1", []),
        ("nonsense", []),
        ("", []),
        ("010.0.0.1", ['non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"']),
        ("::ffff:1.2.3.4", ['non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4"']),
        ("::ffff:102:304", ['non-standard IP address "::ffff:102:304" is invalid: use "1.2.3.4"']),
        ("2001:db8:0:0:0::2", ['IPv6 address "2001:db8:0:0:0::2" should be in RFC 5952 canonical format ("2001:db8::2")']),
    ],
)
def test_addresses(text: str, said: list[str]) -> None:
    assert ip("p", text) == [f"p: {what}" for what in said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.0/8", []),
        ("fd00::/8", []),
        ("nonsense", []),
        ("10.0.0.0/08", ['non-standard CIDR value "10.0.0.0/08" is invalid: use "10.0.0.0/8"']),
        (
            "010.0.0.1/8",
            [
                'CIDR value "010.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)',
                'non-standard CIDR value "010.0.0.1/8" is invalid: use "10.0.0.0/8"',
            ],
        ),
        ("FD00::1/64", ['CIDR value "FD00::1/64" is ambiguous in this context (should be "fd00::/64" or "fd00::1/128"?)']),
        ("fd00:0::/64", ['IPv6 CIDR value "fd00:0::/64" should be in RFC 5952 canonical format ("fd00::/64")']),
    ],
)
def test_blocks(text: str, said: list[str]) -> None:
    assert cidr("p", text) == [f"p: {what}" for what in said]


def test_every_table_is_found_by_its_kinds() -> None:
    names = [found.name for found in pkgutil.iter_modules(warnings.__path__)]
    tables = [getattr(importlib.import_module(f"{warnings.__name__}.{name}"), "TABLE", {}) for name in names]
    assert sum(map(len, tables)) > 25
    for table in tables:
        for kind, warner in table.items():
            assert warnings._warner(kind) is warner, kind


def test_the_status_of_a_policy_is_warned_about_as_the_policy_is() -> None:
    policy = make(admissionregistration.ValidatingAdmissionPolicy, {"metadata": {"name": "a.static.k8s.io"}})
    assert warnings_of(policy, policy, "status") == warnings_of(policy) != []
