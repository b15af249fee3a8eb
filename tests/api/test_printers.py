from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sagong.api.humanduration import human
from sagong.api.printers import columns, columns_of, row, row_conditions
from sagong.api.resources import BUILT_IN, TABLE, Resource
from sagong.api.types import (
    apiregistration,
    apps,
    autoscaling,
    autoscaling_v1,
    batch,
    certificates,
    core,
    discovery,
    events,
    flowcontrol,
    networking,
    policy,
    rbac,
    resource,
    scheduling,
    storage,
)

NOW = datetime(2026, 1, 1, 1, 0, 0, tzinfo=UTC)
META = {"name": "x", "creationTimestamp": "2026-01-01T00:00:00Z"}
RUNNING: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def cells(kind: type[Any], **given: Any) -> list[Any]:
    return row(msgspec.convert({"metadata": META, **given}, kind), NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (-0.5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (130, "2m10s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (50 * 3600, "2d2h"),
        (8 * 86400, "8d"),
        (729 * 86400, "729d"),
        (730 * 86400, "2y"),
        (760 * 86400, "2y30d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert human(seconds) == text


def container(name: str = "c", *, ready: bool = False, restarts: int = 0, **state: Any) -> dict[str, Any]:
    last = state.pop("last", None)
    found = {"name": name, "ready": ready, "restartCount": restarts, "state": state}
    return {**found, "lastState": {"terminated": {"exitCode": 1, "finishedAt": last}}} if last else found


ENDED = {"exitCode": 0, "reason": "Completed"}
FAILED = {"exitCode": 1, "reason": "Error"}


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ({"phase": "Pending"}, ["0/1", "Pending", "0"]),
        ({"phase": "Failed", "reason": "Evicted"}, ["0/1", "Evicted", "0"]),
        ({"phase": "Running", "containerStatuses": [container(ready=True, **RUNNING)]}, ["1/1", "Running", "0"]),
        ({"phase": "Pending", "containerStatuses": [container(waiting={"reason": "ImagePullBackOff"})]}, ["0/1", "ImagePullBackOff", "0"]),
        (
            {
                "phase": "Running",
                "containerStatuses": [container(restarts=3, waiting={"reason": "CrashLoopBackOff"}, last="2026-01-01T00:59:55Z")],
            },
            ["0/1", "CrashLoopBackOff", "3 (5s ago)"],
        ),
        ({"phase": "Succeeded", "containerStatuses": [container(terminated=ENDED)]}, ["0/1", "Completed", "0"]),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 2})]}, ["0/1", "ExitCode:2", "0"]),
        ({"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 137, "signal": 9})]}, ["0/1", "Signal:9", "0"]),
        (
            {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [container("a", terminated=ENDED), container("b", ready=True, **RUNNING)],
            },
            ["1/1", "Running", "0"],
        ),
        (
            {"phase": "Running", "containerStatuses": [container("a", terminated=ENDED), container("b", ready=True, **RUNNING)]},
            ["1/1", "NotReady", "0"],
        ),
        (
            {"phase": "Running", "containerStatuses": [container("a", terminated=ENDED), container("b", terminated=FAILED)]},
            ["0/1", "Error", "0"],
        ),
        (
            {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]},
            ["0/1", "SchedulingGated", "0"],
        ),
    ],
)
def test_pod_status(status: dict[str, Any], wanted: list[str]) -> None:
    found = cells(core.Pod, spec={"containers": [{"name": "c"}]}, status=status)
    assert found[:5] == ["x", *wanted, "60m"]


