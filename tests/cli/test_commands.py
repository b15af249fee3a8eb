"""The command line over recorded operations: what is asked of them, what is printed, which exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sagong.cli.app import build
from sagong.cli.operations import ImageLine, NodeAnswer, OperationError, PartStatus, PodAnswer, Report, StartOptions
from sagong.cli.printers import size, table


class Recorded:
    """Operations that remember how they were called and answer what the test says."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[Any, ...]] = []

    def _answer(self, *call: Any) -> Any:
        self.calls.append(call)
        answer = self.answers.get(call[0])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def start(self, options: StartOptions, report: Report) -> bool:
        report.step("containers run")
        return bool(self._answer("start", options))

    def stop(self, data_dir: str, report: Report) -> bool:
        return bool(self._answer("stop", data_dir))

    def delete(self, data_dir: str, report: Report) -> bool:
        return bool(self._answer("delete", data_dir))

    def status(self, data_dir: str) -> Sequence[PartStatus]:
        return self._answer("status", data_dir) or ()

    def logs(self, data_dir: str, part: str, node: str, *, follow: bool, tail: int) -> Iterator[bytes]:
        return iter(self._answer("logs", part, follow, tail))

    def load_image(self, data_dir: str, archive: str) -> Sequence[str]:
        return list(self._answer("load_image", archive))

    def list_images(self, data_dir: str) -> Sequence[ImageLine]:
        return list(self._answer("list_images"))

    def kubeconfig(self, data_dir: str) -> str:
        return str(self._answer("kubeconfig"))

    def why(self, data_dir: str, kubeconfig: str, namespace: str, pod: str) -> PodAnswer:
        answer: PodAnswer = self._answer("why", kubeconfig, namespace, pod)
        return answer

    def install_packages(self, report: Report, store: str = "") -> None:
        self._answer("install_packages")

    def missing_packages(self, store: str = "") -> Sequence[str]:
        return list(self.answers.get("missing", ()))

    def versions(self) -> dict[str, str]:
        return dict(self._answer("versions"))


def run(operations: Recorded, *arguments: str) -> Result:
    return CliRunner().invoke(build(operations), ["--data-dir", "/data", *arguments])


def test_start_passes_what_is_asked_and_prints_progress() -> None:
    operations = Recorded(start=True)
    result = run(operations, "start", "--node-name", "n", "--api-port", "7000")
    assert operations.calls == [("start", StartOptions("/data", node_name="n", api_port=7000))]
    assert result.exit_code == 0
    assert result.output == '  containers run\nThe cluster is up, context "sagong". Try: kubectl get pods -A\n'


def test_start_of_a_running_cluster_says_so() -> None:
    result = run(Recorded(start=False), "start")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "The cluster is running already.")


def test_an_operation_error_is_one_line_on_standard_error() -> None:
    result = run(Recorded(start=OperationError("port 1 is taken; stop it")), "start")
    assert result.exit_code == 1
    assert result.stderr == "sagong: port 1 is taken; stop it\n"


def test_missing_packages_are_named_and_installed_only_with_consent() -> None:
    operations = Recorded(start=True, missing=["runc", "nftables"])
    refused = run(operations, "start")
    assert refused.exit_code == 1
    assert "not installed: runc nftables; install with `apt-get install runc nftables`" in refused.stderr
    assert operations.calls == []
    assert run(operations, "start", "--yes").exit_code == 0
    assert [call[0] for call in operations.calls] == ["install_packages", "start"]


@pytest.mark.parametrize(("states", "code"), [(["Running", "Running"], 0), (["Running", "Down"], 3), ([], 3)])
def test_status_tells_by_its_exit_code(states: list[str], code: int) -> None:
    parts = [PartStatus(f"part-{n}", state, "x") for n, state in enumerate(states)]
    result = run(Recorded(status=parts), "status")
    assert result.exit_code == code
    assert all(part.name in result.output for part in parts)


@pytest.mark.parametrize(("verb", "yes", "no"), [("stop", "is stopped", "not running"), ("delete", "is deleted", "no cluster to delete")])
def test_stop_and_delete(verb: str, yes: str, no: str) -> None:
    assert yes in run(Recorded(**{verb: True}), verb).output
    assert no in run(Recorded(**{verb: False}), verb).output


def test_images_and_logs() -> None:
    result = run(Recorded(list_images=[ImageLine("a/b:1", "0123", 1_234_567)]), "image", "ls")
    assert result.output == "IMAGE   ID     SIZE\na/b:1   0123   1.2MB\n"
    assert run(Recorded(load_image=["a/b:1"]), "image", "load", "x.tar").output == "Loaded a/b:1\n"
    operations = Recorded(logs=[b"one\n", b"two\n"])
    assert run(operations, "logs", "kube-apiserver", "--tail", "2").output == "one\ntwo\n"
    assert operations.calls == [("logs", "kube-apiserver", False, 2)]
    assert run(operations, "logs", "nothing").exit_code == 2


def test_kubeconfig_and_version() -> None:
    assert run(Recorded(kubeconfig="apiVersion: v1\n"), "kubeconfig").output == "apiVersion: v1\n"
    assert run(Recorded(versions={"sagong": "1", "kubernetes": "v2"}), "version").output == "sagong       1\nkubernetes   v2\n"


def test_tables_and_sizes() -> None:
    assert table(("A", "B"), [("long", ""), ("x", "y")]) == "A      B\nlong\nx      y"
    assert [size(n) for n in (7, 1500, 2_500_000, 3 * 10**9)] == ["7B", "1.5kB", "2.5MB", "3.0GB"]


def test_why_prints_every_objection_and_the_smallest_change() -> None:
    short, taint = ("NodeResourcesFit", "Insufficient cpu", "ask for 1 less cpu"), ("TaintToleration", "untolerated taint", "")
    nodes = [NodeAnswer("a", [short]), NodeAnswer("b", [short, taint]), NodeAnswer("c")]
    operations = Recorded(why=PodAnswer("pod n/p is not scheduled: 0/3.", nodes, "on node a, ask for 1 less cpu"))
    result = run(operations, "why", "pod/p", "-n", "n")
    assert operations.calls == [("why", "", "n", "p")]
    assert result.output.splitlines() == [
        "pod n/p is not scheduled: 0/3.",
        "",
        "NODE   PLUGIN             REASON              WHAT WOULD HELP",
        "a      NodeResourcesFit   Insufficient cpu    ask for 1 less cpu",
        "b      NodeResourcesFit   Insufficient cpu    ask for 1 less cpu",
        "       TaintToleration    untolerated taint   -",
        "c      -                  fits                -",
        "",
        "The smallest change: on node a, ask for 1 less cpu.",
    ]


def test_why_takes_pods_only() -> None:
    result = run(Recorded(), "why", "node/a")
    assert result.exit_code == 2
    assert "'node/a' is not a pod; write pod/NAME" in result.output
