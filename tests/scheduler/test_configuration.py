"""KubeSchedulerConfiguration: what is refused, and which plugins with which weights a profile has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.scheduler.builders import NO_CLIENT, Cluster, Fixed, Objects, node, pod

from sagong.cluster.clock import RealClock
from sagong.cluster.scheduler import check, read
from sagong.scheduler.configuration import ConfigurationError, KubeSchedulerConfiguration, parse
from sagong.scheduler.cycle import Cycle, Placement
from sagong.scheduler.framework import Bind, Filter, NodeFilter, QueueSort, Score, State
from sagong.scheduler.plugins import Tools, default_profile, profiles_of
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile

HEAD = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}
TOOLS = Tools(NO_CLIENT, RealClock(), Objects(), Fixed())
SCORES = [
    ("TaintToleration", 3),
    ("NodeAffinity", 2),
    ("NodeResourcesFit", 1),
    ("PodTopologySpread", 2),
    ("InterPodAffinity", 2),
    ("NodeResourcesBalancedAllocation", 1),
    ("ImageLocality", 1),
]


def configuration(**fields: Any) -> KubeSchedulerConfiguration:
    return parse(json.dumps({**HEAD, **fields}).encode())


def profile(**fields: Any) -> Profile:
    return profiles_of(TOOLS, configuration(profiles=[fields]))[0]


def scores(chosen: Profile) -> list[tuple[str, int]]:
    return [(plugin.name, chosen.weight_of(plugin.name)) for plugin in chosen.at(Score)]


def args(plugin: str, **fields: Any) -> dict[str, Any]:
    return {"profiles": [{"pluginConfig": [{"name": plugin, "args": fields}]}]}


def test_the_default_profile_is_upstreams() -> None:
    chosen = default_profile(TOOLS)
    assert scores(chosen) == SCORES
    assert [plugin.name for plugin in chosen.at(Filter)] == [
        *("NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit"),
        *("PodTopologySpread", "InterPodAffinity", "NodeDeclaredFeatures"),
    ]
    assert [plugin.name for plugin in chosen.at(NodeFilter)] == ["VolumeRestrictions", "NodeVolumeLimits", "VolumeBinding", "VolumeZone"]
    assert [plugin.name for plugin in (*chosen.at(QueueSort), *chosen.at(Bind))] == ["PrioritySort", "DefaultBinder"]


@pytest.mark.parametrize(
    ("plugins", "expected"),
    [
        ({"score": {"disabled": [{"name": "*"}]}}, []),
        ({"score": {"disabled": [{"name": "*"}], "enabled": [{"name": "ImageLocality", "weight": 7}]}}, [("ImageLocality", 7)]),
        ({"score": {"disabled": [{"name": "NodeAffinity"}]}}, [SCORES[0], *SCORES[2:]]),
        ({"multiPoint": {"disabled": [{"name": "NodeAffinity"}]}}, [SCORES[0], *SCORES[2:]]),
        # one that is listed for the point comes first, with the weight given there
        ({"score": {"enabled": [{"name": "NodeResourcesFit", "weight": 5}]}}, [("NodeResourcesFit", 5), *SCORES[:2], *SCORES[3:]]),
        # one that is listed for all points keeps its place
        ({"multiPoint": {"enabled": [{"name": "NodeAffinity", "weight": 9}]}}, [SCORES[0], ("NodeAffinity", 9), *SCORES[2:]]),
        (
            {
                "multiPoint": {
                    "disabled": [{"name": "*"}],
                    "enabled": [{"name": "ImageLocality"}, {"name": "DefaultBinder"}, {"name": "PrioritySort"}],
                }
            },
            [("ImageLocality", 1)],
        ),
    ],
)
def test_plugins_are_merged_with_the_default_ones(plugins: dict[str, Any], expected: list[tuple[str, int]]) -> None:
    assert scores(profile(plugins=plugins)) == expected


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"profles": []}, "strict decoding error: Object contains unknown field `profles`"),
        ({"kind": "Scheduler"}, 'no kind "Scheduler" is registered for version "kubescheduler.config.k8s.io/v1"'),
        ({"profiles": []}, "profiles: Required value"),
        ({"parallelism": 0}, "parallelism: Invalid value: 0: should be an integer value greater than zero"),
        ({"percentageOfNodesToScore": 101}, "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]"),
        ({"podInitialBackoffSeconds": 0}, "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0"),
        (
            {"podInitialBackoffSeconds": 20},
            "podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds",
        ),
        ({"profiles": [{}, {}]}, 'profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"'),
        (
            args("InterPodAffinity", hardPodAffinityWeight=101),
            "profiles[0].pluginConfig[0].args.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]",
        ),
        (
            args("NodeResourcesFit", scoringStrategy={"type": "RequestedToCapacityRatio"}),
            "profiles[0].pluginConfig[0].args.scoringStrategy.shape: Required value: at least one point must be specified",
        ),
        (
            args("PodTopologySpread", defaultConstraints=[{"maxSkew": 1, "topologyKey": "z", "whenUnsatisfiable": "ScheduleAnyway"}]),
            'profiles[0].pluginConfig[0].args.defaultingType: Invalid value: "System": when .defaultConstraints are not empty',
        ),
    ],
)
def test_what_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configuration(**fields)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        ({"score": {"enabled": [{"name": "Gang"}]}}, 'plugin "Gang" does not exist'),
        ({"score": {"enabled": [{"name": "NodePorts"}]}}, 'plugin "NodePorts" does not extend score plugin'),
        ({"bind": {"disabled": [{"name": "*"}]}}, "at least one bind plugin is needed"),
        (
            {"queueSort": {"disabled": [{"name": "*"}]}},
            "only one queue sort plugin required for profile with scheduler name 'default-scheduler'",
        ),
    ],
)
def test_what_no_profile_can_be_made_of(plugins: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        profile(plugins=plugins)


def choice(chosen: Profile, cluster: Cluster, **asked: Any) -> str:
    result = Cycle(chosen, Fixed(), cluster.nominator).schedule(PodInfo.of(pod("p", **asked)), cluster.cache.snapshot())
    assert isinstance(result, Placement), result.message()
    return result.node


def test_the_rating_of_nodes_can_be_chosen() -> None:
    used = Cluster([node("a"), node("b")], [pod("x", cpu="1", memory="1Gi", on="a")])

    def fit(strategy: dict[str, Any]) -> Profile:
        only = {"disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit"}]}
        return profile(plugins={"score": only}, pluginConfig=[{"name": "NodeResourcesFit", "args": {"scoringStrategy": strategy}}])

    assert choice(fit({}), used, cpu="500m") == "b"
    assert choice(fit({"type": "MostAllocated"}), used, cpu="500m") == "a"
    filling = {"shape": [{"utilization": 0, "score": 0}, {"utilization": 100, "score": 10}]}
    assert choice(fit({"type": "RequestedToCapacityRatio", "requestedToCapacityRatio": filling}), used, cpu="500m") == "a"
    sparing = {"shape": [{"utilization": 0, "score": 10}, {"utilization": 100, "score": 0}]}
    assert choice(fit({"type": "RequestedToCapacityRatio", "requestedToCapacityRatio": sparing}), used, cpu="500m") == "b"


def test_ignored_resources_are_not_looked_at() -> None:
    ignoring = profile(pluginConfig=[{"name": "NodeResourcesFit", "args": {"ignoredResourceGroups": ["example.com"]}}])
    assert choice(ignoring, Cluster([node("a")]), **{"example.com__thing": "1"}) == "a"


def test_added_affinity_holds_for_all_pods() -> None:
    term = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    added = {"addedAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    chosen = profile(pluginConfig=[{"name": "NodeAffinity", "args": added}])
    assert choice(chosen, Cluster([node("a"), node("b", disk="ssd")])) == "b"


def test_a_file_is_yaml_and_errors_name_it(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
        "podMaxBackoffSeconds: 20\nprofiles:\n- schedulerName: one\n- schedulerName: two\n  percentageOfNodesToScore: 30\n"
    )
    found = read(str(file))
    assert found.podMaxBackoffSeconds == 20
    assert [(p.name, p.percentage_of_nodes_to_score) for p in profiles_of(TOOLS, found)] == [("one", 0), ("two", 30)]
    file.write_text("kind: {")
    with pytest.raises(ConfigurationError, match=str(file)):
        read(str(file))


@pytest.mark.parametrize(
    ("resources", "used", "asked", "expected"),
    [
        # 25 % and 25 %: even before, 50 % against 25 % after: 50 + (50 + 87 - 100) // 2
        (["cpu", "memory"], {"cpu": "500m", "memory": "1Gi"}, {"cpu": "500m"}, 68),
        # who asks for no GPU does not care: 87 before, 75 after
        (["cpu", "memory", "gpu"], {"cpu": "1", "memory": "1Gi", "gpu": "3"}, {"cpu": "500m", "gpu": "0"}, 69),
        # shares of 0.5, 0.25 and 0.5 deviate by 0.118, of 0.75, 0.25 and 0.75 by 0.236
        (["cpu", "memory", "gpu"], {"cpu": "1", "memory": "1Gi", "gpu": "2"}, {"cpu": "500m", "gpu": "1"}, 69),
        # what no node has does not count
        (["cpu", "memory", "none"], {"cpu": "500m", "memory": "1Gi"}, {"cpu": "500m", "none": "1"}, 68),
    ],
)
def test_the_balance_of_chosen_resources(resources: list[str], used: dict[str, Any], asked: dict[str, Any], expected: int) -> None:
    args = {"resources": [{"name": name} for name in resources]}
    chosen = profile(pluginConfig=[{"name": "NodeResourcesBalancedAllocation", "args": args}])
    cluster = Cluster([node("a", allocatable={"gpu": "4"})], [pod("x", on="a", **used)])
    plugin = next(found for found in chosen.at(Score) if found.name == "NodeResourcesBalancedAllocation")
    snapshot = cluster.cache.snapshot()
    rated = plugin.score(State(), PodInfo.of(pod("p", **asked)), snapshot.nodes, snapshot)
    assert rated is not None
    assert rated.tolist() == [expected]


def test_an_unknown_plugin_keeps_the_process_from_starting() -> None:
    check(configuration())
    with pytest.raises(ConfigurationError, match='plugin "Gang" does not exist'):
        check(configuration(profiles=[{"plugins": {"score": {"enabled": [{"name": "Gang"}]}}}]))