@pytest.mark.parametrize(
    ("statuses", "wanted"),
    [
        ([], ["0/2", "Pending", "0"]),
        ([container("i", **RUNNING)], ["0/2", "Init:0/2", "0"]),
        ([container("i", waiting={"reason": "PodInitializing"})], ["0/2", "Init:0/2", "0"]),
        ([container("i", terminated=ENDED), container("s", waiting={})], ["0/2", "Init:1/2", "0"]),
        ([container("i", restarts=2, waiting={"reason": "CrashLoopBackOff"})], ["0/2", "Init:CrashLoopBackOff", "2"]),
        ([container("i", terminated=FAILED)], ["0/2", "Init:Error", "0"]),
        ([container("i", terminated={"exitCode": 3})], ["0/2", "Init:ExitCode:3", "0"]),
        (
            [container("i", terminated=ENDED), {**container("s", ready=True, restarts=1, **RUNNING), "started": True}],
            ["1/2", "Pending", "1"],
        ),
    ],
)
def test_init_containers_and_sidecars(statuses: list[dict[str, Any]], wanted: list[str]) -> None:
    spec = {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}, {"name": "s", "restartPolicy": "Always"}]}
    assert cells(core.Pod, spec=spec, status={"phase": "Pending", "initContainerStatuses": statuses})[1:4] == wanted


def test_pods_that_go_or_are_done() -> None:
    going = msgspec.convert({"metadata": {**META, "deletionTimestamp": "2026-01-01T00:59:00Z"}, "status": {"phase": "Running"}}, core.Pod)
    assert row(going, NOW)[2] == "Terminating"
    going.status.reason = "NodeLost"
    assert row(going, NOW)[2] == "Unknown"
    done = core.Pod(status=core.PodStatus(phase="Succeeded"))
    assert [found.reason for found in row_conditions(done)] == ["Succeeded"]
    assert row_conditions(going) == []


def test_wide_cells_of_a_pod() -> None:
    spec = {"nodeName": "n", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]}
    status = {"podIPs": [{"ip": "10.0.0.1"}], "conditions": [{"type": "a", "status": "True"}]}
    assert cells(core.Pod, spec=spec, status=status)[5:] == ["10.0.0.1", "n", "<none>", "1/2"]
    assert [(c.name, c.priority) for c in columns_of(core.Pod)][4:] == [
        ("Age", 0),
        ("IP", 1),
        ("Node", 1),
        ("Nominated Node", 1),
        ("Readiness Gates", 1),
    ]


