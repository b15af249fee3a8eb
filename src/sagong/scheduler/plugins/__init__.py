"""Scheduler plugins, one file each, the table of all of them, and the profiles that a configuration makes of it.

The table's order and weights are upstream's default profile. A plugin is made once for each profile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagong.api.clock import Clock, Random
from sagong.client.client import Client
from sagong.scheduler import framework
from sagong.scheduler.configuration import (
    ConfigurationError,
    KubeSchedulerConfiguration,
    NodeResourcesFitArgs,
    PluginRef,
    PluginSet,
    PodTopologySpreadArgs,
    ProfileConfig,
)
from sagong.scheduler.framework import Listers
from sagong.scheduler.permits import WaitingPods
from sagong.scheduler.plugins.balanced_allocation import BalancedAllocation
from sagong.scheduler.plugins.default_binder import DefaultBinder
from sagong.scheduler.plugins.default_preemption import DefaultPreemption, NoPreemptions, Preemptions
from sagong.scheduler.plugins.image_locality import ImageLocality
from sagong.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from sagong.scheduler.plugins.node_affinity import NodeAffinity
from sagong.scheduler.plugins.node_declared_features import NodeDeclaredFeatures
from sagong.scheduler.plugins.node_name import NodeName
from sagong.scheduler.plugins.node_ports import NodePorts
from sagong.scheduler.plugins.node_unschedulable import NodeUnschedulable
from sagong.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from sagong.scheduler.plugins.priority_sort import PrioritySort
from sagong.scheduler.plugins.resources_fit import ResourcesFit
from sagong.scheduler.plugins.scheduling_gates import SchedulingGates
from sagong.scheduler.plugins.taint_toleration import TaintToleration
from sagong.scheduler.plugins.topology_spread import TopologySpread
from sagong.scheduler.plugins.volume_binding import VolumeBinding
from sagong.scheduler.plugins.volume_restrictions import VolumeRestrictions
from sagong.scheduler.plugins.volume_zone import VolumeZone
from sagong.scheduler.profile import Profile
from sagong.scheduler.volume_choice import Chooser
from sagong.scheduler.volume_writer import VolumeWriter
from sagong.scheduler.volumes import Volumes


@dataclass(frozen=True, slots=True)
class Tools:
    """What plugins are made with."""

    client: Client
    clock: Clock
    listers: Listers
    random: Random
    preemptions: Preemptions = field(default_factory=NoPreemptions)
    """Those that are still being carried out."""
    waiting: WaitingPods = field(default_factory=WaitingPods)
    """The pods that wait for permits."""


Make = Callable[[Tools, ProfileConfig], Any]
Registry = Mapping[str, tuple[Make, int]]
"""By name: how a plugin is made, and its weight in the default profile."""


def _volume_binding(tools: Tools, config: ProfileConfig) -> VolumeBinding:
    volumes, timeout = Volumes(tools.listers), float(config.args("VolumeBinding").bindTimeoutSeconds)
    writer = VolumeWriter(tools.client, tools.clock, tools.listers, volumes, timeout)
    return VolumeBinding(Chooser(tools.listers, volumes), volumes, writer)


def _resources_fit(_: Tools, config: ProfileConfig) -> ResourcesFit:
    args: NodeResourcesFitArgs = config.args("NodeResourcesFit")
    strategy = args.scoringStrategy
    ratio = strategy.requestedToCapacityRatio
    return ResourcesFit(
        {resource.name: resource.weight for resource in strategy.resources},
        strategy=strategy.type,
        shape=[(point.utilization, point.score) for point in ratio.shape] if ratio else (),
        ignored=args.ignoredResources,
        ignored_groups=args.ignoredResourceGroups,
    )


def _topology_spread(tools: Tools, config: ProfileConfig) -> TopologySpread:
    args: PodTopologySpreadArgs = config.args("PodTopologySpread")
    return TopologySpread(tools.listers, args.defaultConstraints if args.defaultingType == "List" else None)


def _inter_pod_affinity(_: Tools, config: ProfileConfig) -> InterPodAffinity:
    args = config.args("InterPodAffinity")
    return InterPodAffinity(hard_weight=args.hardPodAffinityWeight, ignore_preferred_of_others=args.ignorePreferredTermsOfExistingPods)


def _default_preemption(tools: Tools, config: ProfileConfig) -> DefaultPreemption:
    args = config.args("DefaultPreemption")
    percentage, absolute = args.minCandidateNodesPercentage, args.minCandidateNodesAbsolute
    return DefaultPreemption(tools.listers, tools.random, tools.preemptions, min_percentage=percentage, min_absolute=absolute)


def _balanced(_: Tools, config: ProfileConfig) -> BalancedAllocation:
    return BalancedAllocation([resource.name for resource in config.args("NodeResourcesBalancedAllocation").resources])


REGISTRY: Registry = {
    "SchedulingGates": (lambda _tools, _config: SchedulingGates(), 0),
    "PrioritySort": (lambda _tools, _config: PrioritySort(), 0),
    "NodeUnschedulable": (lambda _tools, _config: NodeUnschedulable(), 0),
    "NodeName": (lambda _tools, _config: NodeName(), 0),
    "TaintToleration": (lambda _tools, _config: TaintToleration(), 3),
    "NodeAffinity": (lambda _tools, config: NodeAffinity(config.args("NodeAffinity").addedAffinity), 2),
    "NodePorts": (lambda _tools, _config: NodePorts(), 0),
    "NodeResourcesFit": (_resources_fit, 1),
    "VolumeRestrictions": (lambda tools, _config: VolumeRestrictions(tools.listers), 0),
    "NodeVolumeLimits": (lambda tools, _config: NodeVolumeLimits(tools.listers), 0),
    "VolumeBinding": (_volume_binding, 0),
    "VolumeZone": (lambda tools, _config: VolumeZone(tools.listers), 0),
    "PodTopologySpread": (_topology_spread, 2),
    "InterPodAffinity": (_inter_pod_affinity, 2),
    "DefaultPreemption": (_default_preemption, 0),
    "NodeResourcesBalancedAllocation": (_balanced, 1),
    "ImageLocality": (lambda _tools, _config: ImageLocality(), 1),
    "DefaultBinder": (lambda tools, _config: DefaultBinder(tools.client), 0),
    "NodeDeclaredFeatures": (lambda _tools, _config: NodeDeclaredFeatures(), 0),
}

_POINTS: Mapping[str, tuple[type[Any], ...]] = {
    "preEnqueue": (framework.PreEnqueue,),
    "queueSort": (framework.QueueSort,),
    "preFilter": (framework.PreFilter,),
    "filter": (framework.Filter, framework.NodeFilter),
    "postFilter": (framework.PostFilter,),
    "score": (framework.Score,),
    "reserve": (framework.Reserve,),
    "permit": (framework.Permit,),
    "preBind": (framework.PreBind,),
    "bind": (framework.Bind,),
    "postBind": (framework.PostBind,),
}


def default_profile(tools: Tools, name: str = "default-scheduler") -> Profile:
    """Return upstream's default plugins."""
    return profile_of(tools, ProfileConfig(schedulerName=name))


