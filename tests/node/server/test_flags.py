"""The kubelet's settings as upstream's flags."""

from __future__ import annotations

from sagong.node.config import X509, Authentication, KubeletConfig, NodeTaint
from sagong.node.server.flags import flags


def test_settings_have_the_names_of_upstreams_flags() -> None:
    config = KubeletConfig(
        authentication=Authentication(x509=X509(clientCAFile="/pki/ca.crt")),
        clusterDNS=["10.96.0.10"],
        evictionHard={"nodefs.available": "10%", "memory.available": "100Mi"},
        evictionMinimumReclaim={"memory.available": "1Gi"},
        nodeLabels={"zone": "a"},
        registerWithTaints=[NodeTaint(key="dedicated", value="db", effect="NoSchedule"), NodeTaint(key="x", effect="NoExecute")],
    )
    found = flags(config, {"config": "/etc/kubelet.json"})
    wanted = {
        "config": "/etc/kubelet.json",
        "client-ca-file": "/pki/ca.crt",
        "authentication-token-webhook": "true",
        "authentication-token-webhook-cache-ttl": "2m",
        "authorization-mode": "Webhook",
        "rotate-server-certificates": "false",
        "cluster-dns": "[10.96.0.10]",
        "cgroups-per-qos": "true",
        "cpu-cfs-quota-period": "100ms",
        "eviction-hard": "memory.available<100Mi,nodefs.available<10%",
        "eviction-minimum-reclaim": "memory.available=1Gi",
        "image-gc-high-threshold": "85",
        "max-pods": "110",
        "node-labels": "zone=a",
        "pod-max-pids": "-1",
        "register-with-taints": "dedicated=db:NoSchedule,x=:NoExecute",
        "root-dir": "/var/lib/kubelet",
        "tls-cert-file": "",
    }
    assert {name: found.get(name) for name in wanted} == wanted


def test_what_upstream_has_in_the_file_only_is_no_flag() -> None:
    names = flags(KubeletConfig(), {}).keys()
    assert not names & {"kind", "api-version", "max-container-restart-period", "shutdown-grace-period", "container-logs-dir"}
    assert all("_" not in name and name == name.lower() for name in names)
