from __future__ import annotations

from typing import Any

import pytest
from tests.api.validation.support import META, problems

from sagong.api.types import core

SERVICE: dict[str, Any] = {
    "metadata": META,
    "spec": {
        "type": "ClusterIP",
        "clusterIP": "10.0.0.1",
        "clusterIPs": ["10.0.0.1"],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [{"port": 80, "protocol": "TCP"}],
        "selector": {"a": "b"},
    },
}


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def port(**fields: Any) -> dict[str, Any]:
    return {"spec": {"ports": {0: fields}}}


BALANCER: dict[str, Any] = {"type": "LoadBalancer"}
EXTERNAL: dict[str, Any] = {"metadata": META, "spec": {"type": "ExternalName", "externalName": "a.b"}}


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        ({"metadata": {"name": "1a"}}, []),
        ({"metadata": {"name": "A"}}, ['metadata.name: Invalid value: "A": <label>']),
        (spec(ports=None), ["spec.ports: Required value"]),
        (spec(type="X"), ['spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"']),
        (spec(type=""), []),
        (
            port(port=0),
            [
                "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
        (port(name="A"), ['spec.ports[0].name: Invalid value: "A": <label>']),
        (port(protocol="X"), ['spec.ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"']),
        (port(targetPort=0), []),
        (
            port(targetPort="A_"),
            [
                'spec.ports[0].targetPort: Invalid value: "A_": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
                'spec.ports[0].targetPort: Invalid value: "A_": must contain at least one letter (a-z)',
            ],
        ),
        (port(appProtocol="a b"), ['spec.ports[0].appProtocol: Invalid value: "a b": name part <key>']),
        (spec(ports={1: {"port": 81}}), ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]),
        (spec(ports=[{"name": "a", "port": 80}, {"name": "a", "port": 81}]), ['spec.ports[1].name: Duplicate value: "a"']),
        (
            spec(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 80}]),
            ['spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}'],
        ),
        (port(nodePort=30000), ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]),
        (spec(selector={"a b": "c"}), ['spec.selector: Invalid value: "a b": name part <key>']),
        (spec(sessionAffinity="X"), ['spec.sessionAffinity: Unsupported value: "X": supported values: "ClientIP", "None"']),
        (
            spec(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 0}}),
            ["spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400"],
        ),
        (spec(sessionAffinityConfig={"clientIP": {"timeoutSeconds": 5}}), []),
        (
            spec(clusterIP="x", clusterIPs=["x"]),
            ['spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
        ),
        (spec(clusterIP="10.0.0.2"), ['spec.clusterIPs: Invalid value: ["10.0.0.1"]: first value must match `clusterIP`']),
        (
            spec(clusterIPs=["10.0.0.1", "10.0.0.2"]),
            ['spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family'],
        ),
        (
            spec(clusterIPs=["10.0.0.1", "2001:db8::1", "2001:db8::2"]),
            ['spec.clusterIPs: Invalid value: ["10.0.0.1","2001:db8::1","2001:db8::2"]: may only hold up to 2 values'],
        ),
        (
            spec(ipFamilies=["IPv6"]),
            ['spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`'],
        ),
        (spec(ipFamilies=["IPv4", "IPv4"]), ['spec.ipFamilies[1]: Duplicate value: "IPv4"']),
        (spec(ipFamilies=["X"]), ['spec.ipFamilies[0]: Unsupported value: "X": supported values: "IPv4", "IPv6"']),
        (
            spec(ipFamilyPolicy="X"),
            ['spec.ipFamilyPolicy: Unsupported value: "X": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"'],
        ),
        (spec(clusterIP="None", clusterIPs=["None"]), []),
        (
            spec(clusterIP="None", clusterIPs=["None"], type="NodePort"),
            ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
        ),
        (
            spec(externalIPs=["x", "127.0.0.1"]),
            [
                'spec.externalIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
                'spec.externalIPs[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
            ],
        ),
        (
            spec(externalTrafficPolicy="Local"),
            ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
        ),
        (spec(internalTrafficPolicy="X"), ['spec.internalTrafficPolicy: Unsupported value: "X": supported values: "Cluster", "Local"']),
        (
            spec(loadBalancerSourceRanges=["10.0.0.0/8"]),
            ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"],
        ),
        (spec(loadBalancerClass="x"), ["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"]),
        (
            spec(healthCheckNodePort=5),
            [
                (
                    "spec.healthCheckNodePort: Invalid value: 5: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` "
                    "is 'Local'"
                )
            ],
        ),
        (
            spec(allocateLoadBalancerNodePorts=True),
            ["spec.allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'"],
        ),
        (
            spec(trafficDistribution="X"),
            ['spec.trafficDistribution: Unsupported value: "X": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"'],
        ),
        (
            spec(**BALANCER, loadBalancerSourceRanges=["x"]),
            ['spec.LoadBalancerSourceRanges[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
        ),
        (
            spec(**BALANCER, loadBalancerClass="a b", externalTrafficPolicy="X"),
            [
                'spec.loadBalancerClass: Invalid value: "a b": name part <key>',
                'spec.externalTrafficPolicy: Unsupported value: "X": supported values: "Cluster", "Local"',
            ],
        ),
        (
            spec(**BALANCER, externalTrafficPolicy="Local", healthCheckNodePort=-1),
            ["spec.healthCheckNodePort: Invalid value: -1: must be between 1 and 65535, inclusive"],
        ),
        (
            {"metadata": {"annotations": {"service.beta.kubernetes.io/load-balancer-source-ranges": "10.0.0.0/8,x"}}, "spec": BALANCER},
            [
                (
                    'metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Invalid value: "x": must be a valid '
                    "CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
                )
            ],
        ),
        (spec(**BALANCER, ports={0: {"port": 10250}}), []),
        (
            spec(type="NodePort", ports=[{"name": "a", "port": 80, "nodePort": 30000}, {"name": "b", "port": 81, "nodePort": 30000}]),
            ["spec.ports[1].nodePort: Duplicate value: 30000"],
        ),
    ],
)
def test_services(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Service, SERVICE, change) == wanted


