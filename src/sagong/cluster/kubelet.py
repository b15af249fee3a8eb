"""The kubelet as a process: `python -m sagong.cluster.kubelet --config FILE`. It may end at any time: containers go on without it."""

from __future__ import annotations

import argparse
import functools
import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sagong.client.client import Client
from sagong.client.config import ClientConfig, KubeconfigError, load_kubeconfig
from sagong.cluster import process, process_metrics
from sagong.cluster.clock import RealClock, RealRandom
from sagong.node import oom_score
from sagong.node.certificates import adopt
from sagong.node.config import ConfigError, KubeletConfig, load
from sagong.node.kubelet import Kubelet
from sagong.node.node_status import VERSION


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. What keeps it from running is one line on standard error and exit code 1."""
    parser = argparse.ArgumentParser(prog="kubelet", description=__doc__)
    parser.add_argument("--config", required=True, help="a KubeletConfiguration file")
    parser.add_argument("-v", "--verbose", action="store_true", help="log every decision")
    options = parser.parse_args(arguments)
    logging.getLogger("grpc").setLevel(logging.INFO)  # its debug log tells of every call
    failure: BaseException | None = None
    try:
        config = load(options.config)
        client = replace(load_kubeconfig(config.kubeconfig), user_agent="kubelet") if config.kubeconfig else None
        command = {"config": options.config, "verbose": str(options.verbose).lower()}
        process.run(lambda: _run(config, client, command), level=logging.DEBUG if options.verbose else logging.INFO)
    except* (ConfigError, KubeconfigError, OSError) as group:
        failure = _first(group)
    if failure is not None:
        sys.stderr.write(f"kubelet: {failure}\n")
        return 1
    return 0


async def _run(config: KubeletConfig, client_config: ClientConfig | None, command: Mapping[str, str]) -> None:
    if not oom_score.set_own(config.oomScoreAdj):
        logging.getLogger(__name__).info("this host lets no process have the score %s for lack of memory", config.oomScoreAdj)
    clock, random = RealClock(), RealRandom()
    if client_config and client_config.cert and config.rotateCertificates:
        current = Path(config.rootDir, "pki", "kubelet-client-current.pem")
        adopt(current, *client_config.cert, clock.now())
        client_config = replace(client_config, cert=(str(current), str(current)))
    client = Client(client_config, clock=clock, random=random) if client_config else None
    own = functools.partial(process_metrics.own, VERSION)
    kubelet = Kubelet(config, client, clock, random, own, started=process_metrics.started, command=command)
    try:
        await kubelet.run()
    finally:
        await kubelet.close()
        if client:
            await client.close()


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


if __name__ == "__main__":
    sys.exit(main())
