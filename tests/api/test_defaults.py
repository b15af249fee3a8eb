from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sagong.api.defaults import apply_defaults
from sagong.api.resources import BUILT_IN
from sagong.api.types import (
    admissionregistration,
    apiextensions,
    apps,
    autoscaling,
    batch,
    core,
    discovery,
    flowcontrol,
    networking,
    rbac,
    resource,
    scheduling,
    storage,
)


def defaulted(kind: type[Any], given: dict[str, Any]) -> dict[str, Any]:
    obj = msgspec.convert(given, kind)
    apply_defaults(obj)
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(obj))
    return {key: value for key, value in plain.items() if key not in ("metadata", "status") or value}


SPEC = {"containers": [{"name": "c", "image": "nginx"}]}
SPEC_DEFAULTED = {
    "containers": [
        {
            "name": "c",
            "image": "nginx",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "imagePullPolicy": "Always",
        }
    ],
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
TEMPLATE = {"metadata": {}, "spec": SPEC_DEFAULTED}


def test_pod() -> None:
    assert defaulted(core.Pod, {"spec": SPEC})["spec"] == {**SPEC_DEFAULTED, "enableServiceLinks": True}


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.2", "IfNotPresent"),
        ("localhost:5000/nginx", "Always"),
        ("localhost:5000/a/b:v1", "IfNotPresent"),
        (f"nginx@sha256:{'a' * 64}", "IfNotPresent"),
        (f"nginx:latest@sha256:{'a' * 64}", "Always"),
        ("Not An Image", "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)
def test_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    spec = defaulted(core.Pod, {"spec": {"containers": [{"name": "c", "image": image}]}})["spec"]
    assert spec["containers"][0]["imagePullPolicy"] == policy


def test_details_of_a_pod() -> None:
    container = {
        "name": "c",
        "image": "a:1",
        "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "resources": {"limits": {"cpu": "1"}},
        "livenessProbe": {"httpGet": {"port": 80}, "timeoutSeconds": 7},
        "readinessProbe": {"grpc": {"port": 1}},
        "lifecycle": {"preStop": {"httpGet": {"port": 1}}},
    }
    volumes = [
        {"name": "e"},
        {"name": "s", "secret": {"secretName": "x"}},
        {"name": "h", "hostPath": {"path": "/x"}},
        {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
        {"name": "k", "emptyDir": {"medium": "Memory"}},
    ]
    spec = defaulted(core.Pod, {"spec": {"hostNetwork": True, "serviceAccountName": "a", "containers": [container], "volumes": volumes}})[
        "spec"
    ]
    found = spec["containers"][0]
    assert found["ports"] == [{"hostPort": 80, "containerPort": 80, "protocol": "TCP"}]
    assert found["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert found["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}
    assert found["livenessProbe"] == {
        "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
        "timeoutSeconds": 7,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert found["readinessProbe"]["grpc"] == {"port": 1, "service": ""}
    assert found["lifecycle"]["preStop"]["httpGet"]["path"] == "/"
    assert spec["volumes"] == [
        {"name": "e", "emptyDir": {}},
        {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
        {"name": "h", "hostPath": {"path": "/x", "type": ""}},
        {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3600, "path": "t"}}], "defaultMode": 420}},
        {"name": "k", "emptyDir": {"medium": "Memory"}},
    ]
    assert spec["serviceAccount"] == "a"


def test_pod_level_resources_give_requests() -> None:
    container = {"name": "c", "resources": {"requests": {"cpu": "1"}}}
    given = {"containers": [container], "resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}
    assert defaulted(core.Pod, {"spec": given})["spec"]["resources"] == {
        "limits": {"cpu": "2", "memory": "1Gi"},
        "requests": {"cpu": "1", "memory": "1Gi"},
    }


def test_twins_are_kept_in_step() -> None:
    pod = core.Pod(status=core.PodStatus(podIP="10.0.0.1", podIPs=[core.PodIP(ip="10.0.0.2")]))
    apply_defaults(pod)
    assert [ip.ip for ip in pod.status.podIPs] == ["10.0.0.1"]
    node = core.Node(spec=core.NodeSpec(podCIDRs=["10.1.0.0/24", "fd00::/64"]))
    apply_defaults(node)
    assert node.spec.podCIDR == "10.1.0.0/24"
    assert defaulted(core.Secret, {"stringData": {"a": "b"}}) == {"data": {"a": "Yg=="}, "type": "Opaque"}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (
            {"ports": [{"port": 80}], "clusterIP": "None"},
            {
                "ports": [{"protocol": "TCP", "port": 80, "targetPort": 80}],
                "clusterIP": "None",
                "type": "ClusterIP",
                "sessionAffinity": "None",
                "internalTrafficPolicy": "Cluster",
            },
        ),
        (
            {"type": "LoadBalancer", "sessionAffinity": "ClientIP"},
            {
                "type": "LoadBalancer",
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
                "externalTrafficPolicy": "Cluster",
                "internalTrafficPolicy": "Cluster",
                "allocateLoadBalancerNodePorts": True,
            },
        ),
        ({"type": "ExternalName", "externalName": "a.b"}, {"externalName": "a.b", "sessionAffinity": "None", "type": "ExternalName"}),
    ],
)
def test_service(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert defaulted(core.Service, {"spec": given})["spec"] == wanted


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        (
            apps.Deployment,
            {"spec": {"selector": {}, "template": {"spec": SPEC}}},
            {
                "replicas": 1,
                "selector": {},
                "template": TEMPLATE,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
                "revisionHistoryLimit": 10,
                "progressDeadlineSeconds": 600,
            },
        ),
        (
            apps.DaemonSet,
            {"spec": {"template": {"spec": SPEC}}},
            {
                "selector": None,
                "template": TEMPLATE,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
                "revisionHistoryLimit": 10,
            },
        ),
        (
            apps.StatefulSet,
            {"spec": {"template": {"spec": SPEC}, "volumeClaimTemplates": [{"metadata": {"name": "d"}}]}},
            {
                "replicas": 1,
                "selector": None,
                "template": TEMPLATE,
                "volumeClaimTemplates": [
                    {
                        "apiVersion": "v1",
                        "kind": "PersistentVolumeClaim",
                        "metadata": {"name": "d"},
                        "spec": {"resources": {}, "volumeMode": "Filesystem"},
                        "status": {"phase": "Pending"},
                    }
                ],
                "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "revisionHistoryLimit": 10,
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            },
        ),
        (
            batch.Job,
            {"spec": {"template": {"spec": SPEC}}},
            {
                "parallelism": 1,
                "completions": 1,
                "backoffLimit": 6,
                "template": TEMPLATE,
                "completionMode": "NonIndexed",
                "suspend": False,
                "podReplacementPolicy": "TerminatingOrFailed",
                "manualSelector": False,
            },
        ),
        (
            core.ReplicationController,
            {"spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": SPEC}}},
            {"replicas": 1, "selector": {"a": "b"}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": SPEC_DEFAULTED}},
        ),
        (
            networking.NetworkPolicy,
            {"spec": {"podSelector": {}, "egress": [{"ports": [{"port": 1}]}]}},
            {"podSelector": {}, "egress": [{"ports": [{"protocol": "TCP", "port": 1}]}], "policyTypes": ["Ingress", "Egress"]},
        ),
        (
            core.PersistentVolume,
            {"spec": {"hostPath": {"path": "/a"}}},
            {"hostPath": {"path": "/a", "type": ""}, "persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
        ),
        (
            core.LimitRange,
            {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}, "min": {"cpu": "1", "memory": "1Gi"}}]}},
            {
                "limits": [
                    {
                        "type": "Container",
                        "max": {"cpu": "2"},
                        "min": {"cpu": "1", "memory": "1Gi"},
                        "default": {"cpu": "2"},
                        "defaultRequest": {"cpu": "2", "memory": "1Gi"},
                    }
                ]
            },
        ),
        (
            storage.CSIDriver,
            {"spec": {"podInfoOnMount": True}},
            {
                "attachRequired": True,
                "podInfoOnMount": True,
                "storageCapacity": False,
                "fsGroupPolicy": "ReadWriteOnceWithFSType",
                "volumeLifecycleModes": ["Persistent"],
                "requiresRepublish": False,
                "seLinuxMount": False,
            },
        ),
    ],
)
def test_specs_of_kinds(kind: type[Any], given: dict[str, Any], wanted: dict[str, Any]) -> None:
    spec = defaulted(kind, given)["spec"]
    assert {key: value for key, value in spec.items() if value not in (None, "")} == {k: v for k, v in wanted.items() if v is not None}