@pytest.mark.parametrize(
    ("subresource", "change", "wanted"),
    [
        (
            "",
            spec(clusterIP="10.0.0.2", clusterIPs=["10.0.0.2"]),
            ['spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set'],
        ),
        ("", spec(clusterIP="", clusterIPs=[]), ["spec.clusterIPs[0]: Invalid value: null: primary clusterIP can not be unset"]),
        ("", spec(ipFamilies=["IPv4", "IPv6"], ipFamilyPolicy="PreferDualStack"), []),
        (
            "",
            spec(ipFamilies=["IPv6"]),
            [
                'spec.clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by `ipFamilies[0]`',
                'spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set',
            ],
        ),
        (
            "status",
            {"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}},
            ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"],
        ),
        (
            "status",
            {
                "spec": BALANCER,
                "status": {"loadBalancer": {"ingress": [{"ip": "x", "ipMode": "X"}, {"hostname": "A"}, {"ip": "10.0.0.1"}]}},
            },
            [
                'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
                'status.loadBalancer.ingress[0].ipMode: Unsupported value: "X": supported values: "Proxy", "VIP"',
                'status.loadBalancer.ingress[1].hostname: Invalid value: "A": <subdomain>',
            ],
        ),
    ],
)
def test_changes_of_services(subresource: str, change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Service, SERVICE, change, subresource) == wanted


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({}, []),
        (spec(externalName=""), ["spec.externalName: Required value"]),
        (spec(externalName="A"), ['spec.externalName: Invalid value: "A": <subdomain>']),
        (spec(clusterIP="10.0.0.1", clusterIPs=["10.0.0.1"]), ["spec.clusterIPs: Forbidden: may not be set for ExternalName services"]),
        (spec(clusterIP="None"), []),
        (
            spec(externalTrafficPolicy="Local"),
            ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
        ),
    ],
)
def test_external_names(change: dict[str, Any], wanted: list[str]) -> None:
    assert problems(core.Service, EXTERNAL, change) == wanted
