"""KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): what of it the scheduler follows, and what upstream refuses.

Kept as it is written: defaults are in `plugins`. Fields about serving and debugging are read and have no effect here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from sagong.api.field_errors import OMIT as OMITTED
from sagong.api.field_errors import Errors, text
from sagong.api.types.core import NodeAffinity, TopologySpreadConstraint
from sagong.scheduler.extender_config import ExtenderConfig, check_extenders

VERSION, KIND = "kubescheduler.config.k8s.io/v1", "KubeSchedulerConfiguration"
_PERCENT = range(101)


class ConfigurationError(ValueError):
    """The configuration cannot be followed; the message says which field is wrong."""


class _Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A part of the configuration: unknown fields are refused."""


class PluginRef(_Strict):
    """A plugin by name, `*` for all in a list of disabled ones."""

    name: str
    weight: int = 0


class PluginSet(_Strict):
    """Plugins of one extension point, beside or instead of the default ones."""

    enabled: list[PluginRef] = []
    disabled: list[PluginRef] = []


class Plugins(_Strict):
    """By extension point; multiPoint means all that a plugin has."""

    preEnqueue: PluginSet = msgspec.field(default_factory=PluginSet)
    queueSort: PluginSet = msgspec.field(default_factory=PluginSet)
    preFilter: PluginSet = msgspec.field(default_factory=PluginSet)
    filter: PluginSet = msgspec.field(default_factory=PluginSet)
    postFilter: PluginSet = msgspec.field(default_factory=PluginSet)
    preScore: PluginSet = msgspec.field(default_factory=PluginSet)
    score: PluginSet = msgspec.field(default_factory=PluginSet)
    reserve: PluginSet = msgspec.field(default_factory=PluginSet)
    permit: PluginSet = msgspec.field(default_factory=PluginSet)
    preBind: PluginSet = msgspec.field(default_factory=PluginSet)
    bind: PluginSet = msgspec.field(default_factory=PluginSet)
    postBind: PluginSet = msgspec.field(default_factory=PluginSet)
    multiPoint: PluginSet = msgspec.field(default_factory=PluginSet)


class PluginConfig(_Strict):
    """A plugin's arguments."""

    name: str
    args: msgspec.Raw = msgspec.Raw(b"{}")


class _Args(_Strict):
    """What all arguments may say of themselves."""

    apiVersion: str = ""
    kind: str = ""

    def check(self, errors: Errors, path: str) -> None:
        """Add what is wrong."""


class ResourceSpec(_Strict):
    """A resource that counts in a rating."""

    name: str
    weight: int = 1


class ShapePoint(_Strict):
    """A rating, 0 to 10, at a utilization, 0 to 100."""

    utilization: int
    score: int


class Ratio(_Strict):
    """The rating between its points."""

    shape: list[ShapePoint] = []


def _default_resources() -> list[ResourceSpec]:
    return [ResourceSpec(name="cpu"), ResourceSpec(name="memory")]


class ScoringStrategy(_Strict):
    """How NodeResourcesFit rates."""

    type: str = "LeastAllocated"
    resources: list[ResourceSpec] = msgspec.field(default_factory=_default_resources)
    requestedToCapacityRatio: Ratio | None = None


