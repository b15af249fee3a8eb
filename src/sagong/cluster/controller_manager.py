"""The controllers' process: `python -m sagong.cluster.controller_manager --kubeconfig FILE --pki DIR --port PORT`.

Each loop acts as its own service account, as upstream's with --use-service-account-credentials, if the server issues tokens.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sagong.api.exposition import exposition
from sagong.client.accounts import Accounts
from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster import election, process
from sagong.controllers.catalog import Settings, controllers, parts
from sagong.controllers.runner import Runner

NAME = "kube-controller-manager"
FLAGS = {"port": "secure-port", "service_cidr": "service-cluster-ip-range", "election": ""}
"""What upstream calls those of our options that have another name there."""


def main() -> None:
    """Run the loops while the lease is ours."""
    options = _options()
    pki: Path = options.pki
    health = process.HealthPort(options.port, certificate=pki / "controller-manager.crt", key=pki / "controller-manager.key")
    settings = Settings(
        pki=pki,
        root_ca=(pki / "ca.crt").read_text(encoding="ascii"),
        cluster_cidr=options.cluster_cidr,
        service_cidr=options.service_cidr,
    )
    pages: dict[str, bytes] = {}

    def flags() -> dict[str, str]:
        return election.shown(options, FLAGS, options.election)

    runners: list[Runner] = []

    def page(path: str) -> bytes | None:
        if path == "/metrics":
            return exposition(family for runner in runners for family in runner.metrics()).encode()
        return pages.get(path)

    async def work(client: Client) -> None:
        accounts = Accounts(client) if options.use_service_account_credentials else None
        chosen = [loop for loop in controllers(settings) if _is_on(loop.name, options.controllers)]
        makers = [maker for name, maker in parts().items() if _is_on(name, options.controllers)]
        runner = Runner(client, chosen, accounts=accounts, makers=makers)
        runners.append(runner)
        await runner.run()

    kubeconfig = load_kubeconfig(options.kubeconfig)
    process.run(lambda: process.lead(kubeconfig, NAME, health, work, page, election=options.election, flags=flags))


def _is_on(name: str, wanted: str) -> bool:
    """Read upstream's --controllers: `*` for all, `name` or `-name`, the first that names it counts."""
    names = wanted.split(",")
    return name in names or ("*" in names and f"-{name}" not in names)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=NAME)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--pki", required=True, type=Path, help="where controller-manager.crt and .key, ca.crt and sa.key are")
    parser.add_argument("--port", type=int, default=10257)
    parser.add_argument("--cluster-cidr", default="")
    parser.add_argument("--service-cidr", default="")
    parser.add_argument("--controllers", default="*", help="names, comma-separated; * for all, -name for not that")
    parser.add_argument("--use-service-account-credentials", action=argparse.BooleanOptionalAction, default=True)
    election.add_flags(parser)
    options = parser.parse_args()
    try:
        options.election = election.chosen(options, election.Election(NAME))
    except ValueError as error:
        parser.error(str(error))
    return options


if __name__ == "__main__":
    main()
