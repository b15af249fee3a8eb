from __future__ import annotations

from pathlib import Path

import pytest

from sagong.node.config import ConfigError, format_duration, load, seconds


@pytest.mark.parametrize(
    ("text", "expected"), [("10s", 10), ("1m30s", 90), ("100ms", 0.1), ("2h", 7200), ("1.5h", 5400), ("0", 0), ("0s", 0), ("1h0m1s", 3601)]
)
def test_durations_are_go_s(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "10", "s", "1d", "1s-"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        seconds(text)


def test_durations_are_written_as_go_writes_them() -> None:
    assert [format_duration(value) for value in (10, 80, 160, 300, 3600)] == ["10s", "1m20s", "2m40s", "5m0s", "1h0m0s"]


def test_a_file_is_yaml_or_json_and_read_strictly(tmp_path: Path) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text("kind: KubeletConfiguration\nstaticPodPath: /m\nclusterDNS: [10.96.0.10]\nhostnameOverride: Node-1\n")
    config = load(str(file))
    assert (config.staticPodPath, config.node_name, config.port) == ("/m", "node-1", 10250)
    file.write_text('{"staticPodPaht": "/m"}')
    with pytest.raises(ConfigError, match="unknown field `staticPodPaht`"):
        load(str(file))
    with pytest.raises(ConfigError, match=r"cannot read the kubelet's configuration .*: No such file"):
        load(str(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evictionSoft: {memory.available: 1Gi}", "evictionSoft has no evictionSoftGracePeriod for memory.available"),
        ("evictionHard: {memory.free: 1Gi}", "unknown eviction signal memory.free"),
    ],
)
def test_fields_that_do_not_go_together(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "kubelet.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(str(file))
