"""The scheduler's process: `python -m sagong.cluster.scheduler --kubeconfig FILE --pki DIR --port PORT [--config FILE]`.

The configuration is upstream's KubeSchedulerConfiguration, as YAML or JSON.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: no linear algebra here, and each thread costs memory

from sagong.api.go_values import parse_duration
from sagong.client.client import Client
from sagong.client.config import ClientConfig, load_kubeconfig
from sagong.client.leader import LeaseTimes
from sagong.cluster import election, process
from sagong.cluster.clock import RealClock, RealRandom
from sagong.scheduler.app import Scheduler
from sagong.scheduler.configuration import ConfigurationError, KubeSchedulerConfiguration, parse
from sagong.scheduler.extenders import Extender
from sagong.scheduler.plugins import Tools, profiles_of
from sagong.scheduler.profile import Profile
from sagong.scheduler.queue import Backoff
from sagong.scheduler.sources import Sources


def read(path: str) -> KubeSchedulerConfiguration:
    """Read a configuration file; without one, the defaults hold. Raises ConfigurationError with the path."""
    if not path:
        return KubeSchedulerConfiguration()
    from sagong.api.yaml_decode import YamlError, yaml_to_json  # noqa: PLC0415 - without a file nobody pays for the YAML library

    try:
        document, duplicates = yaml_to_json(Path(path).read_bytes())
        return parse(document, duplicates)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except (YamlError, ConfigurationError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def check(configuration: KubeSchedulerConfiguration) -> None:
    """Make profiles and extenders once, to hear of what is not there before anything runs. Raises ConfigurationError."""
    for extender in configuration.extenders:
        Extender(extender).close()
    client = Client(ClientConfig("https://localhost"), clock=RealClock(), random=RealRandom())
    profiles_of(Tools(client, RealClock(), Sources(client), RealRandom()), configuration)


def elected(configuration: KubeSchedulerConfiguration) -> election.Election:
    """Return the configuration's leader election. Raises ValueError for durations that cannot be read."""
    wanted = configuration.leaderElection
    times = LeaseTimes(parse_duration(wanted.leaseDuration), parse_duration(wanted.renewDeadline), parse_duration(wanted.retryPeriod))
    return election.Election(wanted.resourceName, wanted.resourceNamespace, times, wanted.leaderElect)


def main() -> int:
    """Schedule while the lease is ours; what keeps it from starting is one line on stderr."""
    parser = argparse.ArgumentParser(prog="kube-scheduler")
    parser.add_argument("--kubeconfig", default="", help="the configuration's clientConnection.kubeconfig unless given")
    parser.add_argument("--pki", required=True, type=Path)
    parser.add_argument("--port", type=int, default=10259)
    parser.add_argument("--config", default="", help="a KubeSchedulerConfiguration")
    election.add_flags(parser)
    options = parser.parse_args()
    health = process.HealthPort(options.port, certificate=options.pki / "scheduler.crt", key=options.pki / "scheduler.key")
    try:
        configuration = read(options.config)
        check(configuration)
        chosen = election.chosen(options, elected(configuration))
    except (ConfigurationError, ValueError) as error:
        sys.stderr.write(f"kube-scheduler cannot start: {error}\n")
        return 1
    running: list[Scheduler] = []

    def profiles(tools: Tools) -> list[Profile]:
        return profiles_of(tools, configuration)

    async def work(client: Client) -> None:
        backoff = Backoff(float(configuration.podInitialBackoffSeconds), float(configuration.podMaxBackoffSeconds))
        extenders = [Extender(extender) for extender in configuration.extenders]
        scheduler = Scheduler(client, clock=RealClock(), random=RealRandom(), profiles=profiles, backoff=backoff, extenders=extenders)
        running.append(scheduler)
        await scheduler.run()

    def flags() -> dict[str, str]:
        return election.shown(options, {"port": "secure-port"}, chosen)

    def page(path: str) -> bytes | None:
        return running[-1].page(path) if running else None

    kubeconfig = load_kubeconfig(options.kubeconfig or configuration.clientConnection.kubeconfig)
    process.run(lambda: process.lead(kubeconfig, "kube-scheduler", health, work, page, election=chosen, flags=flags))
    return 0


if __name__ == "__main__":
    sys.exit(main())
