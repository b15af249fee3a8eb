"""What the plugins that are on by default do to writes, over the whole server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.server.harness import MERGE, Answer, pod, running

from sagong.store.base import Entry
from sagong.store.log import Log


def refusal(answer: Answer) -> str:
    assert answer.status == 403, answer.raw
    return str(answer.body["message"])


async def test_a_pod_gets_what_every_pod_has(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        await api.ok("PATCH", f"{base}/serviceaccounts/default", {"imagePullSecrets": [{"name": "pull"}]}, Content_Type=MERGE)
        spec = (await api.ok("POST", f"{base}/pods", pod("p")))["spec"]
        assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
        assert spec["imagePullSecrets"] == [{"name": "pull"}]
        mount = spec["containers"][0]["volumeMounts"][0]
        assert (mount["mountPath"], mount["readOnly"]) == ("/var/run/secrets/kubernetes.io/serviceaccount", True)
        volume = spec["volumes"][0]
        assert volume["name"] == mount["name"]
        assert volume["name"].startswith("kube-api-access-")
        assert [next(iter(source)) for source in volume["projected"]["sources"]] == ["serviceAccountToken", "configMap", "downwardAPI"]
        assert {toleration["key"]: toleration["tolerationSeconds"] for toleration in spec["tolerations"]} == {
            "node.kubernetes.io/not-ready": 300,
            "node.kubernetes.io/unreachable": 300,
        }
        assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
        critical = (await api.ok("POST", f"{base}/pods", pod("c", priorityClassName="system-node-critical")))["spec"]
        assert critical["priority"] == 2000001000
        bare = (await api.ok("POST", f"{base}/pods", pod("b", automountServiceAccountToken=False)))["spec"]
        assert "volumes" not in bare


async def test_pods_that_ask_for_what_is_not_there(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        for wish, message in (
            ({"serviceAccountName": "x"}, 'error looking up service account a/x: serviceaccount "x" not found'),
            ({"priorityClassName": "x"}, "no PriorityClass with name x was found"),
            ({"runtimeClassName": "x"}, 'pod rejected: RuntimeClass "x" not found'),
        ):
            assert refusal(await api("POST", f"{base}/pods", pod("p", **wish))) == f'pods "p" is forbidden: {message}'


async def test_the_default_class_is_that_of_now_and_classes_are_not_listed_for_each_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as api:
        base, classes = await api.namespace("a"), "/apis/scheduling.k8s.io/v1/priorityclasses"

        async def priority(name: str) -> int:
            made: int = (await api.ok("POST", f"{base}/pods", pod(name)))["spec"]["priority"]
            return made

        assert await priority("a") == 0
        for name, value in (("low", 5), ("lower", 3)):
            await api.ok("POST", classes, {"metadata": {"name": name}, "value": value, "globalDefault": value == 5})
            assert await priority(f"with-{name}") == 5
        listed: list[str] = []
        store_list = Log.list

        def counted(log: Log, prefix: str, *, start: str = "", limit: int = 0) -> Sequence[Entry]:
            listed.append(prefix)
            return store_list(log, prefix, start=start, limit=limit)

        monkeypatch.setattr(Log, "list", counted)
        assert [await priority(name) for name in ("b", "c")] == [5, 5]
        assert "/registry/priorityclasses/" not in listed
        await api.ok("DELETE", f"{classes}/low")
        assert [await priority(name) for name in ("d", "e")] == [0, 0]
        assert listed.count("/registry/priorityclasses/") == 1


async def test_a_runtime_class_brings_overhead_and_a_place(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        scheduling = {"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]}
        body = {"metadata": {"name": "vm"}, "handler": "kata", "overhead": {"podFixed": {"cpu": "1"}}, "scheduling": scheduling}
        await api.ok("POST", "/apis/node.k8s.io/v1/runtimeclasses", body)
        spec = (await api.ok("POST", f"{base}/pods", pod("p", runtimeClassName="vm")))["spec"]
        assert (spec["overhead"], spec["nodeSelector"]) == ({"cpu": "1"}, {"vm": "yes"})
        assert {"key": "vm", "operator": "Exists"} in spec["tolerations"]
        wrong = await api("POST", f"{base}/pods", pod("q", runtimeClassName="vm", nodeSelector={"vm": "no"}))
        assert "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no" in refusal(wrong)


async def test_defaults_of_a_cluster(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for name, default in (("old", "true"), ("fast", "true"), ("plain", "false")):
            annotations = {"storageclass.kubernetes.io/is-default-class": default}
            await api.ok(
                "POST",
                "/apis/storage.k8s.io/v1/storageclasses",
                {"metadata": {"name": name, "annotations": annotations}, "provisioner": "p/q"},
            )
        claim: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        made = await api.ok("POST", "/api/v1/namespaces/default/persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": claim})
        assert made["spec"]["storageClassName"] in ("old", "fast")
        assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
        assert made["status"]["phase"] == "Pending"
        grown = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
        path = "/api/v1/namespaces/default/persistentvolumeclaims/c"
        await api.ok("PATCH", f"{path}/status", {"status": {"phase": "Bound"}}, Content_Type=MERGE)
        assert "the storageclass that provisions the pvc must support resize" in refusal(
            await api("PATCH", path, grown, Content_Type=MERGE)
        )
        node = await api.ok("POST", "/api/v1/nodes", {"metadata": {"name": "n"}})
        assert node["spec"]["taints"] == [{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}]


async def test_limit_ranges(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        limit = {"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "250m"}, "max": {"cpu": "1"}}
        await api.ok("POST", f"{base}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": [limit]}})
        made = await api.ok("POST", f"{base}/pods", pod("p"))
        assert made["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "500m"}, "requests": {"cpu": "250m"}}
        note = "LimitRanger plugin set: cpu request for container main; cpu limit for container main"
        assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == note
        greedy = pod("q")
        greedy["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "2"}}
        assert "maximum cpu usage per Container is 1, but limit is 2" in refusal(await api("POST", f"{base}/pods", greedy))


async def test_quotas_are_charged(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        hard = {"pods": "1", "count/configmaps": "2"}
        await api.ok("POST", f"{base}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": hard}})
        status = {"status": {"hard": hard, "used": {"pods": "0", "count/configmaps": "1"}}}
        await api.ok("PATCH", f"{base}/resourcequotas/q/status", status, Content_Type=MERGE)
        await api.ok("POST", f"{base}/pods?dryRun=All", pod("dry"))
        await api.ok("POST", f"{base}/pods", pod("p"))
        expected = 'pods "o" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
        assert refusal(await api("POST", f"{base}/pods", pod("o"))) == expected
        await api.ok("POST", f"{base}/configmaps", {"metadata": {"name": "m"}})
        assert "used: count/configmaps=2" in refusal(await api("POST", f"{base}/configmaps", {"metadata": {"name": "n"}}))
        assert (await api.ok("GET", f"{base}/resourcequotas/q"))["status"]["used"] == {"pods": "1", "count/configmaps": "2"}


async def test_pod_security(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("a")
        labels = {"pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "restricted"}
        await api.ok("PATCH", base, {"metadata": {"labels": labels}}, Content_Type=MERGE)
        answer = await api("POST", f"{base}/pods", pod("p", hostNetwork=True))
        assert refusal(answer) == 'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
        warned = await api("POST", f"{base}/pods", pod("p"))
        assert warned.status == 201
        assert "would violate PodSecurity" in warned.header("warning")
        stricter = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
        existing = await api("PATCH", base, stricter, Content_Type=MERGE)
        assert "existing pods in namespace" in existing.header("warning")
        wrong = await api("PATCH", base, {"metadata": {"labels": {"pod-security.kubernetes.io/warn": "most"}}}, Content_Type=MERGE)
        assert wrong.status == 422


async def test_a_kubelet_writes_its_own_things_only(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        api.pki.issue("system:node:n1", "system:nodes", file="n1")
        base = await api.namespace("a")
        own = {"metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "n1"}}}
        assert (await api("POST", "/api/v1/nodes", own, user="n1")).status == 201
        assert "is not allowed to modify node" in refusal(await api("POST", "/api/v1/nodes", {"metadata": {"name": "n2"}}, user="n1"))
        label = {"metadata": {"labels": {"node-restriction.kubernetes.io/x": "y"}}}
        answer = await api("PATCH", "/api/v1/nodes/n1", label, user="n1", Content_Type=MERGE)
        assert "is not allowed to modify labels: node-restriction.kubernetes.io/x" in refusal(answer)
        lease = {"metadata": {"name": "n1"}, "spec": {"holderIdentity": "n1", "leaseDurationSeconds": 40}}
        leases = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
        assert (await api("POST", leases.format("kube-node-lease"), lease, user="n1")).status == 201
        assert (await api("POST", leases.format("a"), lease, user="n1")).status == 403
        for name, node in (("mine", "n1"), ("other", "n2")):
            await api.ok("POST", f"{base}/pods", pod(name, nodeName=node))
        running_ = {"status": {"phase": "Running"}}
        assert (await api("PATCH", f"{base}/pods/mine/status", running_, user="n1", Content_Type=MERGE)).status == 200
        assert refusal(await api("PATCH", f"{base}/pods/other/status", running_, user="n1", Content_Type=MERGE))
        assert refusal(await api("DELETE", f"{base}/pods/other", {"gracePeriodSeconds": 0}, user="n1"))
        assert (await api("DELETE", f"{base}/pods/mine", {"gracePeriodSeconds": 0}, user="n1")).status == 200
        plain = await api("POST", f"{base}/pods", pod("new", nodeName="n1"), user="n1")
        assert "can only create mirror pods" in refusal(plain)


async def test_roles_grant_no_more_than_their_writer_has(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        group = "/apis/rbac.authorization.k8s.io/v1"
        may = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create"]}]
        await api.ok("POST", f"{group}/clusterroles", {"metadata": {"name": "r"}, "rules": may})
        subject = {"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}
        reference = {"kind": "ClusterRole", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}
        await api.ok("POST", f"{group}/clusterrolebindings", {"metadata": {"name": "b"}, "roleRef": reference, "subjects": [subject]})
        rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
        roles = f"{group}/namespaces/default/roles"
        answer = await api("POST", roles, {"metadata": {"name": "s"}, "rules": rules}, user="jane")
        assert "is attempting to grant RBAC permissions not currently held" in refusal(answer)


async def test_impersonation_needs_permission(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        path = "/api/v1/namespaces/default/pods"
        as_account = await api("GET", path, Impersonate_User="system:serviceaccount:a:b")
        assert 'User "system:serviceaccount:a:b" cannot list resource "pods"' in refusal(as_account)
        assert 'cannot impersonate resource "users"' in refusal(await api("GET", path, user="jane", Impersonate_User="admin"))
        review = await api.ok(
            "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, Impersonate_User="bob", Impersonate_Group="g"
        )
        assert review["status"]["userInfo"] == {"username": "bob", "groups": ["g", "system:authenticated"]}
