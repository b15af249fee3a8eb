"""The API server's process: `python -m sagong.cluster.apiserver --config FILE`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from sagong.cluster import process_metrics
from sagong.cluster.clock import RealClock, RealRandom
from sagong.server.config import ServerConfig

if TYPE_CHECKING:
    from sagong.server.app import ApiServer
    from sagong.store.encryption.encryption import Encryption
    from sagong.store.etcd import EtcdStore
    from sagong.store.sqlite import SqliteStore

GC_THRESHOLD = 5000
"""Objects that are made before a collection: with Python's 700, a fortieth of the time that writes take goes into those."""
ETCD_SECONDS = 60.0
"""How long etcd is waited for, which may start at the same time."""

log = logging.getLogger(__name__)


class EtcdServers(msgspec.Struct, frozen=True, kw_only=True):
    """An etcd cluster: `host:port` of its members; files of its authority, and of our certificate and key ("": no TLS)."""

    endpoints: list[str]
    ca: str = ""
    certificate: str = ""
    key: str = ""


class ApiServerConfig(ServerConfig, kw_only=True):
    """The configuration file, JSON: the server's settings and where it keeps the state: in `store`, an SQLite file, or in `etcd`."""

    store: str = ""
    etcd: EtcdServers | None = None

    def __post_init__(self) -> None:
        """Raise ValueError unless the state has one place."""
        if bool(self.store) == (self.etcd is not None):
            raise ValueError("one of `store` and `etcd` says where the state is kept: set one of them")


async def run(config: ApiServerConfig) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError, ValueError, StoreOpenError for what it cannot use."""
    clock, random = RealClock(), RealRandom()
    encryption = _encryption(config.encryption_config, random)
    # The server is loaded while the store waits for the disk.
    store, made = await asyncio.gather(_store(config, clock, encryption), _server())
    try:
        server = made(
            config,
            store,
            clock=clock,
            random=random,
            encryption=encryption,
            loaded=_settle,
            process=process_metrics.used,
            started=process_metrics.started,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        log.info("serving on %s:%d", config.address, config.port)
        await server.serve()
    finally:
        await store.close()


async def _store(config: ApiServerConfig, clock: RealClock, seal: Encryption | None) -> SqliteStore | EtcdStore:
    if config.etcd is None:
        from sagong.store.sqlite import SqliteStore  # noqa: PLC0415 - other processes read the configuration without the store

        return await SqliteStore.open(config.store, seal=seal)
    from sagong.store.etcd import EtcdStore  # noqa: PLC0415 - a large dependency, for those who have it only
    from sagong.store.etcd_client import EtcdTls  # noqa: PLC0415 - see above

    said = config.etcd
    tls = EtcdTls(said.ca, said.certificate, said.key) if said.ca else None
    return await EtcdStore.open(said.endpoints, clock=clock, tls=tls, seal=seal, patience=ETCD_SECONDS)


async def _server() -> type[ApiServer]:
    from sagong.server.app import ApiServer  # noqa: PLC0415 - see above

    return ApiServer


def _settle() -> None:
    """Collect garbage again now that all is loaded: what is there stays, and no collection needs to walk it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


def _encryption(path: str, random: RealRandom) -> Encryption | None:
    """Return what encrypts at rest. Raises OSError, ValueError for a file that cannot be used."""
    if not path:
        return None
    from sagong.store.encryption.encryption import Encryption  # noqa: PLC0415 - for servers that encrypt only

    return Encryption(Path(path), random.token)


def main() -> int:
    """Read the configuration and serve; what keeps it from starting is one line on stderr."""
    parser = argparse.ArgumentParser(prog="kube-apiserver")
    parser.add_argument("--config", required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname).1s %(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    from sagong.store.base import StoreOpenError  # noqa: PLC0415 - other processes read the configuration without the store

    gc.disable()  # until `_settle`
    try:
        config = msgspec.json.decode(Path(arguments.config).read_bytes(), type=ApiServerConfig)
        uvloop.run(run(config))
    except (OSError, ValueError, msgspec.MsgspecError, StoreOpenError) as error:
        sys.stderr.write(f"kube-apiserver cannot start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