class NodeResourcesFitArgs(_Args):
    """Resources that are not looked at, and the rating."""

    ignoredResources: list[str] = []
    ignoredResourceGroups: list[str] = []
    scoringStrategy: ScoringStrategy = msgspec.field(default_factory=ScoringStrategy)

    def check(self, errors: Errors, path: str) -> None:
        """Check groups and strategy."""
        for place, group in enumerate(self.ignoredResourceGroups):
            if "/" in group:
                errors.invalid(f"{path}.ignoredResourceGroups[{place}]", group, "resource group name can't contain '/'")
        strategy, at = self.scoringStrategy, f"{path}.scoringStrategy"
        if strategy.type not in ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"):
            errors.not_supported(f"{at}.type", strategy.type, ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"))
        _check_weights(errors, f"{at}.resources", strategy.resources)
        if strategy.type == "RequestedToCapacityRatio":
            _check_shape(errors, f"{at}.shape", strategy.requestedToCapacityRatio.shape if strategy.requestedToCapacityRatio else ())


class NodeResourcesBalancedAllocationArgs(_Args):
    """The resources to be balanced."""

    resources: list[ResourceSpec] = msgspec.field(default_factory=_default_resources)

    def check(self, errors: Errors, path: str) -> None:
        """Check that all weigh the same."""
        for place, resource in enumerate(self.resources):
            if resource.weight != 1:
                errors.invalid(f"{path}.resources[{place}].weight", resource.weight, "must be 1")


class InterPodAffinityArgs(_Args):
    """What others' rules count."""

    hardPodAffinityWeight: int = 1
    ignorePreferredTermsOfExistingPods: bool = False

    def check(self, errors: Errors, path: str) -> None:
        """Check the weight."""
        if self.hardPodAffinityWeight not in _PERCENT:
            errors.invalid(f"{path}.hardPodAffinityWeight", self.hardPodAffinityWeight, "not in valid range [0, 100]")


class PodTopologySpreadArgs(_Args):
    """Constraints for pods that have none."""

    defaultConstraints: list[TopologySpreadConstraint] = []
    defaultingType: str = "System"

    def check(self, errors: Errors, path: str) -> None:
        """Check type and constraints."""
        if self.defaultingType not in ("System", "List"):
            errors.not_supported(f"{path}.defaultingType", self.defaultingType, ("System", "List"))
        elif self.defaultingType == "System" and self.defaultConstraints:
            errors.invalid(f"{path}.defaultingType", "System", "when .defaultConstraints are not empty")
        for place, constraint in enumerate(self.defaultConstraints):
            at = f"{path}.defaultConstraints[{place}]"
            if constraint.maxSkew <= 0:
                errors.invalid(f"{at}.maxSkew", constraint.maxSkew, "not in valid range (0, inf)")
            if not constraint.topologyKey:
                errors.required(f"{at}.topologyKey", "can not be empty")
            if constraint.whenUnsatisfiable not in ("DoNotSchedule", "ScheduleAnyway"):
                errors.not_supported(f"{at}.whenUnsatisfiable", constraint.whenUnsatisfiable, ("DoNotSchedule", "ScheduleAnyway"))
            if constraint.labelSelector is not None:
                errors.forbidden(f"{at}.labelSelector", "constraint must not define a selector, as they deduced for each pod")


class DefaultPreemptionArgs(_Args):
    """How many candidates are enough."""

    minCandidateNodesPercentage: int = 10
    minCandidateNodesAbsolute: int = 100

    def check(self, errors: Errors, path: str) -> None:
        """Check ranges."""
        percentage, absolute = self.minCandidateNodesPercentage, self.minCandidateNodesAbsolute
        if percentage not in _PERCENT:
            errors.invalid(f"{path}.minCandidateNodesPercentage", percentage, "not in valid range [0, 100]")
        if absolute < 0:
            errors.invalid(f"{path}.minCandidateNodesAbsolute", absolute, "not in valid range [0, inf)")
        if percentage == 0 and absolute == 0:
            errors.invalid(path, OMITTED, "cannot have both minCandidateNodesPercentage and minCandidateNodesAbsolute be zero")


class NodeAffinityArgs(_Args):
    """Affinity of all pods of the profile."""

    addedAffinity: NodeAffinity | None = None


class VolumeBindingArgs(_Args):
    """How long binding may take. `shape` needs a feature that is off by default, as upstream's."""

    bindTimeoutSeconds: int = 600
    shape: list[ShapePoint] = []

    def check(self, errors: Errors, path: str) -> None:
        """Check range and shape."""
        if self.bindTimeoutSeconds < 0:
            errors.invalid(
                f"{path}.bindTimeoutSeconds", self.bindTimeoutSeconds, "invalid BindTimeoutSeconds, should not be a negative value"
            )
        if self.shape:
            errors.invalid(f"{path}.shape", OMITTED, "unexpected field, remove it or turn on the feature gate StorageCapacityScoring")


ARGS: dict[str, type[_Args]] = {
    "DefaultPreemption": DefaultPreemptionArgs,
    "InterPodAffinity": InterPodAffinityArgs,
    "NodeAffinity": NodeAffinityArgs,
    "NodeResourcesBalancedAllocation": NodeResourcesBalancedAllocationArgs,
    "NodeResourcesFit": NodeResourcesFitArgs,
    "PodTopologySpread": PodTopologySpreadArgs,
    "VolumeBinding": VolumeBindingArgs,
}


class ProfileConfig(_Strict):
    """A scheduler name and what is different from the default profile."""

    schedulerName: str = "default-scheduler"
    percentageOfNodesToScore: int | None = None
    plugins: Plugins = msgspec.field(default_factory=Plugins)
    pluginConfig: list[PluginConfig] = []

    def args(self, plugin: str) -> Any:
        """Return a plugin's arguments, as defaulted."""
        raw = next((config.args for config in self.pluginConfig if config.name == plugin), msgspec.Raw(b"{}"))
        return msgspec.json.decode(raw, type=ARGS[plugin])

    def ignoring(self, resources: list[str]) -> ProfileConfig:
        """Return the profile with other resources that NodeResourcesFit leaves out."""
        args = msgspec.structs.replace(self.args("NodeResourcesFit"), ignoredResources=resources)
        config = PluginConfig(name="NodeResourcesFit", args=msgspec.Raw(msgspec.json.encode(args)))
        others = [other for other in self.pluginConfig if other.name != config.name]
        return msgspec.structs.replace(self, pluginConfig=[*others, config])


class LeaderElection(_Strict):
    """Whether one of several schedulers works at a time; the lease's name."""

    leaderElect: bool = True
    leaseDuration: str = "15s"
    renewDeadline: str = "10s"
    retryPeriod: str = "2s"
    resourceLock: str = "leases"
    resourceName: str = "kube-scheduler"
    resourceNamespace: str = "kube-system"


class ClientConnection(_Strict):
    """How the API server is reached."""

    kubeconfig: str = ""
    acceptContentTypes: str = ""
    contentType: str = ""
    qps: float = 0
    burst: int = 0


class KubeSchedulerConfiguration(_Strict):
    """The whole file."""

    apiVersion: str = VERSION
    kind: str = KIND
    parallelism: int = 16
    leaderElection: LeaderElection = msgspec.field(default_factory=LeaderElection)
    clientConnection: ClientConnection = msgspec.field(default_factory=ClientConnection)
    enableProfiling: bool = True
    enableContentionProfiling: bool = True
    percentageOfNodesToScore: int | None = None
    podInitialBackoffSeconds: int = 1
    podMaxBackoffSeconds: int = 10
    profiles: list[ProfileConfig] = msgspec.field(default_factory=lambda: [ProfileConfig()])
    extenders: list[ExtenderConfig] = []
    delayCacheUntilActive: bool = False

    def profile_configs(self) -> list[ProfileConfig]:
        """Return the profiles; resources that an extender alone counts are ignored in each, instead of what its arguments say."""
        resources = [resource for extender in self.extenders for resource in extender.managedResources]
        ignored = [resource.name for resource in resources if resource.ignoredByScheduler]
        return [profile.ignoring(ignored) for profile in self.profiles] if ignored else self.profiles


def parse(document: bytes, duplicates: Sequence[str] = ()) -> KubeSchedulerConfiguration:
    """Decode JSON and check; `duplicates` is what was found when it was made from YAML. Raises ConfigurationError."""
    if duplicates:
        raise ConfigurationError(f"strict decoding error: {', '.join(duplicates)}")
    try:
        found = msgspec.json.decode(document, type=KubeSchedulerConfiguration)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"strict decoding error: {error}") from error
    if (found.apiVersion, found.kind) != (VERSION, KIND):
        raise ConfigurationError(f'no kind "{found.kind}" is registered for version "{found.apiVersion}"')
    errors = Errors()
    _check(errors, found)
    if errors:
        raise ConfigurationError(text(errors))
    return found


