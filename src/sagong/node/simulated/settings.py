"""The settings of simulated nodes: one file, which the user may change."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sagong.node.config import ConfigError
from sagong.node.simulated.behaviour import Behaviour, check


class SimulationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What each simulated node has, and how its containers behave."""

    cpus: int = 32
    memory: str = "256Gi"
    disk: str = "1Ti"
    max_pods: int = 110
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    lease_seconds: int = 40
    renew_seconds: float = 25.0
    """twice within the time after which a silent node counts as lost, and no more often: each renewal is a write"""
    report_seconds: float = 300.0
    behaviour: Behaviour = msgspec.field(default_factory=Behaviour)


def load(path: str) -> SimulationSettings:
    """Read the file. Raises ConfigError."""
    try:
        settings = msgspec.json.decode(Path(path).read_bytes(), type=SimulationSettings)
        check(settings.behaviour)
    except OSError as error:
        raise ConfigError(f"cannot read the settings of simulated nodes {path}: {error.strerror}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise ConfigError(f"the settings of simulated nodes {path} are not valid: {error}") from error
    return settings
