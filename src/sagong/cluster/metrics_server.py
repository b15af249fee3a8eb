"""The metrics-server process: `python -m sagong.cluster.metrics_server --tls DIR`, in a pod; DIR holds tls.crt and tls.key."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from sagong.client.client import Client
from sagong.client.config import ClientConfig, KubeconfigError, in_cluster, load_kubeconfig
from sagong.cluster import process
from sagong.cluster.clock import RealClock, RealRandom
from sagong.metrics.app import MetricsServer, Options


def main(argv: Sequence[str] | None = None) -> None:
    """Run until SIGTERM."""
    options = _parser().parse_args(argv)
    try:
        config = load_kubeconfig(options.kubeconfig) if options.kubeconfig else in_cluster()
    except KubeconfigError as error:
        sys.exit(f"metrics-server: {error}")
    process.run(lambda: _run(options, replace(config, user_agent="metrics-server")))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="metrics-server")
    parser.add_argument("--kubeconfig", default="")
    parser.add_argument("--tls", required=True, help="the directory of tls.crt and tls.key")
    parser.add_argument("--address", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=10250)
    parser.add_argument("--kubelet-insecure-tls", action="store_true", help="take any certificate of a kubelet")
    parser.add_argument("--register", default="", help="the Service, as namespace/name, to register the API with once it can answer")
    return parser


async def _run(options: argparse.Namespace, config: ClientConfig) -> None:
    kubelets = replace(config, insecure=True) if options.kubelet_insecure_tls else config
    files = Options(options.address, options.port, f"{options.tls}/tls.crt", f"{options.tls}/tls.key", options.register)
    async with Client(config, clock=RealClock(), random=RealRandom()) as client:
        await MetricsServer(client, kubelets).run(files)


if __name__ == "__main__":
    main()
