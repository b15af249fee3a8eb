"""The environment of containers, the pod's names and its resolv.conf."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.node.builders import HandClock, MemoryApi, pod

from sagong.api.types.core import ConfigMap, Pod, Secret, Service, ServicePort
from sagong.api.types.meta import ObjectMeta
from sagong.node import hosts_file
from sagong.node.dns_config import ClusterDns, parse, pod_dns
from sagong.node.downward import Facts, format_map
from sagong.node.env import EnvBuilder
from sagong.node.expansion import expand, references
from sagong.node.ports import ContainerConfigError
from sagong.node.service_env import service_variables
from sagong.node.volumes.sources import ObjectCache

FACTS = Facts(pod_ips=["10.244.0.5", "fd00::5"], host_ips=["192.168.0.2"], allocatable={"cpu": "2", "memory": "1Gi"})


def environment(wanted: Pod, *objects: object, services: list[Service] | None = None) -> dict[str, str]:
    clock = HandClock()
    builder = EnvBuilder(ObjectCache(MemoryApi(clock, *objects), clock))
    return asyncio.run(builder.environment(wanted, wanted.spec.containers[0], FACTS, services or [], {}))


def service(name: str, namespace: str, address: str, *ports: ServicePort) -> Service:
    found = Service(metadata=ObjectMeta(name=name, namespace=namespace))
    found.spec.clusterIP = address
    found.spec.ports = list(ports)
    return found


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A $(A", "$A $(A"),
        ("$()", "$()"),
        ("a$", "a$"),
    ],
)
def test_expansion(text: str, wanted: str) -> None:
    assert expand(text, {"A": "1"}) == wanted


def test_references_are_named_in_order() -> None:
    assert references("$(A)/$$(B)/$(C)") == ["A", "C"]


def test_every_source_of_a_variable() -> None:
    wanted = pod("""
        nodeName: n1
        serviceAccountName: robot
        containers:
        - name: c
          resources: {requests: {cpu: 250m}, limits: {memory: 64Mi}}
          envFrom: [{prefix: P_, configMapRef: {name: cm}}, {secretRef: {name: absent, optional: true}}]
          env:
          - {name: A, value: "$(P_one)-$(KUBERNETES_SERVICE_HOST)-$(LATER)"}
          - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
          - {name: LABEL, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
          - {name: IPS, valueFrom: {fieldRef: {fieldPath: status.podIPs}}}
          - {name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
          - {name: CPU, valueFrom: {resourceFieldRef: {resource: requests.cpu, divisor: 1m}}}
          - {name: CPUS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
          - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
          - {name: KEY, valueFrom: {configMapKeyRef: {name: cm, key: one}}}
          - {name: PASSWORD, valueFrom: {secretKeyRef: {name: s, key: password}}}
          - {name: NOT, valueFrom: {secretKeyRef: {name: s, key: other, optional: true}}}
          - {name: LATER, value: late}
    """)
    wanted.metadata.labels = {"app": "web"}
    found = environment(
        wanted,
        ConfigMap(metadata=ObjectMeta(name="cm", namespace="ns"), data={"one": "1"}),
        Secret(metadata=ObjectMeta(name="s", namespace="ns"), data={"password": b"hunter2"}),
        services=[service("kubernetes", "default", "10.96.0.1", ServicePort(name="https", port=443, protocol="TCP"))],
    )
    assert {key: value for key, value in found.items() if not key.startswith("KUBERNETES_")} == {
        "P_one": "1",
        "A": "1-10.96.0.1-$(LATER)",
        "NAME": "p",
        "LABEL": "web",
        "IPS": "10.244.0.5,fd00::5",
        "HOST": "192.168.0.2",
        "CPU": "250",
        "CPUS": "2",
        "MEMORY": "64",
        "KEY": "1",
        "PASSWORD": "hunter2",
        "LATER": "late",
    }
    assert found["KUBERNETES_PORT_443_TCP"] == "tcp://10.96.0.1:443"


def test_a_limit_that_a_container_lacks_is_its_pods() -> None:
    fields = ", ".join(
        f"{{name: {name.upper()}, valueFrom: {{resourceFieldRef: {{resource: limits.{name}}}}}}}" for name in ("cpu", "memory")
    )
    text = "resources: {limits: {cpu: '3', memory: 200Mi}}\ncontainers: [{name: c, resources: {limits: {cpu: '2'}}, env: [" + fields + "]}]"
    found = environment(pod(text))
    assert (found["CPU"], found["MEMORY"]) == ("2", str(200 << 20))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("configMapKeyRef: {name: absent, key: k}", 'configmap "absent" not found'),
        ("secretKeyRef: {name: absent, key: k}", 'secret "absent" not found'),
        ("configMapKeyRef: {name: cm, key: k}", "couldn't find key k in ConfigMap ns/cm"),
        ("fieldRef: {fieldPath: spec.nothing}", "unsupported fieldPath: spec.nothing"),
        ("resourceFieldRef: {resource: limits.nothing}", "unsupported container resource : limits.nothing"),
    ],
)
def test_what_cannot_be_had_is_told_in_upstreams_words(source: str, message: str) -> None:
    wanted = pod(f"containers: [{{name: c, env: [{{name: A, valueFrom: {{{source}}}}}]}}]")
    with pytest.raises(ContainerConfigError) as caught:
        environment(wanted, ConfigMap(metadata=ObjectMeta(name="cm", namespace="ns")))
    assert str(caught.value) == message


def test_service_variables_are_dockers_and_kubernetes_own() -> None:
    web = service("my-web", "ns", "10.96.3.4", ServicePort(name="http", port=80), ServicePort(name="dns-udp", port=53, protocol="UDP"))
    headless = service("none", "ns", "None", ServicePort(port=1))
    assert service_variables([web, headless], "other", links=True) == {}
    assert service_variables([web, headless], "ns", links=True) == {
        "MY_WEB_SERVICE_HOST": "10.96.3.4",
        "MY_WEB_SERVICE_PORT": "80",
        "MY_WEB_SERVICE_PORT_HTTP": "80",
        "MY_WEB_SERVICE_PORT_DNS_UDP": "53",
        "MY_WEB_PORT": "tcp://10.96.3.4:80",
        "MY_WEB_PORT_80_TCP": "tcp://10.96.3.4:80",
        "MY_WEB_PORT_80_TCP_PROTO": "tcp",
        "MY_WEB_PORT_80_TCP_PORT": "80",
        "MY_WEB_PORT_80_TCP_ADDR": "10.96.3.4",
        "MY_WEB_PORT_53_UDP": "udp://10.96.3.4:53",
        "MY_WEB_PORT_53_UDP_PROTO": "udp",
        "MY_WEB_PORT_53_UDP_PORT": "53",
        "MY_WEB_PORT_53_UDP_ADDR": "10.96.3.4",
    }


def test_maps_are_quoted_as_go_quotes() -> None:
    assert format_map({"b": 'x"\n', "a": "é\x01\\"}) == 'a="é\\x01\\\\"\nb="x\\"\\n"'


def test_resolv_conf_by_policy(tmp_path: Path) -> None:
    host = tmp_path / "resolv.conf"
    host.write_text("# c\nnameserver 1.1.1.1\nsearch old\nsearch corp.example.\noptions ndots:1 timeout:2\noptions ndots:3\n")
    cluster = ClusterDns(["10.96.0.10"], "cluster.local", host)
    assert list(parse(host.read_text()).options) == ["ndots:3", "timeout:2"]
    first = pod_dns(pod("dnsPolicy: ClusterFirst"), cluster)
    assert list(first.servers) == ["10.96.0.10"]
    assert list(first.searches) == ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"]
    assert list(first.options) == ["ndots:5"]
    on_host = pod("{dnsPolicy: ClusterFirst, hostNetwork: true}")
    assert list(pod_dns(on_host, cluster).servers) == ["1.1.1.1"]
    own = pod_dns(pod("{dnsPolicy: None, dnsConfig: {nameservers: [9.9.9.9], options: [{name: ndots, value: '2'}]}}"), cluster)
    assert (list(own.servers), list(own.searches), list(own.options)) == (["9.9.9.9"], [], ["ndots:2"])
    assert pod_dns(pod("dnsPolicy: ClusterFirst"), ClusterDns([], "cluster.local", host)).warnings[0][0] == "MissingClusterDNS"


def test_hosts_file_names_the_pod_and_its_aliases(tmp_path: Path) -> None:
    wanted = pod("{hostname: web-0, subdomain: web, hostAliases: [{ip: 1.2.3.4, hostnames: [a, b]}]}")
    hosts_file.write(tmp_path / "hosts", wanted, ["10.244.0.5"], "cluster.local")
    text = (tmp_path / "hosts").read_text()
    assert text.startswith("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n")
    assert "10.244.0.5\tweb-0.web.ns.svc.cluster.local\tweb-0\n" in text
    assert text.endswith("\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n")


def test_the_kernels_hostname_may_be_the_full_name() -> None:
    wanted = pod("{hostname: web-0, subdomain: web, setHostnameAsFQDN: true}")
    assert hosts_file.kernel_hostname(wanted, "cluster.local") == "web-0.web.ns.svc.cluster.local"
    wanted.spec.hostname = "w" * 60
    with pytest.raises(ValueError, match="is too long"):
        hosts_file.kernel_hostname(wanted, "cluster.local")
    wanted.metadata.name, wanted.spec.hostname, wanted.spec.subdomain = "a" * 62 + "-b", "", ""
    assert hosts_file.kernel_hostname(wanted, "cluster.local") == "a" * 62