def _check(errors: Errors, found: KubeSchedulerConfiguration) -> None:
    if found.parallelism <= 0:
        errors.invalid("parallelism", found.parallelism, "should be an integer value greater than zero")
    if not found.profiles:
        errors.required("profiles")
    if found.leaderElection.resourceLock != "leases":
        errors.invalid("leaderElection.resourceLock", found.leaderElection.resourceLock, 'resourceLock value must be "leases"')
    _check_percentage(errors, "percentageOfNodesToScore", found.percentageOfNodesToScore)
    if found.podInitialBackoffSeconds <= 0:
        errors.invalid("podInitialBackoffSeconds", found.podInitialBackoffSeconds, "must be greater than 0")
    if found.podMaxBackoffSeconds < found.podInitialBackoffSeconds:
        errors.invalid("podMaxBackoffSeconds", found.podMaxBackoffSeconds, "must be greater than or equal to PodInitialBackoffSeconds")
    check_extenders(errors, "extenders", found.extenders)
    names: dict[str, int] = {}
    for place, profile in enumerate(found.profiles):
        path = f"profiles[{place}]"
        if not profile.schedulerName:
            errors.required(f"{path}.schedulerName")
        if profile.schedulerName in names:
            errors.duplicate(f"{path}.schedulerName", f"profiles[{names[profile.schedulerName]}].schedulerName")
        names.setdefault(profile.schedulerName, place)
        _check_percentage(errors, f"{path}.percentageOfNodesToScore", profile.percentageOfNodesToScore)
        _check_args(errors, path, profile)
        if profile.plugins.queueSort != found.profiles[0].plugins.queueSort:
            errors.invalid(f"{path}.plugins.queueSort", OMITTED, "must be the same for all profiles")


