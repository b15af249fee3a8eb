"""Manifests become pods of this node; a directory is followed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.node.builders import HandClock

from sagong.api.types.core import Pod
from sagong.node.static_pods import ManifestError, StaticPods, parse

MANIFEST = b"apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {a: b}}\nspec: {containers: [{name: c, image: x}]}\n"


def test_a_manifest_becomes_a_pod_of_this_node() -> None:
    pod = parse(MANIFEST, "/m/web.yaml", "node-1")
    meta = pod.metadata
    assert (meta.name, meta.namespace, pod.spec.nodeName, pod.status.phase) == ("web-node-1", "default", "node-1", "Pending")
    assert len(meta.uid) == 32
    assert meta.annotations == {"kubernetes.io/config.hash": meta.uid, "kubernetes.io/config.source": "file"}
    assert [(t.operator, t.effect) for t in pod.spec.tolerations] == [("Exists", "NoExecute")]
    assert (pod.spec.restartPolicy, pod.spec.terminationGracePeriodSeconds) == ("Always", 30)
    assert pod.spec.containers[0].imagePullPolicy == "Always"


def test_the_uid_follows_content_path_and_node() -> None:
    uids = {
        parse(MANIFEST, "/m/web.yaml", "n").metadata.uid,
        parse(MANIFEST.replace(b"image: x", b"image: y"), "/m/web.yaml", "n").metadata.uid,
        parse(MANIFEST, "/m/other.yaml", "n").metadata.uid,
        parse(MANIFEST, "/m/web.yaml", "m").metadata.uid,
    }
    assert len(uids) == 4
    assert parse(MANIFEST, "/m/web.yaml", "n").metadata.uid in uids


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"kind: [", "couldn't parse as pod"),
        (b"apiVersion: v1\nkind: Pod\nspec: {containers: []}", "name is needed for the pod"),
        (b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}", "invalid pod: apps/v1, Kind=Deployment"),
        (b"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {contianers: []}", "contianers"),
        (MANIFEST.replace(b"image: x", b"image: x, resources: {requests: {cpu: much}}"), "couldn't parse as pod(quantities must match"),
        (
            MANIFEST.replace(b"image: x", b"image: x, ports: [{containerPort: 70000}]"),
            "invalid pod: spec.containers[0].ports[0].containerPort",
        ),
        (MANIFEST.replace(b"spec: {", b"spec: {serviceAccountName: a, "), "static pods may not reference serviceaccounts"),
        (MANIFEST.replace(b"spec: {", b"spec: {volumes: [{name: v, secret: {secretName: s}}], "), "static pods may not reference secrets"),
        (MANIFEST.replace(b"name: c,", b"name: c, envFrom: [{configMapRef: {name: m}}],"), "static pods may not reference configmaps"),
    ],
)
def test_what_cannot_be_a_static_pod(data: bytes, message: str) -> None:
    with pytest.raises(ManifestError, match=re.escape(message)):
        parse(data, "/m/x.yaml", "n")


class Followed:
    """A directory that is followed, and every set of pods it had."""

    def __init__(self, path: Path) -> None:
        self.seen: list[list[str]] = []
        self.changed = asyncio.Event()
        self.source = StaticPods(path, "n", 1000.0, HandClock(), self.take)

    def take(self, pods: Mapping[str, Pod]) -> None:
        self.seen.append(sorted(pod.metadata.name for pod in pods.values()))
        self.changed.set()


def test_files_come_change_break_and_go(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    source = followed.source
    assert not source.ready
    source.read()
    assert source.ready
    (tmp_path / "a.yaml").write_bytes(MANIFEST)
    (tmp_path / ".hidden").write_bytes(MANIFEST)
    (tmp_path / "folder").mkdir()
    source.read()
    source.read()
    (tmp_path / "a.yaml").write_bytes(MANIFEST.replace(b"web", b"other"))
    source.read()
    (tmp_path / "a.yaml").write_bytes(b"half a fi")
    source.read()
    (tmp_path / "a.yaml").unlink()
    source.read()
    assert followed.seen == [[], ["web-n"], ["other-n"], []]


async def test_the_directory_is_watched(tmp_path: Path) -> None:
    followed = Followed(tmp_path)
    task = asyncio.create_task(followed.source._follow())
    try:
        async with asyncio.timeout(20):
            await asyncio.sleep(0.05)
            (tmp_path / "a.yaml").write_bytes(MANIFEST)
            await followed.changed.wait()
            followed.changed.clear()
            (tmp_path / "a.yaml").unlink()
            await followed.changed.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert followed.seen == [["web-n"], []]
