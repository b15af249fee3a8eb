"""The storage provisioner's process: `python -m sagong.cluster.storage_provisioner --directory DIR [--kubeconfig-server URL]`."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from sagong.client.client import Client
from sagong.client.config import in_cluster
from sagong.cluster import process
from sagong.cluster.clock import RealClock, RealRandom
from sagong.controllers import host_path_provisioner
from sagong.controllers.runner import Runner


def main() -> None:
    """Provision and reclaim until stopped."""
    parser = argparse.ArgumentParser(prog="storage-provisioner")
    parser.add_argument("--directory", required=True)
    parser.add_argument("--kubeconfig-server", default="", help="the API server's URL, where the service address is not yet routed")
    options = parser.parse_args()

    def remove(path: str) -> None:
        if Path(path).exists():
            shutil.rmtree(path)

    async def work() -> None:
        config = replace(in_cluster(), user_agent="storage-provisioner")
        if options.kubeconfig_server:
            config = replace(config, server=options.kubeconfig_server)
        async with Client(config, clock=RealClock(), random=RealRandom()) as client:
            await Runner(client, host_path_provisioner.controllers(options.directory, remove)).run()

    process.run(work)


if __name__ == "__main__":
    main()
