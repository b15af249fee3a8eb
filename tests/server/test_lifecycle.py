"""How objects go: finalizers, policies, grace, namespaces, evictions; and how pods get their nodes."""

from __future__ import annotations

from pathlib import Path

from tests.server.harness import MERGE, Api, config_map, pod, running

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_finalizers_keep_an_object_until_they_are_off(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        body = config_map("a")
        body["metadata"]["finalizers"] = ["example.com/hold"]
        await api.ok("POST", MAPS, body)
        marked = await api.ok("DELETE", f"{MAPS}/a")
        assert marked["metadata"]["deletionTimestamp"]
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
        again = await api("POST", MAPS, body)
        assert again.body["message"] == 'object is being deleted: configmaps "a" already exists'
        await api.ok("PATCH", f"{MAPS}/a", {"metadata": {"finalizers": None}}, Content_Type=MERGE)
        assert (await api("GET", f"{MAPS}/a")).status == 404


async def test_policies_become_finalizers_of_the_garbage_collector(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        for policy, finalizer in (("Foreground", "foregroundDeletion"), ("Orphan", "orphan")):
            await api.ok("POST", MAPS, config_map(policy.lower()))
            kept = await api.ok("DELETE", f"{MAPS}/{policy.lower()}", {"propagationPolicy": policy})
            assert kept["metadata"]["finalizers"] == [finalizer]
        await api.ok("POST", MAPS, config_map("c"))
        assert (await api.ok("DELETE", f"{MAPS}/c", {"propagationPolicy": "Background"}))["status"] == "Success"
        wrong = await api("DELETE", f"{MAPS}/c", {"propagationPolicy": "Sometimes"})
        assert wrong.status == 422


async def test_preconditions(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        uid = (await api.ok("POST", MAPS, config_map("a")))["metadata"]["uid"]
        for preconditions in ({"uid": "other"}, {"resourceVersion": "1"}):
            answer = await api("DELETE", f"{MAPS}/a", {"preconditions": preconditions})
            assert (answer.status, answer.body["reason"]) == (409, "Conflict")
        await api.ok("DELETE", f"{MAPS}/a", {"preconditions": {"uid": uid}})


async def test_pods_on_nodes_go_gracefully(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("p")
        await api.ok("POST", f"{base}/pods", pod("on-node", nodeName="n1"))
        await api.ok("POST", f"{base}/pods", pod("nowhere"))
        assert (await api.ok("DELETE", f"{base}/pods/nowhere"))["kind"] == "Pod"
        assert (await api("GET", f"{base}/pods/nowhere")).status == 404
        marked = await api.ok("DELETE", f"{base}/pods/on-node")
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
        longer = await api.ok("DELETE", f"{base}/pods/on-node", {"gracePeriodSeconds": 60})
        assert longer["metadata"]["deletionGracePeriodSeconds"] == 30, "a grace period only becomes shorter"
        shorter = await api.ok("DELETE", f"{base}/pods/on-node", {"gracePeriodSeconds": 5})
        assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
        await api.ok("DELETE", f"{base}/pods/on-node", {"gracePeriodSeconds": 0})
        assert (await api("GET", f"{base}/pods/on-node")).status == 404


async def test_a_namespace_terminates(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("old")
        gone = await api.ok("DELETE", base)
        assert (gone["status"]["phase"], gone["spec"]["finalizers"]) == ("Terminating", ["kubernetes"])
        refused = await api("POST", f"{base}/configmaps", config_map("a"))
        assert refused.status == 403
        assert "unable to create new content in namespace old because it is being terminated" in refused.body["message"]
        assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
        namespace = await api.ok("GET", base)
        namespace["spec"]["finalizers"] = []
        await api.ok("PUT", f"{base}/finalize", namespace)
        assert (await api("GET", base)).status == 404
        kept = await api("DELETE", "/api/v1/namespaces/default")
        assert kept.body["message"] == 'namespaces "default" is forbidden: this namespace may not be deleted'


async def test_a_pod_is_bound_once(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await api.namespace("b")
        await api.ok("POST", f"{base}/pods", pod("p"))
        binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
        assert (await api.ok("POST", f"{base}/pods/p/binding", binding))["status"] == "Success"
        bound = await api.ok("GET", f"{base}/pods/p")
        assert bound["spec"]["nodeName"] == "n1"
        assert [condition["type"] for condition in bound["status"]["conditions"]] == ["PodScheduled"]
        twice = await api("POST", f"{base}/pods/p/binding", binding)
        expected = 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"'
        assert (twice.status, twice.body["message"]) == (409, expected)


async def budgeted(api: Api) -> str:
    """Make a ready pod and a budget that covers it; return the namespace's path."""
    base = await api.namespace("e")
    await api.ok("POST", f"{base}/pods", pod("p", nodeName="n1"))
    ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    await api.ok("PATCH", f"{base}/pods/p/status", ready, Content_Type=MERGE)
    budgets = "/apis/policy/v1/namespaces/e/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}}
    await api.ok("POST", budgets, {"metadata": {"name": "b"}, "spec": spec})
    return base


async def test_an_eviction_asks_the_budget(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        base = await budgeted(api)
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}
        status = "/apis/policy/v1/namespaces/e/poddisruptionbudgets/b/status"
        early = await api("POST", f"{base}/pods/p/eviction", eviction)
        assert (early.status, early.header("retry-after")) == (429, "10"), "the budget has not been looked at yet"
        full = {"observedGeneration": 1, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1, "disruptionsAllowed": 0}
        await api.ok("PATCH", status, {"status": full}, Content_Type=MERGE)
        refused = await api("POST", f"{base}/pods/p/eviction", eviction)
        assert (refused.status, refused.body["message"]) == (429, "Cannot evict pod as it would violate the pod's disruption budget.")
        assert refused.body["details"]["causes"][0]["message"] == "The disruption budget b needs 1 healthy pods and has 1 currently"
        await api.ok("PATCH", status, {"status": {**full, "disruptionsAllowed": 1}}, Content_Type=MERGE)
        await api.ok("POST", f"{base}/pods/p/eviction", eviction)
        evicted = await api.ok("GET", f"{base}/pods/p")
        assert evicted["metadata"]["deletionTimestamp"]
        assert evicted["status"]["conditions"][-1]["reason"] == "EvictionByEvictionAPI"
        budget = (await api.ok("GET", status))["status"]
        assert (budget["disruptionsAllowed"], list(budget["disruptedPods"])) == (0, ["p"])
