"""The cluster DNS process: `python -m sagong.cluster.dns --domain cluster.local`, in a pod."""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from sagong.client.client import Client
from sagong.client.config import ClientConfig, KubeconfigError, in_cluster, load_kubeconfig
from sagong.cluster import process
from sagong.cluster.clock import RealClock, RealRandom
from sagong.network.dns.cluster_names import ClusterNames
from sagong.network.dns.forward import Forwarder, resolvers
from sagong.network.dns.metrics import DnsMetrics
from sagong.network.dns.server import DnsServer
from sagong.network.dns.view import InformerView
from sagong.network.http import Answer, listen

LAMEDUCK = 1.0


def main(argv: Sequence[str] | None = None) -> None:
    """Run until SIGTERM."""
    options = _parser().parse_args(argv)
    try:
        config = load_kubeconfig(options.kubeconfig) if options.kubeconfig else in_cluster()
    except KubeconfigError as error:
        sys.exit(f"coredns: {error}")
    process.run(lambda: _run(options, replace(config, server=options.kubeconfig_server or config.server, user_agent="coredns")))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="coredns")
    parser.add_argument("--kubeconfig", default="")
    parser.add_argument("--kubeconfig-server", default="", help="the API server's URL, where the service address is not yet routed")
    parser.add_argument("--domain", default="cluster.local")
    parser.add_argument("--listen", default="0.0.0.0,::", help="addresses, separated by commas")
    parser.add_argument("--port", type=int, default=53)
    parser.add_argument("--health-port", type=int, default=8080)
    parser.add_argument("--ready-port", type=int, default=8181)
    parser.add_argument("--metrics-port", type=int, default=9153)
    parser.add_argument("--resolv-conf", default="/etc/resolv.conf")
    return parser


async def _run(options: argparse.Namespace, config: ClientConfig) -> None:
    """Serve until told to stop, and a moment longer: questions come until all proxies know that this pod leaves."""
    stopping = asyncio.Event()
    work = asyncio.ensure_future(_serve(options, config, stopping))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        stopping.set()
        await asyncio.wait([work], timeout=LAMEDUCK)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        raise


async def _serve(options: argparse.Namespace, config: ClientConfig, stopping: asyncio.Event) -> None:
    clock, random, metrics = RealClock(), RealRandom(), DnsMetrics()
    own = _own_addresses(config.server)
    forwarder = Forwarder(resolvers(_read(options.resolv_conf), own), clock=clock, random=random)
    synced = asyncio.Event()
    async with Client(config, clock=clock, random=random) as client:
        view = InformerView(client, clock)
        names = ClusterNames(options.domain, view, own)
        server = DnsServer(names, forwarder, metrics, clock=clock, random=random, synced=synced)
        ready = lambda: Answer("OK") if synced.is_set() and not stopping.is_set() else Answer("kubernetes", 503)  # noqa: E731 - one of three
        pages = (
            await listen({"/health": lambda: Answer("OK")}, None, options.health_port),
            await listen({"/ready": ready}, None, options.ready_port),
            await listen({"/metrics": metrics.page}, None, options.metrics_port),
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(view.run())
                group.create_task(server.run(options.listen.split(","), options.port))
                await view.wait_synced()
                synced.set()
        finally:
            for page in pages:
                page.close()


def _own_addresses(server: str) -> tuple[str, ...]:
    """Return this pod's address: the one from which it reaches the API server. Nothing is sent, and no name is looked up."""
    host = urlsplit(server).hostname or ""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
        except OSError:
            return ()
        return (str(probe.getsockname()[0]),)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