TEMPLATE = {"spec": {"containers": [{"name": "a", "image": "i"}, {"name": "b", "image": "j"}], "nodeSelector": {"k": "v"}}}
SELECTOR = {"matchLabels": {"app": "x"}}


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        (
            apps.Deployment,
            {
                "spec": {"replicas": 3, "selector": SELECTOR, "template": TEMPLATE},
                "status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1},
            },
            ["x", "1/3", 2, 1, "60m", "a,b", "i,j", "app=x"],
        ),
        (
            apps.ReplicaSet,
            {"spec": {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE}, "status": {"replicas": 2, "readyReplicas": 1}},
            ["x", 2, 2, 1, "60m", "a,b", "i,j", "app=x"],
        ),
        (apps.StatefulSet, {"spec": {"replicas": 2, "template": TEMPLATE}}, ["x", "0/2", "60m", "a,b", "i,j"]),
        (
            apps.DaemonSet,
            {"spec": {"selector": SELECTOR, "template": TEMPLATE}, "status": {"desiredNumberScheduled": 2, "numberReady": 1}},
            ["x", 2, 0, 1, 0, 0, "k=v", "60m", "a,b", "i,j", "app=x"],
        ),
        (
            apps.ControllerRevision,
            {
                "metadata": {**META, "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "controller": True}]},
                "revision": 3,
            },
            ["x", "daemonset.apps/d", 3, "60m"],
        ),
        (
            batch.Job,
            {
                "spec": {"completions": 2, "template": TEMPLATE},
                "status": {"succeeded": 1, "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:05Z"},
            },
            ["x", "Running", "1/2", "5s", "60m", "a,b", "i,j", "<none>"],
        ),
        (
            batch.Job,
            {"spec": {"parallelism": 3, "template": TEMPLATE}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}},
            ["x", "Failed", "0/1 of 3", "", "60m", "a,b", "i,j", "<none>"],
        ),
        (
            batch.CronJob,
            {"spec": {"schedule": "* * * * *", "suspend": False}, "status": {"lastScheduleTime": "2026-01-01T00:59:00Z"}},
            ["x", "* * * * *", "<none>", "False", 0, "60s", "60m", "", "", "<none>"],
        ),
        (policy.PodDisruptionBudget, {"spec": {"minAvailable": "50%"}}, ["x", "50%", "N/A", 0, "60m"]),
        (
            autoscaling.HorizontalPodAutoscaler,
            {
                "spec": {
                    "scaleTargetRef": {"kind": "Deployment", "name": "d"},
                    "minReplicas": 1,
                    "maxReplicas": 5,
                    "metrics": [
                        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
                        {"type": "Pods", "pods": {"metric": {"name": "q"}, "target": {"type": "AverageValue", "averageValue": "10"}}},
                        {"type": "External", "external": {"metric": {"name": "q"}, "target": {"type": "Value", "value": "7"}}},
                    ],
                },
                "status": {
                    "currentReplicas": 2,
                    "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 30}}}],
                },
            },
            ["x", "Deployment/d", "cpu: 30%/80%, <unknown>/10 + 1 more...", "1", 5, 2, "60m"],
        ),
        (autoscaling_v1.Scale, {"spec": {"replicas": 3}, "status": {"replicas": 1}}, ["x", 3, 1, "60m"]),
        (
            core.Service,
            {
                "spec": {
                    "type": "NodePort",
                    "clusterIPs": ["10.0.0.1"],
                    "ports": [{"port": 80, "nodePort": 30000, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}],
                    "selector": {"a": "b"},
                }
            },
            ["x", "NodePort", "10.0.0.1", "<none>", "80:30000/TCP,53/UDP", "60m", "a=b"],
        ),
        (core.Service, {"spec": {"type": "LoadBalancer"}}, ["x", "LoadBalancer", "<none>", "<pending>", "<none>", "60m", "<none>"]),
        (
            core.Endpoints,
            {"subsets": [{"addresses": [{"ip": f"10.0.0.{i}"} for i in range(5)], "ports": [{"port": 80}]}]},
            ["x", "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more...", "60m"],
        ),
        (core.Endpoints, {}, ["x", "<none>", "60m"]),
        (
            discovery.EndpointSlice,
            {"addressType": "IPv4", "ports": [{"port": 80}, {"name": "a"}], "endpoints": [{"addresses": ["10.0.0.1"]}]},
            ["x", "IPv4", "80,a", "10.0.0.1", "60m"],
        ),
        (discovery.EndpointSlice, {"addressType": "IPv4"}, ["x", "IPv4", "<unset>", "<unset>", "60m"]),
        (
            networking.Ingress,
            {
                "spec": {"rules": [{"host": "a.b"}, {}, {"host": "c.d"}], "tls": [{}]},
                "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}},
            },
            ["x", "<none>", "a.b,c.d", "1.2.3.4", "80, 443", "60m"],
        ),
        (networking.NetworkPolicy, {"spec": {"podSelector": {}}}, ["x", "<none>", "60m"]),
        (
            networking.IPAddress,
            {"spec": {"parentRef": {"resource": "services", "namespace": "n", "name": "s"}}},
            ["x", "services/n/s"],
        ),
        (
            core.Node,
            {
                "metadata": {**META, "labels": {"node-role.kubernetes.io/control-plane": ""}},
                "spec": {"unschedulable": True},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                    "nodeInfo": {"kubeletVersion": "v1.36.0", "kernelVersion": "6.1", "architecture": "amd64", "osImage": "Debian"},
                },
            },
            [
                "x",
                "Ready,SchedulingDisabled",
                "control-plane",
                "60m",
                "v1.36.0",
                "10.0.0.1",
                "<none>",
                "Debian",
                "6.1 (amd64)",
                "<unknown>",
            ],
        ),
        (core.Namespace, {"status": {"phase": "Active"}}, ["x", "Active", "60m"]),
        (
            core.Event,
            {
                "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"},
                "reason": "Started",
                "type": "Normal",
                "message": " hi ",
                "source": {"component": "kubelet", "host": "n"},
                "firstTimestamp": "2026-01-01T00:58:00Z",
                "lastTimestamp": "2026-01-01T00:59:00Z",
                "count": 3,
            },
            ["60s", "Normal", "Started", "pod/p", "spec.containers{c}", "kubelet, n", "hi", "2m", 3, "x"],
        ),
        (
            events.Event,
            {"eventTime": "2026-01-01T00:59:59.000000Z", "regarding": {"kind": "Pod"}, "reportingController": "s", "note": "m"},
            ["1s", "", "", "pod", "", "s", "m", "1s", 1, "x"],
        ),
        (core.Secret, {"type": "Opaque", "data": {"a": "Yg=="}}, ["x", "Opaque", 1, "60m"]),
        (core.ConfigMap, {"data": {"a": "b"}, "binaryData": {"c": ""}}, ["x", 2, "60m"]),
        (
            core.ResourceQuota,
            {"status": {"hard": {"limits.cpu": "2", "pods": "5", "cpu": "1"}, "used": {"pods": "1"}}},
            ["x", "cpu: 0/1, pods: 1/5", "limits.cpu: 0/2", "60m"],
        ),
        (
            core.PersistentVolume,
            {
                "spec": {
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
                    "claimRef": {"namespace": "n", "name": "c"},
                    "volumeMode": "Filesystem",
                },
                "status": {"phase": "Bound"},
            },
            ["x", "1Gi", "RWO,RWX", "", "Bound", "n/c", "", "<unset>", "", "60m", "Filesystem"],
        ),
        (
            core.PersistentVolumeClaim,
            {"spec": {"storageClassName": "s"}, "status": {"phase": "Pending"}},
            ["x", "Pending", "", "", "", "s", "<unset>", "60m", "<unset>"],
        ),
        (
            storage.StorageClass,
            {"metadata": {**META, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "p"},
            ["x (default)", "p", "Delete", "Immediate", False, "60m"],
        ),
        (
            rbac.RoleBinding,
            {
                "roleRef": {"kind": "Role", "name": "r"},
                "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "namespace": "n", "name": "s"}],
            },
            ["x", "Role/r", "60m", "u", "", "n/s"],
        ),
        (rbac.Role, {}, ["x", "2026-01-01T00:00:00Z"]),
        (
            certificates.CertificateSigningRequest,
            {
                "spec": {"signerName": "s", "username": "u", "expirationSeconds": 3600},
                "status": {"conditions": [{"type": "Approved"}], "certificate": "YQ=="},
            },
            ["x", "60m", "s", "u", "60m", "Approved,Issued"],
        ),
        (scheduling.PriorityClass, {"value": 5}, ["x", 5, False, "60m", ""]),
        (flowcontrol.FlowSchema, {"spec": {"matchingPrecedence": 1}}, ["x", "", 1, "<none>", "60m", "?"]),
        (flowcontrol.PriorityLevelConfiguration, {"spec": {"type": "Exempt"}}, ["x", "Exempt", *["<none>"] * 4, "60m"]),
        (
            apiregistration.APIService,
            {"status": {"conditions": [{"type": "Available", "status": "False", "reason": "Gone"}]}},
            ["x", "Local", "False (Gone)", "60m"],
        ),
        (resource.ResourceClaim, {"status": {"allocation": {}, "reservedFor": [{"name": "p"}]}}, ["x", "allocated,reserved", "60m"]),
    ],
)
def test_cells(kind: type[Any], given: dict[str, Any], wanted: list[Any]) -> None:
    assert cells(kind, **given) == wanted


@pytest.mark.parametrize("table_row", BUILT_IN, ids=lambda found: found.kind)
def test_every_kind_has_as_many_cells_as_columns(table_row: Resource) -> None:
    obj = table_row.type()
    if hasattr(obj, "metadata"):
        assert len(row(obj, NOW)) == len(columns(table_row))


def test_custom_resources_show_name_and_age() -> None:
    pods = TABLE.by_kind("v1", "Pod")
    assert pods is not None
    custom = Resource("g.io", "v1", "Widget", "widgets", "widget")
    assert [column.name for column in columns(custom)] == ["Name", "Age"]
    assert row({"metadata": META}, NOW) == ["x", "60m"]
