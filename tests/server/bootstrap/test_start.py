from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import msgspec

from sagong.api.types.core import ConfigMap, Endpoints, Namespace, Service
from sagong.api.types.flowcontrol import PriorityLevelConfiguration
from sagong.api.types.networking import IPAddress
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
