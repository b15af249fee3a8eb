from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import CLUSTER_META, META, problems

from sagong.api.types import discovery, networking

POLICY: dict[str, Any] = {
    "metadata": META,
    "spec": {
        "podSelector": {},
        "ingress": [{"ports": [{"port": 80, "protocol": "TCP"}], "from": [{"podSelector": {}}]}],
        "policyTypes": ["Ingress"],
    },
}


def port(**k: Any) -> dict[str, Any]:
    return {"spec": {"ingress": {0: {"ports": {0: k}}}}}


def peer(x: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"ingress": {0: {"from": {0: x}}}}}


INGRESS: dict[str, Any] = {
    "metadata": META,
    "spec": {
        "rules": [
            {
                "host": "a.example.com",
                "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]},
            }
        ]
    },
}


def path(**k: Any) -> dict[str, Any]:
    return {"spec": {"rules": {0: {"http": {"paths": {0: k}}}}}}


def backend(x: dict[str, Any]) -> dict[str, Any]:
    return path(backend=x)


CLASS: dict[str, Any] = {"metadata": CLUSTER_META, "spec": {"controller": "example.com/c"}}
PARAMETERS: dict[str, Any] = {"kind": "K", "name": "n", "scope": "Cluster"}
ADDRESS: dict[str, Any] = {
    "metadata": {**CLUSTER_META, "name": "10.0.0.1"},
    "spec": {"parentRef": {"resource": "services", "name": "s", "namespace": "ns"}},
}
SERVICE_CIDR: dict[str, Any] = {"metadata": CLUSTER_META, "spec": {"cidrs": ["10.0.0.0/24"]}}
SLICE: dict[str, Any] = {
    "metadata": META,
    "addressType": "IPv4",
    "ports": [{"name": "http", "port": 80}],
    "endpoints": [{"addresses": ["10.0.0.1"]}],
}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (port(protocol="X"), ['spec.ingress[0].ports[0].protocol: Unsupported value: "X": supported values: "TCP", "UDP", "SCTP"']),
        (port(port=0), ["spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"]),
        (
            port(port="Bad_"),
            [
                (
                    'spec.ingress[0].ports[0].port: Invalid value: "Bad_": must contain only alpha-numeric characters (a-z, 0-9), and '
                    "hyphens (-)"
                )
            ],
        ),
        (port(endPort=79), ["spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`"]),
        (port(endPort=70000), ["spec.ingress[0].ports[0].endPort: Invalid value: 70000: must be between 1 and 65535, inclusive"]),
        (
            port(port=None, endPort=5),
            ["spec.ingress[0].ports[0].endPort: Invalid value: 5: may not be specified when `port` is not specified"],
        ),
        (
            port(port="http", endPort=5),
            ["spec.ingress[0].ports[0].endPort: Invalid value: 5: may not be specified when `port` is non-numeric"],
        ),
        (peer({"podSelector": None}), ["spec.ingress[0].from[0]: Required value: must specify a peer"]),
        (peer({"ipBlock": {"cidr": "10.0.0.0/8"}}), ["spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer"]),
        (peer({"podSelector": None, "ipBlock": {"cidr": ""}}), ["spec.ingress[0].from[0].ipBlock.cidr: Required value"]),
        (
            peer({"podSelector": None, "ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8", "x", "11.0.0.0/24", "10.1.0.0/16"]}}),
            [
                'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
                (
                    'spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or '
                    "2001:db8::/64)"
                ),
                'spec.ingress[0].from[0].ipBlock.except[2]: Invalid value: "11.0.0.0/24": must be a strict subset of `cidr`',
            ],
        ),
        (
            peer({"podSelector": {"matchLabels": {"a b": "c"}}}),
            ['spec.ingress[0].from[0].podSelector.matchLabels: Invalid value: "a b": name part <key>'],
        ),
        (
            peer({"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}),
            [
                (
                    "spec.ingress[0].from[0].namespaceSelector.matchExpressions[0].values: Required value: must be specified when "
                    "`operator` is 'In' or 'NotIn'"
                )
            ],
        ),
        (
            {"spec": {"policyTypes": ["Ingress", "Egress", "X"]}},
            [
                'spec.policyTypes: Invalid value: ["Ingress","Egress","X"]: may not specify more than two policyTypes',
                'spec.policyTypes[2]: Unsupported value: "X": supported values: "Ingress", "Egress"',
            ],
        ),
        ({"spec": {"egress": [{"to": [{}]}]}}, ["spec.egress[0].to[0]: Required value: must specify a peer"]),
    ],
)
def test_network_policies(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(networking.NetworkPolicy, POLICY, change) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"spec": {"rules": None}}, ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]),
        (
            {"spec": {"rules": {0: {"host": "10.0.0.1"}}}},
            ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
        ),
        ({"spec": {"rules": {0: {"host": "*.*.com"}}}}, ['spec.rules[0].host: Invalid value: "*.*.com": <wildcard>']),
        ({"spec": {"rules": {0: {"host": "A"}}}}, ['spec.rules[0].host: Invalid value: "A": <subdomain>']),
        ({"spec": {"rules": {0: {"http": {"paths": []}}}}}, ["spec.rules[0].http.paths: Required value"]),
        (path(path="x"), ['spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path']),
        (
            path(path="/a//b/./c/.."),
            [
                "spec.rules[0].http.paths[0].path: Invalid value: \"/a//b/./c/..\": must not contain '//'",
                "spec.rules[0].http.paths[0].path: Invalid value: \"/a//b/./c/..\": must not contain '/./'",
                "spec.rules[0].http.paths[0].path: Invalid value: \"/a//b/./c/..\": cannot end with '/..'",
            ],
        ),
        (path(path="/%2f"), ["spec.rules[0].http.paths[0].path: Invalid value: \"/%2f\": must not contain '%2f'"]),
        (
            path(pathType="ImplementationSpecific", path="x"),
            ['spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path'],
        ),
        (
            path(pathType="X"),
            ['spec.rules[0].http.paths[0].pathType: Unsupported value: "X": supported values: "Exact", "ImplementationSpecific", "Prefix"'],
        ),
        (path(pathType=None), ["spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"]),
        (
            backend({"resource": {"kind": "K", "name": "n"}}),
            ['spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both resource and service backends'],
        ),
        (backend({"service": None}), ['spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required']),
        (
            backend({"service": None, "resource": {"kind": "", "name": "a/b", "apiGroup": "A"}}),
            [
                'spec.rules[0].http.paths[0].backend.resource.apiGroup: Invalid value: "A": <subdomain>',
                "spec.rules[0].http.paths[0].backend.resource.kind: Required value",
                "spec.rules[0].http.paths[0].backend.resource.name: Invalid value: \"a/b\": may not contain '/'",
            ],
        ),
        (backend({"service": {"name": ""}}), ["spec.rules[0].http.paths[0].backend.service.name: Required value"]),
        (backend({"service": {"name": "A"}}), ['spec.rules[0].http.paths[0].backend.service.name: Invalid value: "A": <label>']),
        (
            backend({"service": {"port": {"name": "x"}}}),
            ['spec.rules[0].http.paths[0].backend: Invalid value: "": cannot set both port name & port number'],
        ),
        (
            backend({"service": {"port": {"number": 0}}}),
            ["spec.rules[0].http.paths[0].backend: Required value: port name or number is required"],
        ),
        (
            backend({"service": {"port": {"number": 70000}}}),
            ["spec.rules[0].http.paths[0].backend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive"],
        ),
        (
            backend({"service": {"port": {"number": None, "name": "_"}}}),
            [
                (
                    'spec.rules[0].http.paths[0].backend.service.port.name: Invalid value: "_": must contain only alpha-numeric characters '
                    "(a-z, 0-9), and hyphens (-)"
                ),
                'spec.rules[0].http.paths[0].backend.service.port.name: Invalid value: "_": must contain at least one letter (a-z)',
            ],
        ),
        (
            {"spec": {"tls": [{"hosts": ["A", "*.a.b", "*"], "secretName": "A"}]}},
            [
                'spec.tls[0].hosts[0]: Invalid value: "A": <subdomain>',
                'spec.tls[0].hosts[2]: Invalid value: "*": <wildcard>',
                'spec.tls[0].secretName: Invalid value: "A": <subdomain>',
            ],
        ),
        ({"spec": {"ingressClassName": "A"}}, ['spec.ingressClassName: Invalid value: "A": <subdomain>']),
        (
            {"metadata": {"annotations": {"kubernetes.io/ingress.class": "a"}}, "spec": {"ingressClassName": "b"}},
            ['annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified'],
        ),
    ],
)
def test_ingresses(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(networking.Ingress, INGRESS, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "status",
            {"status": {"loadBalancer": {"ingress": [{"ip": "x"}, {"hostname": "1.2.3.4"}, {"hostname": "A"}]}}},
            [
                'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
                'status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
                'status.loadBalancer.ingress[2].hostname: Invalid value: "A": <subdomain>',
            ],
        ),
        ("", {"metadata": {"annotations": {"kubernetes.io/ingress.class": "a"}}, "spec": {"ingressClassName": "b"}}, []),
    ],
)
def test_changes_of_ingresses(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(networking.Ingress, INGRESS, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"spec": {"controller": ""}}, ["spec.controller: Required value"]),
        ({"spec": {"controller": "x"}}, ['spec.controller: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")']),
        (
            {"spec": {"controller": "A/x y"}},
            [
                'spec.controller: Invalid value: "A": <subdomain>',
                "spec.controller: Invalid value: \"x y\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
            ],
        ),
        ({"spec": {"controller": "a.b/" + "x" * 250}}, ["spec.controller: Too long: may not be more than 250 bytes"]),
        ({"spec": {"parameters": PARAMETERS}}, []),
        (
            {"spec": {"parameters": {**PARAMETERS, "scope": "X"}}},
            ['spec.parameters.scope: Unsupported value: "X": supported values: "Cluster", "Namespace"'],
        ),
        (
            {"spec": {"parameters": {**PARAMETERS, "namespace": "n"}}},
            ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
        ),
        (
            {"spec": {"parameters": {**PARAMETERS, "scope": "Namespace"}}},
            ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
        ),
        (
            {"spec": {"parameters": {**PARAMETERS, "kind": "", "name": ""}}},
            ["spec.parameters.kind: Required value", "spec.parameters.name: Required value"],
        ),
    ],
)
def test_ingress_classes(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(networking.IngressClass, CLASS, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [("", {"spec": {"controller": "example.com/d"}}, ['spec.controller: Invalid value: "example.com/d": field is immutable'])],
)
def test_changes_of_ingress_classes(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(networking.IngressClass, CLASS, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "10.0.0.01"}}, ['metadata.name: Invalid value: "10.0.0.01": must not have leading 0s']),
        ({"metadata": {"name": "x"}}, ['metadata.name: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']),
        ({"metadata": {"name": "2001:db8::0"}}, ['metadata.name: Invalid value: "2001:db8::0": must be in canonical form ("2001:db8::")']),
        ({"spec": {"parentRef": None}}, ["spec.parentRef: Required value"]),
        ({"spec": {"parentRef": {"resource": ""}}}, ["spec.parentRef.resource: Required value"]),
        (
            {"spec": {"parentRef": {"group": "A", "name": "a/b"}}},
            ['spec.parentRef.group: Invalid value: "A": <subdomain>', "spec.parentRef.name: Invalid value: \"a/b\": may not contain '/'"],
        ),
    ],
)
def test_ip_addresses(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(networking.IPAddress, ADDRESS, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            {"spec": {"parentRef": {"name": "t"}}},
            ['spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"ns","Name":"t"}: field is immutable'],
        )
    ],
)
def test_changes_of_ip_addresses(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(networking.IPAddress, ADDRESS, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"spec": {"cidrs": []}}, ["spec.cidrs: Required value: at least one CIDR required"]),
        (
            {"spec": {"cidrs": ["10.0.0.0/24", "10.1.0.0/24"]}},
            [
                (
                    'spec.cidrs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one IP for each IP family, i.e '
                    "192.168.0.0/24 and 2001:db8::/64"
                )
            ],
        ),
        (
            {"spec": {"cidrs": ["10.0.0.0/24", "2001:db8::/64", "2001:db9::/64"]}},
            ['spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/24","2001:db8::/64","2001:db9::/64"]}: may only hold up to 2 values'],
        ),
        (
            {"spec": {"cidrs": ["10.0.0.1/24"]}},
            ['spec.cidrs[0]: Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length'],
        ),
    ],
)
def test_service_cidrs(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(networking.ServiceCIDR, SERVICE_CIDR, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        ("", {"spec": {"cidrs": ["10.0.1.0/24"]}}, ['spec.cidrs[0]: Invalid value: "10.0.1.0/24": field is immutable']),
        ("", {"spec": {"cidrs": ["10.0.0.0/24", "2001:db8::/64"]}}, []),
        ("", {"spec": {"cidrs": []}}, ["spec.cidrs: Invalid value: null: field is immutable"]),
    ],
)
def test_changes_of_service_cidrs(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(networking.ServiceCIDR, SERVICE_CIDR, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"addressType": ""}, ["addressType: Required value"]),
        ({"addressType": "X"}, ['addressType: Unsupported value: "X": supported values: "FQDN", "IPv4", "IPv6"']),
        ({"ports": {1: {"name": "http"}}}, ['ports[1].name: Duplicate value: "http"']),
        ({"ports": {0: {"name": "A"}}}, ['ports[0].name: Invalid value: "A": <label>']),
        (
            {"ports": {0: {"protocol": "X", "appProtocol": "a b"}}},
            [
                'ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
                'ports[0].appProtocol: Invalid value: "a b": name part <key>',
            ],
        ),
        ({"endpoints": {0: {"addresses": []}}}, ["endpoints[0].addresses: Required value: must contain at least 1 address"]),
        (
            {"endpoints": {0: {"addresses": ["x", "127.0.0.1", "::1"]}}},
            [
                'endpoints[0].addresses[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
                'endpoints[0].addresses[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
                'endpoints[0].addresses: Invalid value: "::1": must be an IPv4 address',
                'endpoints[0].addresses[2]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
            ],
        ),
        (
            {"addressType": "IPv6", "endpoints": {0: {"addresses": ["2001:db8::0", "10.0.0.1", "fe80::1"]}}},
            [
                'endpoints[0].addresses[0]: Invalid value: "2001:db8::0": must be in canonical form ("2001:db8::")',
                'endpoints[0].addresses: Invalid value: "10.0.0.1": must be an IPv6 address',
                'endpoints[0].addresses[2]: Invalid value: "fe80::1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
            ],
        ),
        (
            {"addressType": "FQDN", "endpoints": {0: {"addresses": ["a", "a.b.", "A.b"]}}},
            [
                'endpoints[0].addresses[0]: Invalid value: "a": should be a domain with at least two segments separated by dots',
                'endpoints[0].addresses[2]: Invalid value: "A.b": <subdomain>',
            ],
        ),
        (
            {
                "endpoints": {
                    0: {
                        "nodeName": "A",
                        "hostname": "a.b",
                        "deprecatedTopology": {"topology.kubernetes.io/zone": "z"},
                        "hints": {"forZones": [{"name": "a"}, {"name": "a"}, {"name": "_"}]},
                    }
                }
            },
            [
                'endpoints[0].nodeName: Invalid value: "A": <subdomain>',
                "endpoints[0].deprecatedTopology[topology.kubernetes.io/zone]: Internal error: reserved key was not removed in conversion",
                'endpoints[0].hostname: Invalid value: "a.b": must not contain dots',
                'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
                'endpoints[0].hints.forZones[2].name: Invalid value: "_": <value>',
            ],
        ),
        (
            {"endpoints": {0: {"addresses": [f"10.0.0.{i}" for i in range(1, 102)]}}},
            ["endpoints[0].addresses: Too many: 101: must have at most 100 items"],
        ),
    ],
)
def test_endpoint_slices(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(discovery.EndpointSlice, SLICE, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [("", {"addressType": "IPv6", "endpoints": []}, ['addressType: Invalid value: "IPv6": field is immutable'])],
)
def test_changes_of_endpoint_slices(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(discovery.EndpointSlice, SLICE, change, subresource) == wanted