def profiles_of(tools: Tools, configuration: KubeSchedulerConfiguration, registry: Registry = REGISTRY) -> list[Profile]:
    """Return the profiles of a configuration. Raises ConfigurationError."""
    percentage = configuration.percentageOfNodesToScore or 0
    return [profile_of(tools, profile, percentage, registry) for profile in configuration.profile_configs()]


def profile_of(tools: Tools, config: ProfileConfig, percentage: int = 0, registry: Registry = REGISTRY) -> Profile:
    """Merge a profile's configuration with the default plugins, as upstream does. Raises ConfigurationError."""
    default = PluginSet(enabled=[PluginRef(name=name, weight=weight) for name, (_, weight) in REGISTRY.items()])
    multi = _merged(default, config.plugins.multiPoint)
    sets: dict[str, PluginSet] = {point: getattr(config.plugins, point) for point in _POINTS}
    weights = {ref.name: ref.weight for own in (multi, *sets.values()) for ref in own.enabled if ref.weight or own is multi}
    names = dict.fromkeys(ref.name for own in (multi, *sets.values()) for ref in own.enabled)
    for name in names:
        if name not in registry:
            raise ConfigurationError(f'plugin "{name}" does not exist')
    made = {name: registry[name][0](tools, config) for name in names}
    points: dict[type[Any], Sequence[Any]] = {}
    for point, protocols in _POINTS.items():
        order = _order(point, [ref.name for ref in multi.enabled], sets[point], made, protocols)
        for protocol in protocols:
            points[protocol] = [made[name] for name in order if isinstance(made[name], protocol)]
    if not points[framework.Bind]:
        raise ConfigurationError("at least one bind plugin is needed")
    if len(points[framework.QueueSort]) != 1:
        raise ConfigurationError(f"only one queue sort plugin required for profile with scheduler name {config.schedulerName!r}")
    own = percentage if config.percentageOfNodesToScore is None else config.percentageOfNodesToScore
    plugins = [(made[name], weights.get(name, 0) or 1) for name in names]
    return Profile(config.schedulerName, plugins, percentage_of_nodes_to_score=own, points=points)


def _merged(default: PluginSet, custom: PluginSet) -> PluginSet:
    """Leave out what is disabled, put what is configured anew in the place of the default, and add the rest."""
    disabled = {ref.name for ref in custom.disabled}
    configured = {ref.name: ref for ref in custom.enabled}
    kept = [configured.get(ref.name, ref) for ref in default.enabled if "*" not in disabled and ref.name not in disabled]
    known = {ref.name for ref in kept}
    return PluginSet(enabled=[*kept, *(ref for ref in custom.enabled if ref.name not in known)])


def _order(point: str, multi: Iterable[str], own: PluginSet, made: Mapping[str, Any], protocols: tuple[type[Any], ...]) -> Sequence[str]:
    """Return who takes part in a point: first those of all points that are listed for this one too, then the others, then the rest."""
    listed, disabled = [ref.name for ref in own.enabled], {ref.name for ref in own.disabled}
    for name in listed:
        if not isinstance(made[name], protocols):
            raise ConfigurationError(f'plugin "{name}" does not extend {point} plugin')
    if "*" in disabled:
        return listed
    able = [name for name in multi if isinstance(made[name], protocols) and name not in disabled]
    both = [name for name in listed if name in able]
    return [*both, *(name for name in able if name not in listed), *(name for name in listed if name not in able)]
