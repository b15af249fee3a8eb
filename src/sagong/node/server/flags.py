"""The kubelet's settings under the names that upstream's kubelet has for them on its command line."""

from __future__ import annotations

from collections.abc import Mapping

from sagong.api import flags as as_flags
from sagong.node.config import KubeletConfig

_NAMES = {
    "serverTLSBootstrap": "rotate-server-certificates",
    "authentication.x509.clientCAFile": "client-ca-file",
    "authentication.webhook.enabled": "authentication-token-webhook",
    "authentication.webhook.cacheTTL": "authentication-token-webhook-cache-ttl",
    "authentication.anonymous.enabled": "anonymous-auth",
    "authorization.mode": "authorization-mode",
    "authorization.webhook.cacheAuthorizedTTL": "authorization-webhook-cache-authorized-ttl",
    "authorization.webhook.cacheUnauthorizedTTL": "authorization-webhook-cache-unauthorized-ttl",
    "staticPodPath": "pod-manifest-path",
    "podPidsLimit": "pod-max-pids",
    "imageMinimumGCAge": "minimum-image-ttl-duration",
    "registryPullQPS": "registry-qps",
    "imageGCHighThresholdPercent": "image-gc-high-threshold",
    "imageGCLowThresholdPercent": "image-gc-low-threshold",
    # written in another way below
    **dict.fromkeys(("evictionHard", "evictionSoft", "registerWithTaints"), ""),
    # of the file alone, upstream too: /configz has them
    **dict.fromkeys(("apiVersion", "kind", "imageMaximumGCAge", "nodeStatusReportFrequency", "nodeLeaseDurationSeconds"), ""),
    **dict.fromkeys(("maxParallelImagePulls", "podLogsDir", "containerLogsDir", "crashLoopBackOff"), ""),
    **dict.fromkeys(("shutdownGracePeriod", "shutdownGracePeriodCriticalPods", "shutdownGracePeriodByPodPriority"), ""),
}


def flags(config: KubeletConfig, command: Mapping[str, str]) -> dict[str, str]:
    """Return the settings as flags, with those of the command line."""
    taints = (f"{taint.key}={taint.value}:{taint.effect}" for taint in config.registerWithTaints)
    return {
        **as_flags.flags(config, _NAMES),
        "eviction-hard": _bounds(config.evictionHard),
        "eviction-soft": _bounds(config.evictionSoft),
        "register-with-taints": ",".join(taints),
        **command,
    }


def _bounds(bounds: Mapping[str, str]) -> str:
    return ",".join(f"{signal}<{bounds[signal]}" for signal in sorted(bounds))
