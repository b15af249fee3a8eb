"""The scheduler's own configuration in a cluster: a KubeSchedulerConfiguration in the data directory, the user's own."""

from __future__ import annotations

from pathlib import Path

from sagong.cluster.config import ClusterConfig, ConfigError, write_file


def file(cluster: ClusterConfig) -> Path:
    """Return where it is if there is one."""
    return Path(cluster.data_dir, "etc", "scheduler.yaml")


def check(cluster: ClusterConfig, given: str) -> None:
    """Refuse a file that the scheduler would not start with: the one that is given, otherwise the cluster's."""
    path = Path(given) if given else file(cluster)
    if not given and not path.exists():
        return
    from sagong.cluster import scheduler  # noqa: PLC0415 - numpy is slow to import and only this needs it
    from sagong.scheduler.configuration import ConfigurationError  # noqa: PLC0415 - the same

    try:
        scheduler.check(scheduler.read(str(path)))
    except ConfigurationError as error:
        text = str(error).removeprefix(f"{path}: ")
        raise ConfigError(
            f"{path} is no configuration for the scheduler: {text}; correct it, or give another --scheduler-config"
        ) from error


def keep(cluster: ClusterConfig, given: str) -> None:
    """Make the file that is given the cluster's; without one, what is there stays."""
    if given:
        write_file(file(cluster), Path(given).read_bytes(), 0o600)