def _check_args(errors: Errors, path: str, profile: ProfileConfig) -> None:
    seen: set[str] = set()
    for place, config in enumerate(profile.pluginConfig):
        at = f"{path}.pluginConfig[{place}]"
        if config.name in seen:
            errors.duplicate(at, config.name)
        seen.add(config.name)
        kind = ARGS.get(config.name)
        if kind is None:
            errors.invalid(f"{at}.args", config.name, "has to match plugin args")
            continue
        try:
            args = msgspec.json.decode(config.args, type=kind)
        except msgspec.MsgspecError as error:
            errors.invalid(f"{at}.args", OMITTED, f"decoding args for plugin {config.name}: {error}")
            continue
        args.check(errors, f"{at}.args")


def _check_percentage(errors: Errors, path: str, percentage: int | None) -> None:
    if percentage is not None and percentage not in _PERCENT:
        errors.invalid(path, percentage, "not in valid range [0-100]")


def _check_weights(errors: Errors, path: str, resources: Sequence[ResourceSpec]) -> None:
    for place, resource in enumerate(resources):
        if not 1 <= resource.weight <= 100:  # noqa: PLR2004 - upstream's bounds
            detail = f"resource weight of {resource.name} not in valid range [1, 100]"
            errors.invalid(f"{path}[{place}].weight", resource.weight, detail)


def _check_shape(errors: Errors, path: str, shape: Sequence[ShapePoint]) -> None:
    if not shape:
        errors.required(path, "at least one point must be specified")
    for place, point in enumerate(shape):
        if point.utilization not in _PERCENT:
            errors.invalid(f"{path}[{place}].utilization", point.utilization, "not in valid range [0, 100]")
        if place and point.utilization <= shape[place - 1].utilization:
            errors.invalid(f"{path}[{place}].utilization", point.utilization, "utilization values must be sorted in increasing order")
        if point.score not in range(11):
            errors.invalid(f"{path}[{place}].score", point.score, "not in valid range [0, 10]")
