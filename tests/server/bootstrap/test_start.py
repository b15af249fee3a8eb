from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sagong.api.types.core import ConfigMap, Endpoints, Namespace, Service
from sagong.api.types.flowcontrol import PriorityLevelConfiguration
from sagong.api.types.networking import IPAddress, ServiceCIDR
from sagong.api.types.rbac import ClusterRole, ClusterRoleBinding
from sagong.cluster.clock import RealClock, RealRandom
from sagong.server.bootstrap.authentication_config import RequestHeaderConfig
from sagong.server.bootstrap.objects import BootstrapConfig
from sagong.server.bootstrap.start import Bootstrap
from sagong.store.sqlite import SqliteStore

CONFIG = BootstrapConfig(["10.96.0.0/12"], "192.168.0.2", 6443, "CA-1\n-----END CERTIFICATE-----\n", RequestHeaderConfig("P\n", ["proxy"]))


T = TypeVar("T")


def read(store: SqliteStore, kind: type[T], key: str) -> T:
    entry = store.get(key)
    assert entry is not None
    return msgspec.json.decode(entry.value, type=kind)


async def change(store: SqliteStore, key: str, obj: object) -> None:
    entry = store.get(key)
    await store.write(key, msgspec.json.encode(obj), entry.revision if entry else 0)


def bootstrap(store: SqliteStore, config: BootstrapConfig = CONFIG) -> Bootstrap:
    return Bootstrap(config, store, clock=RealClock(), random=RealRandom())


