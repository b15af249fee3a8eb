"""The official Python client against the server, used as its documentation uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config, dynamic, utils, watch
from tests.server.harness import running

CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "boats.sagong.test"},
    "spec": {
        "group": "sagong.test",
        "scope": "Namespaced",
        "names": {"plural": "boats", "singular": "boat", "kind": "Boat", "shortNames": ["bo"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"oars": {"type": "integer", "minimum": 1}}}},
                    }
                },
            }
        ],
    },
}


async def with_client(tmp_path: Path, use: Callable[[client.ApiClient], None]) -> None:
    """Run a blocking client beside the server."""
    async with running(tmp_path) as api:
        await api.namespace("a")

        def work() -> None:
            with config.new_client_from_config(api.kubeconfig()) as made:
                use(made)

        await asyncio.to_thread(work)


async def test_objects_are_made_read_patched_and_deleted(tmp_path: Path) -> None:
    def use(made: client.ApiClient) -> None:
        core, apps = client.CoreV1Api(made), client.AppsV1Api(made)
        template = client.V1PodTemplateSpec(
            metadata=client.V1ObjectMeta(labels={"app": "web"}),
            spec=client.V1PodSpec(
                containers=[client.V1Container(name="web", image="web:1", ports=[client.V1ContainerPort(container_port=80)])]
            ),
        )
        deployment = client.V1Deployment(
            metadata=client.V1ObjectMeta(name="web"),
            spec=client.V1DeploymentSpec(replicas=2, selector=client.V1LabelSelector(match_labels={"app": "web"}), template=template),
        )
        created = apps.create_namespaced_deployment("a", deployment)
        assert created.spec.strategy.rolling_update.max_surge == "25%"
        created.spec.replicas = 3
        assert apps.replace_namespaced_deployment("web", "a", created).metadata.generation == 2
        image = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "web:2"}]}}}}
        patched = apps.patch_namespaced_deployment("web", "a", image)
        assert [c.image for c in patched.spec.template.spec.containers] == ["web:2"]
        assert patched.spec.template.spec.containers[0].ports[0].container_port == 80
        assert apps.read_namespaced_deployment_scale("web", "a").spec.replicas == 3
        with pytest.raises(client.ApiException) as refused:
            apps.create_namespaced_deployment("a", deployment)
        assert (refused.value.status, refused.value.reason) == (409, "Conflict")
        assert apps.delete_namespaced_deployment("web", "a", propagation_policy="Background")["status"] == "Success"
        for n in range(5):
            core.create_namespaced_config_map("a", client.V1ConfigMap(metadata=client.V1ObjectMeta(name=f"c{n}", labels={"n": str(n % 2)})))
        page = core.list_namespaced_config_map("a", limit=2)
        assert page.metadata._continue
        assert len(core.list_namespaced_config_map("a", label_selector="n=1").items) == 2
        core.delete_collection_namespaced_config_map("a", label_selector="n=0")
        assert [c.metadata.name for c in core.list_config_map_for_all_namespaces(field_selector="metadata.namespace=a").items] == [
            "c1",
            "c3",
        ]
        assert client.VersionApi(made).get_code().major == "1"
        assert "apps" in {group.name for group in client.ApisApi(made).get_api_versions().groups}

    await with_client(tmp_path, use)


async def test_a_watch_follows_changes(tmp_path: Path) -> None:
    def use(made: client.ApiClient) -> None:
        core = client.CoreV1Api(made)
        seen: list[tuple[str, str]] = []
        stream = watch.Watch()
        core.create_namespaced_secret("a", client.V1Secret(metadata=client.V1ObjectMeta(name="s"), string_data={"k": "v"}))
        for event in stream.stream(core.list_namespaced_secret, "a", timeout_seconds=30):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "ADDED":
                core.patch_namespaced_secret("s", "a", {"metadata": {"labels": {"a": "b"}}})
            elif event["type"] == "MODIFIED":
                core.delete_namespaced_secret("s", "a")
            else:
                stream.stop()
        assert seen == [("ADDED", "s"), ("MODIFIED", "s"), ("DELETED", "s")]

    await with_client(tmp_path, use)


async def test_custom_resources_by_the_dynamic_client(tmp_path: Path) -> None:
    def use(made: client.ApiClient) -> None:
        utils.create_from_dict(made, CRD)
        known = watch.Watch()
        extensions = client.ApiextensionsV1Api(made)
        for event in known.stream(extensions.list_custom_resource_definition, timeout_seconds=30):
            conditions = {c.type: c.status for c in event["object"].status.conditions or []}
            if conditions.get("Established") == "True":
                known.stop()
        found = dynamic.DynamicClient(made, cache_file=str(tmp_path / "discovery.json"))
        boats = found.resources.get(api_version="sagong.test/v1", kind="Boat")
        body: dict[str, Any] = {"apiVersion": "sagong.test/v1", "kind": "Boat", "metadata": {"name": "b"}, "spec": {"oars": 2}}
        assert boats.create(body=body, namespace="a").spec.oars == 2
        body["spec"]["oars"] = 4
        assert boats.server_side_apply(body=body, namespace="a", name="b", field_manager="me", force_conflicts=True).spec.oars == 4
        body["spec"]["oars"] = 0
        with pytest.raises(dynamic.exceptions.UnprocessibleEntityError, match=r"spec\.oars"):
            boats.patch(body=body, namespace="a", name="b", content_type="application/merge-patch+json")
        assert [boat.metadata.name for boat in boats.get(namespace="a").items] == ["b"]
        boats.delete(name="b", namespace="a")

    await with_client(tmp_path, use)
