"""From kubelets' text to what is used."""

from __future__ import annotations

import pytest

from sagong.api.go_values import format_duration
from sagong.metrics.objects import node_metrics, pod_metrics, table
from sagong.metrics.scrape import PodKey, Sample, Scrape, parse
from sagong.metrics.usage import History

TEXT = r"""
# HELP node_cpu_usage_seconds_total Cumulative cpu time
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 100.5 1700000000000
node_memory_working_set_bytes 2.097152e+06
container_cpu_usage_seconds_total{container="app",namespace="ns",pod="web"} 3
container_memory_working_set_bytes{container="app",namespace="ns",pod="web"} 1048576
container_start_time_seconds{container="app",namespace="ns",pod="web"} 1.7e+09
container_cpu_usage_seconds_total{container="odd \"name\"",namespace="ns",pod="web"} 1
pod_cpu_usage_seconds_total{namespace="ns",pod="web"} 3
broken{ 1
resource_scrape_error 0
node_cpu_usage_seconds_total not-a-number
"""
WEB = PodKey("ns", "web")


def scrape(at: float, cpu: float, *, memory: float = 1024.0, began: float = 50.0, container: str = "app") -> Scrape:
    return Scrape(at, Sample(cpu * 10, 4096), {WEB: {container: Sample(cpu, memory, began)}})


def history(*scrapes: Scrape) -> History:
    found = History()
    for one in scrapes:
        found.add("n1", one)
    return found


def test_text_is_read() -> None:
    found = parse(TEXT, 7.0)
    assert (found.at, found.node) == (7.0, Sample(100.5, 2097152))
    assert found.pods == {WEB: {"app": Sample(3, 1048576, 1.7e9), 'odd "name"': Sample(1)}}


def test_cores_are_a_difference_over_time() -> None:
    known = history(scrape(100, 1), scrape(115, 4))
    pod, node = known.pod(WEB), known.node("n1")
    assert pod is not None
    assert node is not None
    assert (pod.of["app"].cores, pod.of["app"].memory, pod.window) == (0.2, 1024, 15)
    assert node.of[""].cores == 2


@pytest.mark.parametrize(
    ("scrapes", "cores"),
    [
        ((scrape(100, 1),), 0.02),
        ((scrape(55, 1),), None),
        ((scrape(100, 1, began=0),), None),
        ((scrape(100, 9), scrape(115, 4)), None),
        ((scrape(100, 9), scrape(115, 2, began=105)), 0.2),
        ((scrape(100, 9), scrape(115, 2, began=110)), None),
        ((scrape(100, 1), scrape(115, 4, memory=0)), None),
        ((scrape(100, 1, container="other"), scrape(115, 1)), 1 / 65),
        ((scrape(100, 1), scrape(115, 4), scrape(115, 40)), 0.2),
    ],
    ids=["since its start", "too young", "start unknown", "went back", "restarted", "just restarted", "no memory", "new", "same moment"],
)
def test_what_is_known_of_a_container(scrapes: tuple[Scrape, ...], cores: float | None) -> None:
    found = history(*scrapes).pod(WEB)
    assert (None if found is None else found.of["app"].cores) == cores


def test_one_unknown_container_hides_its_pod() -> None:
    newer = scrape(115, 4)
    newer.pods[WEB]["late"] = Sample(0.1, 10, 114)
    assert history(scrape(100, 1), newer).pod(WEB) is None


def test_pods_and_nodes_are_forgotten() -> None:
    known = history(scrape(100, 1), scrape(115, 4))
    known.add("n2", Scrape(115, Sample(1, 1), {PodKey("ns", "b"): {"app": Sample(1, 1, 1)}}))
    known.add("n1", Scrape(130, Sample(50, 1)))
    assert known.pod(WEB) is None
    known.forget({"n1"}, 0)
    assert known.pod(PodKey("ns", "b")) is None
    known.forget({"n1"}, 131)
    assert known.empty


@pytest.mark.parametrize(
    ("seconds", "text"), [(15.0234, "15.023s"), (15, "15s"), (60, "1m0s"), (75.5, "1m15.5s"), (3600, "1h0m0s"), (0.5, "500ms")]
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_objects_and_tables() -> None:
    known = history(scrape(100, 1, memory=1536), scrape(115, 4, memory=1536))
    pod, node = known.pod(WEB), known.node("n1")
    assert pod is not None
    assert node is not None
    found = pod_metrics("ns", "web", {"app": "x"}, pod)
    assert found.containers[0].usage == {"cpu": "200m", "memory": "1536"}
    assert (found.timestamp, found.window, found.metadata.labels) == ("1970-01-01T00:01:55Z", "15s", {"app": "x"})
    assert node_metrics("n1", {}, node).usage == {"cpu": "2", "memory": "4Ki"}
    shown = table([found], "v1")
    assert [column["name"] for column in shown["columnDefinitions"]] == ["Name", "cpu", "memory", "Window"]
    assert shown["rows"][0]["cells"] == ["web", "200m", "1536", "15s"]