async def test_a_new_cluster_has_upstreams_objects(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store", durable=False)
    await bootstrap(store).start()
    counts = {
        "namespaces": 4,
        "clusterroles": 30 + 3 - 2 + 38,
        "clusterrolebindings": 12 + 38,
        "roles": 7,
        "rolebindings": 7,
        "priorityclasses": 2,
        "flowschemas": 11,
        "prioritylevelconfigurations": 8,
        "apiregistration.k8s.io/apiservices": 21,
        "servicecidrs": 1,
        "ipaddresses": 1,
        "services/specs": 1,
        "services/endpoints": 1,
        "endpointslices": 1,
        "configmaps": 2,
    }
    assert {name: store.count(f"/registry/{name}/") for name in counts} == counts
    assert store.revision == sum(counts.values())
    for entry in store.list("/registry/"):
        content = json.loads(entry.value)
        assert content["kind"]
        assert content["apiVersion"]
        assert content["metadata"]["uid"]
        assert content["metadata"]["creationTimestamp"]
    kubernetes = read(store, Service, "/registry/services/specs/default/kubernetes")
    assert kubernetes.spec.clusterIP == "10.96.0.1"
    assert read(store, IPAddress, "/registry/ipaddresses/10.96.0.1").spec.parentRef is not None
    shared = read(store, ConfigMap, "/registry/configmaps/kube-system/extension-apiserver-authentication").data
    assert shared["requestheader-allowed-names"] == '["proxy"]'
    await store.close()


MANAGERS = {
    "namespaces/default": {
        ("kube-apiserver", "Update", ""): {"f:metadata": {"f:labels": {".": {}, "f:kubernetes.io/metadata.name": {}}}},
    },
    "priorityclasses/system-node-critical": {
        ("kube-apiserver", "Update", ""): {"f:description": {}, "f:preemptionPolicy": {}, "f:value": {}},
    },
    "services/specs/default/kubernetes": {
        ("kube-apiserver", "Update", ""): {
            "f:metadata": {"f:labels": {".": {}, "f:component": {}, "f:provider": {}}},
            "f:spec": {
                "f:clusterIP": {},
                "f:internalTrafficPolicy": {},
                "f:ipFamilyPolicy": {},
                "f:ports": {
                    ".": {},
                    'k:{"port":443,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {}},
                },
                "f:sessionAffinity": {},
                "f:type": {},
            },
        },
    },
    "apiregistration.k8s.io/apiservices/v1.apps": {
        ("kube-apiserver", "Update", ""): {
            "f:metadata": {"f:labels": {".": {}, "f:kube-aggregator.kubernetes.io/automanaged": {}}},
            "f:spec": {"f:group": {}, "f:groupPriorityMinimum": {}, "f:version": {}, "f:versionPriority": {}},
        },
    },
    "servicecidrs/kubernetes": {
        ("kube-apiserver", "Update", ""): {"f:spec": {"f:cidrs": {}}},
        ("kubernetes-service-cidr-controller", "Apply", "status"): {
            "f:status": {
                "f:conditions": {'k:{"type":"Ready"}': {".": {}, "f:lastTransitionTime": {}, "f:message": {}, "f:status": {}, "f:type": {}}}
            },
        },
    },
    "flowschemas/probes": {
        ("api-priority-and-fairness-config-producer-v1", "Update", ""): {
            "f:metadata": {"f:annotations": {".": {}, "f:apf.kubernetes.io/autoupdate-spec": {}}},
            "f:spec": {"f:matchingPrecedence": {}, "f:priorityLevelConfiguration": {"f:name": {}}, "f:rules": {}},
        },
        ("api-priority-and-fairness-config-consumer-v1", "Apply", "status"): {
            "f:status": {
                "f:conditions": {
                    'k:{"type":"Dangling"}': {
                        ".": {},
                        "f:lastTransitionTime": {},
                        "f:message": {},
                        "f:reason": {},
                        "f:status": {},
                        "f:type": {},
                    },
                },
            },
        },
    },
}


def managers(value: bytes) -> dict[tuple[str, str, str], Any]:
    """Return the fields of each manager of an object."""
    entries = json.loads(value)["metadata"]["managedFields"]
    return {(entry["manager"], entry["operation"], entry.get("subresource", "")): entry["fieldsV1"] for entry in entries}


async def test_the_objects_have_upstreams_managers(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store", durable=False)
    await bootstrap(store).start()
    for key, expected in MANAGERS.items():
        entry = store.get(f"/registry/{key}")
        assert entry is not None
        assert managers(entry.value) == expected
    assert all(json.loads(entry.value)["metadata"]["managedFields"] for entry in store.list("/registry/"))
    await store.close()


async def test_what_is_brought_back_is_the_servers(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store", durable=False)
    await bootstrap(store).start()
    key = "/registry/endpointslices/default/kubernetes"
    await bootstrap(store, msgspec.structs.replace(CONFIG, advertise_address="192.168.0.3")).start()
    slice_ = store.get(key)
    assert slice_ is not None
    assert [key[:2] for key in managers(slice_.value)] == [("kube-apiserver", "Update")]
    key = "/registry/servicecidrs/kubernetes"
    cidr = read(store, ServiceCIDR, key)
    cidr.status.conditions = []
    cidr.metadata.managedFields = cidr.metadata.managedFields[1:]
    await change(store, key, cidr)
    await bootstrap(store).start()
    entry = store.get(key)
    assert entry is not None
    assert managers(entry.value) == MANAGERS["servicecidrs/kubernetes"]
    await store.close()


async def test_a_second_start_writes_nothing(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store", durable=False)
    await bootstrap(store).start()
    revision = store.revision
    await bootstrap(store).start()
    assert store.revision == revision
    await store.close()


async def test_what_was_bent_is_put_right_and_what_was_meant_is_kept(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store", durable=False)
    await bootstrap(store).start()
    keys = {name: f"/registry/clusterroles/{name}" for name in ("system:kube-dns", "system:node-proxier")}
    bent = read(store, ClusterRole, keys["system:kube-dns"])
    assert bent.rules
    extra, bent.rules = bent.rules[0].copy(), bent.rules[1:]
    extra.verbs = ["get"]
    bent.rules.append(extra)
    await change(store, keys["system:kube-dns"], bent)
    meant = read(store, ClusterRole, keys["system:node-proxier"])
    meant.rules, meant.metadata.annotations = [], {"rbac.authorization.kubernetes.io/autoupdate": "false"}
    await change(store, keys["system:node-proxier"], meant)
    binding_key = "/registry/clusterrolebindings/system:discovery"
    binding = read(store, ClusterRoleBinding, binding_key)
    binding.subjects = []
    await change(store, binding_key, binding)
    level_key = "/registry/prioritylevelconfigurations/catch-all"
    level = read(store, PriorityLevelConfiguration, level_key)
    assert level.spec.limited is not None
    level.spec.limited.nominalConcurrencyShares = 99
    await change(store, level_key, level)
    await bootstrap(store).start()
    right = read(store, ClusterRole, keys["system:kube-dns"])
    assert right.rules
    assert right.rules[0] == extra
    assert {verb for rule in right.rules[1:] for verb in rule.verbs} == {"list", "watch"}
    assert read(store, ClusterRole, keys["system:node-proxier"]).rules == []
    assert [subject.name for subject in read(store, ClusterRoleBinding, binding_key).subjects] == ["system:authenticated"]
    limited = read(store, PriorityLevelConfiguration, level_key).spec.limited
    assert limited is not None
    assert limited.nominalConcurrencyShares == 5
    await store.close()


async def test_a_server_that_moves_says_so(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "store", durable=False)
    await bootstrap(store).start()
    namespace = store.get("/registry/namespaces/kube-public")
    assert namespace is not None
    await store.write(namespace.key, None, namespace.revision)
    moved = BootstrapConfig(["10.96.0.0/12"], "192.168.0.3", 6443, "CA-2\n-----END CERTIFICATE-----\n", CONFIG.request_header)
    await bootstrap(store, moved).start()
    endpoints = read(store, Endpoints, "/registry/services/endpoints/default/kubernetes")
    assert [address.ip for address in endpoints.subsets[0].addresses] == ["192.168.0.3"]
    assert read(store, Namespace, namespace.key).metadata.name == "kube-public"
    shared = read(store, ConfigMap, "/registry/configmaps/kube-system/extension-apiserver-authentication").data
    assert shared["client-ca-file"].count("END CERTIFICATE") == 2
    await store.close()
