from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sagong.api.types.core import (
    ConfigMapEnvSource,
    Container,
    EnvFromSource,
    LocalObjectReference,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaimVolumeSource,
    PersistentVolumeSpec,
    Pod,
    PodSpec,
    SecretVolumeSource,
    Volume,
)
from sagong.api.types.meta import ObjectMeta
from sagong.server.contract import User

if TYPE_CHECKING:
    from tests.server.authz.conftest import Opened

NODE = User("system:node:node-1", groups=("system:nodes", "system:authenticated"))
OTHER = User("system:node:node-2", groups=("system:nodes", "system:authenticated"))
READ = {"namespace": "ns"}


def pod(node: str = "node-1", **meta: object) -> Pod:
    return Pod(
        metadata=ObjectMeta(name="web", namespace="ns", **meta),  # type: ignore[arg-type]
        spec=PodSpec(
            nodeName=node,
            serviceAccountName="app",
            imagePullSecrets=[LocalObjectReference(name="pull")],
            containers=[Container(name="c", envFrom=[EnvFromSource(configMapRef=ConfigMapEnvSource(name="env"))])],
            volumes=[
                Volume(name="s", secret=SecretVolumeSource(secretName="keys")),
                Volume(name="d", persistentVolumeClaim=PersistentVolumeClaimVolumeSource(claimName="data")),
            ],
        ),
    )


async def test_a_node_reads_what_its_pods_need(opened: Opened) -> None:
    async with opened() as policy:
        wanted = [("secrets", "keys"), ("secrets", "pull"), ("configmaps", "env"), ("persistentvolumeclaims", "data"), ("pods", "web")]
        await policy.put(pod(node=""))
        for plural, name in wanted:
            assert not policy.may(NODE, "get", plural, name=name, **READ)
        await policy.put(pod())
        for plural, name in wanted:
            assert policy.may(NODE, "get", plural, name=name, **READ)
            assert not policy.may(OTHER, "get", plural, name=name, **READ)
            assert not policy.may(NODE, "get", plural, name="x", **READ)
        assert policy.may(NODE, "create", "serviceaccounts/token", name="app", **READ)
        assert not policy.may(OTHER, "create", "serviceaccounts/token", name="app", **READ)
        assert policy.reason(OTHER, "get", "secrets", name="keys", **READ) == "no relationship found between node 'node-2' and this object"
        volume = PersistentVolume(
            metadata=ObjectMeta(name="disk"), spec=PersistentVolumeSpec(claimRef=ObjectReference(namespace="ns", name="data"))
        )
        assert not policy.may(NODE, "get", "persistentvolumes", name="disk")
        await policy.put(volume)
        assert policy.may(NODE, "get", "persistentvolumes", name="disk")
        await policy.drop("/registry/pods/ns/web")
        assert not policy.may(NODE, "get", "persistentvolumes", name="disk")
        assert not policy.may(NODE, "get", "secrets", name="keys", **READ)


async def test_a_mirror_pod_grants_nothing(opened: Opened) -> None:
    async with opened() as policy:
        await policy.put(pod(annotations={"kubernetes.io/config.mirror": "hash"}))
        assert not policy.may(NODE, "get", "secrets", name="keys", **READ)
        assert policy.may(NODE, "get", "pods", name="web", **READ)


@pytest.mark.parametrize(
    ("verb", "resource", "more", "allowed"),
    [
        ("list", "pods", {"field_selector": "spec.nodeName=node-1"}, True),
        ("watch", "pods", {"field_selector": "spec.nodeName=node-2"}, False),
        ("list", "pods", {}, False),
        ("create", "pods", {"namespace": "ns"}, True),
        ("update", "pods", {"namespace": "ns", "name": "x"}, False),
        ("patch", "pods/status", {"namespace": "ns", "name": "x"}, True),
        ("create", "pods/eviction", {"namespace": "ns", "name": "x"}, True),
        ("get", "pods/log", {"namespace": "ns", "name": "x"}, False),
        ("get", "nodes", {"name": "node-1"}, True),
        ("watch", "nodes", {"name": "node-1"}, True),
        ("get", "nodes", {"name": "node-2"}, False),
        ("list", "nodes", {}, False),
        ("patch", "nodes/status", {"name": "node-1"}, True),
        ("update", "leases", {"group": "coordination.k8s.io", "namespace": "kube-node-lease", "name": "node-1"}, True),
        ("update", "leases", {"group": "coordination.k8s.io", "namespace": "kube-node-lease", "name": "node-2"}, False),
        ("get", "leases", {"group": "coordination.k8s.io", "namespace": "default", "name": "node-1"}, False),
        ("get", "csinodes", {"group": "storage.k8s.io", "name": "node-1"}, True),
        ("list", "secrets", {"namespace": "ns"}, False),
        ("delete", "secrets", {"namespace": "ns", "name": "x"}, False),
        ("list", "services", {}, True),
        ("create", "events", {"namespace": "ns"}, True),
        ("create", "certificatesigningrequests", {"group": "certificates.k8s.io"}, True),
        ("delete", "deployments", {"group": "apps", "namespace": "ns", "name": "x"}, False),
        ("list", "resourceslices", {"group": "resource.k8s.io", "field_selector": "spec.nodeName=node-1"}, True),
        ("list", "resourceslices", {"group": "resource.k8s.io"}, False),
    ],
)
async def test_what_a_node_may_do_besides(opened: Opened, verb: str, resource: str, more: dict[str, str], allowed: bool) -> None:  # noqa: FBT001
    async with opened() as policy:
        assert policy.may(NODE, verb, resource, **more) is allowed


async def test_only_members_of_the_group_are_nodes(opened: Opened) -> None:
    async with opened() as policy:
        assert not policy.may(User("system:node:node-1"), "list", "services")
        assert policy.reason(User("system:node:", groups=("system:nodes",)), "list", "services") == 'unknown node for user "system:node:"'
