"""The kubelet as a process: `python -m sagong.cluster.kubelet --config FILE`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys

import uvloop

from sagong.client.client import Client
from sagong.client.config import KubeconfigError, load_kubeconfig
from sagong.cluster.clock import RealClock, RealRandom
from sagong.node.config import ConfigError, KubeletConfig, load
from sagong.node.kubelet import Kubelet

log = logging.getLogger("sagong.kubelet")


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; containers stay as they are. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="kubelet", description=__doc__)
    parser.add_argument("--config", required=True, help="a KubeletConfiguration file")
    parser.add_argument("-v", "--verbose", action="store_true", help="log every decision")
    options = parser.parse_args(arguments)
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        config = load(options.config)
        client_config = load_kubeconfig(config.kubeconfig) if config.kubeconfig else None
    except (ConfigError, KubeconfigError) as error:
        sys.stderr.write(f"kubelet: {error}\n")
        return 1
    clock, random = RealClock(), RealRandom()
    client = Client(client_config, clock=clock, random=random) if client_config else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(config, client, clock, random))
    return 0


async def _serve(config: KubeletConfig, client: Client | None, clock: RealClock, random: RealRandom) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    kubelet = Kubelet(config, client, clock, random)
    try:
        await kubelet.run()
    except asyncio.CancelledError:
        log.info("stopped; containers go on")
    finally:
        await kubelet.close()
        if client:
            await client.close()


if __name__ == "__main__":
    sys.exit(main())
