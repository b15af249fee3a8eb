"""Directories of logs are found by the pods' uids."""

from __future__ import annotations

from pathlib import Path

from tests.node.builders import pod

from sagong.node.logs_layout import LogFiles


def test_directories_of_pods_are_found_without_their_names(tmp_path: Path) -> None:
    logs = LogFiles(tmp_path / "pods", tmp_path / "containers")
    assert list(logs.pod_uids()) == []
    logs.make(pod("{}"), "c")
    (logs.pods / "lost+found").mkdir()
    assert list(logs.pod_uids()) == ["u1"]
    assert list(logs.of_pod("u1")) == [tmp_path / "pods" / "ns_p_u1"]
    assert list(logs.of_pod("u")) == []
