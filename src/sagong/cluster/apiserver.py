"""The API server's process: `python -m sagong.cluster.apiserver --config FILE`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path

import msgspec
import uvloop

from sagong.cluster.clock import RealClock, RealRandom
from sagong.server.app import ApiServer, Parts, ServerConfig
from sagong.server.authz.authorizer import ChainAuthorizer
from sagong.server.contract import User
from sagong.server.messages import Request
from sagong.store.base import StoreOpenError
from sagong.store.sqlite import SqliteStore


class ApiServerConfig(msgspec.Struct, forbid_unknown_fields=True):
    """The configuration file, JSON. Paths are of PEM files unless said otherwise."""

    store: str
    """The SQLite file."""
    certificate: str
    key: str
    client_ca: str
    address: str = "0.0.0.0"
    port: int = 6443
    advertise_address: str = "127.0.0.1"


class MastersAuthenticator:
    """Takes everyone with a verified client certificate for a system:masters."""

    async def authenticate(self, request: Request) -> User | None:
        """Authenticate."""
        if request.peer.certificate is None:
            return None
        return User("kubernetes-admin", groups=("system:masters", "system:authenticated"))


async def run(config: ApiServerConfig) -> None:
    """Serve until SIGTERM or SIGINT."""
    store = await SqliteStore.open(config.store)
    try:
        parts = Parts(MastersAuthenticator(), ChainAuthorizer(store))
        settings = ServerConfig(config.address, config.port, config.certificate, config.key, config.client_ca, config.advertise_address)
        server = ApiServer(settings, store, parts, clock=RealClock(), random=RealRandom())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        gc.collect()
        gc.freeze()
        await server.serve()
    finally:
        await store.close()


def main() -> int:
    """Read the configuration and serve; what keeps it from starting is one line on stderr."""
    parser = argparse.ArgumentParser(prog="kube-apiserver")
    parser.add_argument("--config", required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        config = msgspec.json.decode(Path(arguments.config).read_bytes(), type=ApiServerConfig)
        uvloop.run(run(config))
    except (OSError, msgspec.MsgspecError, StoreOpenError) as error:
        sys.stderr.write(f"kube-apiserver cannot start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
