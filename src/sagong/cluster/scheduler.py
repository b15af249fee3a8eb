"""The scheduler's process: `python -m sagong.cluster.scheduler --kubeconfig FILE --pki DIR --port PORT`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: no linear algebra here, and each thread costs memory

from sagong.client.client import Client
from sagong.client.config import load_kubeconfig
from sagong.cluster import process
from sagong.cluster.clock import RealClock, RealRandom
from sagong.scheduler.app import Scheduler


def main() -> None:
    """Schedule while the lease is ours."""
    parser = argparse.ArgumentParser(prog="kube-scheduler")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--pki", required=True, type=Path)
    parser.add_argument("--port", type=int, default=10259)
    options = parser.parse_args()
    health = process.HealthPort(options.port, certificate=options.pki / "scheduler.crt", key=options.pki / "scheduler.key")
    running: list[Scheduler] = []

    async def work(client: Client) -> None:
        scheduler = Scheduler(client, clock=RealClock(), random=RealRandom())
        running.append(scheduler)
        await scheduler.run()

    def page(path: str) -> bytes | None:
        return running[-1].page(path) if running else None

    process.run(lambda: process.lead(load_kubeconfig(options.kubeconfig), "kube-scheduler", health, work, page))


if __name__ == "__main__":
    main()
