"""The process of all simulated nodes: `python -m sagong.cluster.simulated_nodes --kubeconfig FILE --name NAME --count N ...`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace

from sagong.client.client import Client
from sagong.client.config import ClientConfig, KubeconfigError, load_kubeconfig
from sagong.cluster import process
from sagong.cluster.clock import RealClock, RealRandom
from sagong.node.config import ConfigError
from sagong.node.server.app import Tls
from sagong.node.server.auth import AuthSettings, Gatekeeper
from sagong.node.simulated.fleet import Fleet
from sagong.node.simulated.server import SimulatedServer
from sagong.node.simulated.settings import SimulationSettings, load


def main() -> None:
    """Run until SIGTERM."""
    options = _options()
    try:
        client = replace(load_kubeconfig(options.kubeconfig), user_agent="simulated-nodes")
        settings = load(options.config) if options.config else SimulationSettings()
    except (KubeconfigError, ConfigError) as error:
        sys.exit(f"simulated-nodes: {error}")
    process.run(lambda: _run(options, client, settings))


async def _run(options: argparse.Namespace, config: ClientConfig, settings: SimulationSettings) -> None:
    clock, random = RealClock(), RealRandom()
    names = [f"{options.name}-{number}" for number in range(options.first, options.first + options.count)]
    async with Client(config, clock=clock, random=random) as client:
        fleet = Fleet(client, names, settings, clock, random, address=options.address, port=options.port)
        server = SimulatedServer(fleet, Gatekeeper(client, names[0], clock, AuthSettings()))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.run("0.0.0.0", options.port, Tls(options.certificate, options.key, options.client_ca)))
            await client.wait_ready()
            group.create_task(fleet.run())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulated-nodes")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--config", default="", help="a JSON file with the nodes' sizes and their containers' behaviour")
    parser.add_argument("--name", required=True, help="what the nodes are called, before -NUMBER")
    parser.add_argument("--first", type=int, default=2, help="the first node's number")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--address", required=True, help="where the API server reaches this process")
    parser.add_argument("--port", type=int, default=10350)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--client-ca", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