def test_single_fields() -> None:
    hpa = defaulted(autoscaling.HorizontalPodAutoscaler, {"spec": {"behavior": {"scaleUp": {"selectPolicy": "Min"}}}})["spec"]
    assert hpa["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
    assert hpa["behavior"]["scaleUp"]["selectPolicy"] == "Min"
    assert len(hpa["behavior"]["scaleUp"]["policies"]) == 2
    assert "stabilizationWindowSeconds" not in hpa["behavior"]["scaleDown"]
    assert defaulted(scheduling.PriorityClass, {"value": 1})["preemptionPolicy"] == "PreemptLowerPriority"
    assert defaulted(storage.StorageClass, {})["volumeBindingMode"] == "Immediate"
    binding = defaulted(rbac.RoleBinding, {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "u"}]})
    assert binding["subjects"][0]["apiGroup"] == binding["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    assert defaulted(discovery.EndpointSlice, {"ports": [{"port": 1}]})["ports"] == [{"name": "", "protocol": "TCP", "port": 1}]
    level = {"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}}
    assert defaulted(flowcontrol.PriorityLevelConfiguration, level)["spec"]["limited"]["limitResponse"]["queuing"]["queues"] == 64
    claim = {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "d"}}]}}}
    assert defaulted(resource.ResourceClaim, claim)["spec"]["devices"]["requests"][0]["exactly"]["count"] == 1
    hook = {"webhooks": [{"name": "a.b.c", "clientConfig": {"service": {"namespace": "n", "name": "s"}}, "rules": [{}]}]}
    found = defaulted(admissionregistration.MutatingWebhookConfiguration, hook)["webhooks"][0]
    assert (found["timeoutSeconds"], found["reinvocationPolicy"], found["clientConfig"]["service"]["port"]) == (10, "Never", 443)
    assert found["rules"][0]["scope"] == "*"
    names = {"kind": "Widget", "plural": "widgets"}
    spec = {"group": "g.io", "scope": "Cluster", "names": names, "versions": [{"name": "v1", "storage": True, "served": True}]}
    definition = defaulted(apiextensions.CustomResourceDefinition, {"spec": spec})
    assert definition["spec"]["names"] == {**names, "singular": "widget", "listKind": "WidgetList"}
    assert definition["status"]["storedVersions"] == ["v1"]
    namespace = defaulted(core.Namespace, {"metadata": {"name": "n"}})
    assert namespace["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}
    assert namespace["status"] == {"phase": "Active"}


@pytest.mark.parametrize("row", BUILT_IN, ids=lambda row: row.kind)
def test_an_empty_object_of_every_kind_can_be_defaulted_twice_with_the_same_result(row: Any) -> None:
    obj = row.type()
    apply_defaults(obj)
    once = msgspec.json.encode(obj)
    apply_defaults(obj)
    assert msgspec.json.encode(obj) == once


def test_a_pod_s_negative_grace_period_is_one_second() -> None:
    negative = {"spec": {**SPEC, "terminationGracePeriodSeconds": -3}}
    assert defaulted(core.Pod, negative)["spec"]["terminationGracePeriodSeconds"] == 1
    assert defaulted(core.PodTemplate, {"template": negative})["template"]["spec"]["terminationGracePeriodSeconds"] == -3
