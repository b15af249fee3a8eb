"""Which of upstream's features there are, for metrics: none of them can be turned off."""

from __future__ import annotations

from collections.abc import Mapping

from sagong.api.exposition import Metric

GENERAL, IN_BETA = "", "BETA"
FEATURES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("AnonymousAuthConfigurableEndpoints", "AuthorizeWithSelectors", "ConsistentListFromCache", "ImageVolume"),
            *("InPlacePodVerticalScaling", "JobManagedBy", "JobSuccessPolicy", "MultiCIDRServiceAllocator", "MutatingAdmissionPolicy"),
            *("OrderedNamespaceDeletion", "PodLifecycleSleepAction", "PodSchedulingReadiness", "PreferSameTrafficDistribution"),
            *("RecursiveReadOnlyMounts", "RetryGenerateName", "SidecarContainers", "StreamingCollectionEncodingToJSON"),
            *("StructuredAuthenticationConfiguration", "SupplementalGroupsPolicy", "UserNamespacesSupport", "VolumeAttributesClass"),
        ),
        GENERAL,
    ),
    **dict.fromkeys(
        (
            "ComponentFlagz",
            "ComponentStatusz",
            "HPAConfigurableTolerance",
            "MatchLabelKeysInPodTopologySpread",
            "PodLevelResources",
            "WatchList",
        ),
        IN_BETA,
    ),
}
"""Upstream's names of what there is, and whether upstream still calls it beta."""


def enabled() -> Metric:
    """Return which features are on: all that there are."""
    family = Metric(
        "kubernetes_feature_enabled", "gauge", "Whether a feature is on, and at what stage it is; no stage: it is here to stay."
    )
    for name, stage in FEATURES.items():
        family.add(1, name=name, stage=stage)
    return family
