"""Bad input gets a clear answer: one line and an exit code from the command, upstream's Status from the API."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import PORTS, Cluster

pytestmark = pytest.mark.e2e

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: i{more}}}]}}\n"


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode != 0
    assert done.stderr.startswith("sagong: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_second_start_says_so(cluster: Cluster) -> None:
    done = cluster.start()
    assert done.returncode == 0
    assert "running already" in done.stdout


def test_another_clusters_port_is_taken(cluster: Cluster, tmp_path: Path) -> None:
    other = Cluster(tmp_path)
    message = one_line(other.sagong("start", "--api-port", str(PORTS["api"]), check=False))
    assert f"port {PORTS['api']}, which kube-apiserver needs, is taken" in message
    assert not other.data_dir.exists()
    assert not other.kubeconfig.exists()


def test_not_root(cluster: Cluster) -> None:
    done = subprocess.run([sys.executable, "-c", _AS_NOBODY, "start"], capture_output=True, text=True, check=False, env=cluster.env)
    assert "needs root" in one_line(done)


_AS_NOBODY = "import sagong.cluster.main as m, os; os.setuid(65534); m.main()"


def test_an_unreadable_kubeconfig_changes_nothing(tmp_path: Path) -> None:
    other = Cluster(tmp_path)
    other.kubeconfig.write_text("{{{")
    ports = [word for part in PORTS for word in (f"--{part}-port", str(PORTS[part] + 1000))]
    message = one_line(other.sagong("start", *ports, check=False))
    assert "kubeconfig" in message
    assert "--no-kubeconfig" in message
    assert other.kubeconfig.read_text() == "{{{"
    assert not other.data_dir.exists()


@pytest.mark.parametrize("content", ["{", '{"format": 99}'])
def test_a_data_directory_that_is_corrupt_or_newer(tmp_path: Path, content: str) -> None:
    other = Cluster(tmp_path)
    other.data_dir.mkdir()
    (other.data_dir / "cluster.json").write_text(content)
    one_line(other.sagong("start", check=False))
    assert [path.name for path in other.data_dir.iterdir()] == ["cluster.json"]


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (POD.format(name="a", more=", colour: blue"), 'strict decoding error: unknown field "spec.containers[0].colour"'),
        (
            POD.format(name="a", more=", stdin: 5"),
            "cannot unmarshal number into Go struct field Container.spec.containers.stdin of type bool",
        ),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}\n", "spec.containers: Required value"),
        (POD.format(name="A_b", more=""), 'Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of'),
        (POD.format(name="a", more=", resources: {limits: {cpu: lots}}"), "quantities must match the regular expression"),
        ("apiVersion: v1\nkind: Podd\nmetadata: {name: a}\n", 'no matches for kind "Podd" in version "v1"'),
    ],
)
def test_bad_manifests_are_answered_as_upstream_does(cluster: Cluster, namespace: str, manifest: str, words: str) -> None:
    done = cluster.kubectl_done("create", "-n", namespace, "-f", "-", stdin=manifest, check=False)
    assert done.returncode == 1
    assert words in done.stderr, done.stderr


def test_unknown_fields_can_be_warned_of(cluster: Cluster, namespace: str) -> None:
    manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ncolour: blue\n"
    done = cluster.kubectl_done("create", "-n", namespace, "--validate=warn", "-f", "-", stdin=manifest)
    assert 'Warning: unknown field "colour"' in done.stderr


def test_duplicates_and_conflicts(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "configmap", "c", "-n", namespace)
    again = cluster.kubectl_done("create", "configmap", "c", "-n", namespace, check=False)
    assert 'configmaps "c" already exists' in again.stderr
    stale = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: {namespace}, resourceVersion: '1'}}\n"
    done = cluster.kubectl_done("replace", "-f", "-", stdin=stale, check=False)
    assert "the object has been modified; please apply your changes to the latest version and try again" in done.stderr


def test_an_image_that_does_not_exist(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("run", "p", "--image=sagong.local/nothing:1", "-n", namespace)
    cluster.kubectl(
        "wait",
        "pod/p",
        "-n",
        namespace,
        "--timeout=60s",
        "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ImagePullBackOff",
    )
    events = cluster.kubectl("get", "events", "-n", namespace)
    for words in ("Failed to pull image", "Error: ErrImagePull", "Back-off pulling image"):
        assert words in events
