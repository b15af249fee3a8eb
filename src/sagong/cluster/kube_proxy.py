"""The kube-proxy process: reads its command line, prepares the network settings, runs what makes a node's packet rules and routes."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sagong.client.client import Client
from sagong.client.config import ClientConfig, KubeconfigError, in_cluster, load_kubeconfig
from sagong.cluster import process, zpages
from sagong.cluster.clock import RealClock, RealRandom
from sagong.network.http import Answer, ByHeaders, Headers, listen
from sagong.network.policy.enforcer import Enforcer
from sagong.network.proxy.kernel import NodeKernel
from sagong.network.proxy.proxy import Proxy, ProxyConfig
from sagong.network.proxy.settings import Settings, networks
from sagong.network.routes import Router
from sagong.network.service_table import Family

HOST_SYSCTLS = Path("/host/proc/sys")
"""Where the pod has the host's settings, writable."""
log = logging.getLogger("kube-proxy")


def main(argv: Sequence[str] | None = None) -> None:
    """Run until SIGTERM."""
    options = _parser().parse_args(argv)
    try:
        config, settings = _client_config(options), tuple(_settings(options))
    except (KubeconfigError, ValueError) as error:
        sys.exit(f"kube-proxy: {error}")
    process.run(lambda: _run(options, config, settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kube-proxy")
    parser.add_argument("--kubeconfig", default="")
    parser.add_argument("--kubeconfig-server", default="", help="the API server's URL, for the pod's own service account")
    parser.add_argument("--node-name", default=os.environ.get("NODE_NAME", ""))
    parser.add_argument("--cluster-cidr", default="", help="pods' ranges, separated by commas")
    parser.add_argument("--service-cidr", default="", help="cluster IPs' ranges, separated by commas")
    parser.add_argument("--node-ports", default="30000-32767")
    parser.add_argument("--health-port", type=int, default=10256)
    parser.add_argument("--metrics-port", type=int, default=10249)
    return parser


def _client_config(options: argparse.Namespace) -> ClientConfig:
    if options.kubeconfig:
        return replace(load_kubeconfig(options.kubeconfig), user_agent="kube-proxy")
    if options.kubeconfig_server:  # the API's service address leads nowhere before this process has made it
        os.environ.setdefault("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    config = replace(in_cluster(), user_agent="kube-proxy")
    return replace(config, server=options.kubeconfig_server) if options.kubeconfig_server else config


async def _run(options: argparse.Namespace, config: ClientConfig, settings: tuple[Settings, ...]) -> None:
    clock = RealClock()
    proxy_config = ProxyConfig(options.node_name, settings)
    _set_sysctl("net/ipv4/ip_forward", "1")
    async with Client(config, clock=clock, random=RealRandom()) as client:
        kernel = NodeKernel()
        proxy = Proxy(client, kernel, proxy_config, clock=clock)
        enforcer = Enforcer(client, kernel, options.node_name, [each.family for each in settings], clock=clock)
        health = await listen({"/healthz": proxy.health.healthz, "/livez": proxy.health.livez}, None, options.health_port)
        pages = {"/metrics": proxy.metrics.page, "/proxyMode": lambda: Answer("nftables")}
        metrics = await listen(pages, "127.0.0.1", options.metrics_port, _zpages(options, pages))
        async with health, metrics, asyncio.TaskGroup() as group:
            group.create_task(proxy.run())
            group.create_task(enforcer.run())
            group.create_task(Router(client, kernel, options.node_name, clock=clock).run())
            await proxy.synced.wait()  # the rule that keeps the network from 127.0.0.1 comes first
            _set_sysctl("net/ipv4/conf/all/route_localnet", "1")
            _tune_tracking()


def _zpages(options: argparse.Namespace, pages: Iterable[str]) -> ByHeaders:
    """Return /statusz and /flagz of a port with these pages."""

    def flags() -> Mapping[str, str]:
        from sagong.api import flags as as_flags  # noqa: PLC0415 - for those who ask only

        return as_flags.flags(vars(options), {"node_name": "hostname-override", "health_port": "healthz-port"})

    made = zpages.Zpages("kube-proxy", pages, flags)

    def page(path: str) -> Callable[[Headers], Answer]:
        def answer(headers: Headers) -> Answer:
            found = made.answer(path, headers)
            return Answer(found.body.decode(), found.status, found.content_type, found.headers)

        return answer

    return {path: page(path) for path in zpages.PATHS}


def _tune_tracking() -> None:
    """Set up connection tracking, which the first rules have loaded, as upstream does by default."""
    most = max(131072, 32768 * (os.cpu_count() or 1))
    if int(_sysctl("net/netfilter/nf_conntrack_max") or most) < most:
        _set_sysctl("net/netfilter/nf_conntrack_max", str(most))
    _set_sysctl("net/netfilter/nf_conntrack_tcp_timeout_established", "86400")
    _set_sysctl("net/netfilter/nf_conntrack_tcp_timeout_close_wait", "3600")


def _settings(options: argparse.Namespace) -> Iterable[Settings]:
    """Yield settings for the families that the service ranges have."""
    services, pods = options.service_cidr.split(","), options.cluster_cidr.split(",")
    bridged = _sysctl("net/bridge/bridge-nf-call-iptables") == "1"
    families: tuple[Family, ...] = ("ip", "ip6")
    for family in families:
        if networks(family, services):
            yield Settings(
                family,
                cluster_cidrs=networks(family, pods),
                service_cidrs=networks(family, services),
                masquerade_all=family == "ip" and not bridged,
            )


def _sysctl(name: str) -> str:
    with suppress(OSError):
        return Path("/proc/sys", name).read_text().strip()
    return ""


def _set_sysctl(name: str, value: str) -> None:
    if _sysctl(name) == value:
        return
    for root in (Path("/proc/sys"), HOST_SYSCTLS):
        with suppress(OSError):
            (root / name).write_text(value)
            return
    log.warning("cannot set %s to %s", name.replace("/", "."), value)


if __name__ == "__main__":
    main()
