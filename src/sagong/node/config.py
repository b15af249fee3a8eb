"""The kubelet's settings: the fields of upstream's KubeletConfiguration that are honoured, and those that upstream has as flags.

One YAML or JSON file holds both. Durations are Go's ("10s", "1m30s"); `seconds()` reads them.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

import msgspec

EVICTION_SIGNALS = frozenset(
    {"memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree", "pid.available"}
)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?)(h|ms|m|s|us|µs|ns)")


class ConfigError(Exception):
    """The file cannot be used: one line with the cause."""


class X509(msgspec.Struct, kw_only=True):
    """Client certificates that the kubelet's server accepts."""

    clientCAFile: str = ""


class Webhook(msgspec.Struct, kw_only=True):
    """Bearer tokens, checked by the API server's TokenReview."""

    enabled: bool = True
    cacheTTL: str = "2m"


class Anonymous(msgspec.Struct, kw_only=True):
    """Whether callers without credentials are served."""

    enabled: bool = False


class Authentication(msgspec.Struct, kw_only=True):
    """Who may call the kubelet's server."""

    x509: X509 = msgspec.field(default_factory=X509)
    webhook: Webhook = msgspec.field(default_factory=Webhook)
    anonymous: Anonymous = msgspec.field(default_factory=Anonymous)


class AuthorizationWebhook(msgspec.Struct, kw_only=True):
    """For how long answers of SubjectAccessReview are kept."""

    cacheAuthorizedTTL: str = "5m"
    cacheUnauthorizedTTL: str = "30s"


class Authorization(msgspec.Struct, kw_only=True):
    """What callers may do: Webhook asks the API server, AlwaysAllow nobody."""

    mode: str = "Webhook"
    webhook: AuthorizationWebhook = msgspec.field(default_factory=AuthorizationWebhook)


class CrashLoopBackOff(msgspec.Struct, kw_only=True):
    """The longest wait between restarts of one container."""

    maxContainerRestartPeriod: str = "5m"


class ShutdownPeriod(msgspec.Struct, kw_only=True):
    """How long pods of a priority and above have when the node shuts down."""

    priority: int
    shutdownGracePeriodSeconds: int


class NodeTaint(msgspec.Struct, kw_only=True):
    """A taint the node registers itself with."""

    key: str
    effect: str
    value: str = ""
    timeAdded: str | None = None


class KubeletConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All settings of one kubelet. Fields of KubeletConfiguration first, then what upstream has as flags."""

    apiVersion: str = "kubelet.config.k8s.io/v1beta1"
    kind: str = "KubeletConfiguration"
    address: str = "0.0.0.0"
    port: int = 10250
    tlsCertFile: str = ""
    tlsPrivateKeyFile: str = ""
    rotateCertificates: bool = False
    serverTLSBootstrap: bool = False
    authentication: Authentication = msgspec.field(default_factory=Authentication)
    authorization: Authorization = msgspec.field(default_factory=Authorization)
    containerRuntimeEndpoint: str = "unix:///run/containerd/containerd.sock"
    staticPodPath: str = ""
    fileCheckFrequency: str = "20s"
    syncFrequency: str = "1m"
    clusterDNS: list[str] = msgspec.field(default_factory=list)
    clusterDomain: str = "cluster.local"
    resolvConf: str = "/etc/resolv.conf"
    podCIDR: str = ""
    maxPods: int = 110
    podsPerCore: int = 0
    podPidsLimit: int = -1
    oomScoreAdj: int = -999
    cgroupDriver: str = "cgroupfs"
    cgroupRoot: str = "/"
    cgroupsPerQOS: bool = True
    cpuCFSQuota: bool = True
    cpuCFSQuotaPeriod: str = "100ms"
    failSwapOn: bool = False
    kubeReserved: dict[str, str] = msgspec.field(default_factory=dict)
    systemReserved: dict[str, str] = msgspec.field(default_factory=dict)
    evictionHard: dict[str, str] = msgspec.field(
        default_factory=lambda: {
            "memory.available": "100Mi",
            "nodefs.available": "10%",
            "nodefs.inodesFree": "5%",
            "imagefs.available": "15%",
        }
    )
    evictionSoft: dict[str, str] = msgspec.field(default_factory=dict)
    evictionSoftGracePeriod: dict[str, str] = msgspec.field(default_factory=dict)
    evictionMinimumReclaim: dict[str, str] = msgspec.field(default_factory=dict)
    evictionMaxPodGracePeriod: int = 0
    evictionPressureTransitionPeriod: str = "5m"
    imageMinimumGCAge: str = "2m"
    imageMaximumGCAge: str = "0s"
    registryPullQPS: int = 5
    registryBurst: int = 10
    imageGCHighThresholdPercent: int = 85
    imageGCLowThresholdPercent: int = 80
    registerNode: bool = True
    registerWithTaints: list[NodeTaint] = msgspec.field(default_factory=list)
    nodeStatusUpdateFrequency: str = "10s"
    nodeStatusReportFrequency: str = "5m"
    nodeLeaseDurationSeconds: int = 40
    providerID: str = ""
    serializeImagePulls: bool = False
    maxParallelImagePulls: int = 5
    containerLogMaxSize: str = "10Mi"
    containerLogMaxFiles: int = 5
    podLogsDir: str = "/var/log/pods"
    crashLoopBackOff: CrashLoopBackOff = msgspec.field(default_factory=CrashLoopBackOff)
    shutdownGracePeriod: str = "0s"
    shutdownGracePeriodCriticalPods: str = "0s"
    shutdownGracePeriodByPodPriority: list[ShutdownPeriod] = msgspec.field(default_factory=list)
    enableServer: bool = True
    healthzPort: int = 10248
    healthzBindAddress: str = "127.0.0.1"
    allowedUnsafeSysctls: list[str] = msgspec.field(default_factory=list)
    seccompDefault: bool = False
    streamingConnectionIdleTimeout: str = "4h"

    kubeconfig: str = ""
    hostnameOverride: str = ""
    nodeIP: str = ""
    nodeLabels: dict[str, str] = msgspec.field(default_factory=dict)
    rootDir: str = "/var/lib/kubelet"
    containerLogsDir: str = "/var/log/containers"
    imageCredentialProviderConfig: str = ""
    imageCredentialProviderBinDir: str = ""

    @property
    def node_name(self) -> str:
        """Return the node's name: hostnameOverride or the host's name, in lower case."""
        return (self.hostnameOverride or socket.gethostname()).strip().lower()

    def check(self) -> None:
        """Raise ConfigError when fields do not go together."""
        if self.shutdownGracePeriodByPodPriority and seconds(self.shutdownGracePeriod):
            raise ConfigError("shutdownGracePeriod and shutdownGracePeriodByPodPriority exclude each other")
        if seconds(self.shutdownGracePeriodCriticalPods) > seconds(self.shutdownGracePeriod):
            raise ConfigError("shutdownGracePeriodCriticalPods is a part of shutdownGracePeriod and cannot be longer")
        unknown = (self.evictionHard.keys() | self.evictionSoft.keys() | self.evictionMinimumReclaim.keys()) - EVICTION_SIGNALS
        if unknown:
            raise ConfigError(f"unknown eviction signal {', '.join(sorted(unknown))}")
        missing = self.evictionSoft.keys() - self.evictionSoftGracePeriod.keys()
        if missing:
            raise ConfigError(f"evictionSoft has no evictionSoftGracePeriod for {', '.join(sorted(missing))}")

    @property
    def runtime_socket(self) -> str:
        """Return the path of the runtime's socket."""
        return self.containerRuntimeEndpoint.removeprefix("unix://")


def load(path: str) -> KubeletConfig:
    """Read the file. Raises ConfigError."""
    try:
        config = msgspec.yaml.decode(Path(path).read_bytes(), type=KubeletConfig)
    except OSError as error:
        raise ConfigError(f"cannot read the kubelet's configuration {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise ConfigError(f"the kubelet's configuration {path} is not valid: {error}") from error
    config.check()
    return config


def seconds(duration: str) -> float:
    """Return the seconds of a Go duration. Raises ValueError."""
    if duration == "0":
        return 0.0
    if not duration or _PART.sub("", duration):
        raise ValueError(f"invalid duration {duration!r}")
    return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(duration))


def format_duration(whole_seconds: float) -> str:
    """Return Go's form of whole seconds: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(whole_seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else "", f"{rest}s"]
    return "".join(parts)
