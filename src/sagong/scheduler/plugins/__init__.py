"""Scheduler plugins, one file each, and the table of the default profile: upstream's default plugins, in order, with weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sagong.api.clock import Clock, Random
from sagong.client.client import Client
from sagong.scheduler.framework import Listers
from sagong.scheduler.plugins.balanced_allocation import BalancedAllocation
from sagong.scheduler.plugins.default_preemption import DefaultPreemption
from sagong.scheduler.plugins.image_locality import ImageLocality
from sagong.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from sagong.scheduler.plugins.node_affinity import NodeAffinity
from sagong.scheduler.plugins.node_name import NodeName
from sagong.scheduler.plugins.node_ports import NodePorts
from sagong.scheduler.plugins.node_unschedulable import NodeUnschedulable
from sagong.scheduler.plugins.node_volume_limits import NodeVolumeLimits
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
    is_preempting: Callable[[str], bool] = lambda _: False
    """Whether the preemption for a pod, by uid, is still being carried out."""


def default_profile(tools: Tools, name: str = "default-scheduler") -> Profile:
    """Return upstream's default plugins."""
    listers, volumes = tools.listers, Volumes(tools.listers)
    writer = VolumeWriter(tools.client, tools.clock, listers, volumes)
    return Profile(
        name,
        (
            (SchedulingGates(), 0),
            (NodeUnschedulable(), 0),
            (NodeName(), 0),
            (TaintToleration(), 3),
            (NodeAffinity(), 2),
            (NodePorts(), 0),
            (ResourcesFit(), 1),
            (VolumeRestrictions(listers), 0),
            (NodeVolumeLimits(listers), 0),
            (VolumeBinding(Chooser(listers, volumes), volumes, writer), 0),
            (VolumeZone(listers), 0),
            (TopologySpread(listers), 2),
            (InterPodAffinity(), 2),
            (DefaultPreemption(listers, tools.random, tools.is_preempting), 0),
            (BalancedAllocation(), 1),
            (ImageLocality(), 1),
        ),
    )
