"""How the whole of a cluster scales: a deployment from nothing to many ready pods, and the collection of a great many owned pods.

    python bench/scale.py [--kubeconfig FILE] [--context NAME] [--ready 5000] [--collected 20000]

Works on any Kubernetes by kubeconfig with room for the pods, such as `sagong start --nodes 1000 --simulated`, or simulated nodes of another
make. Where there are nodes with the label sagong.local/simulated, the deployment goes there only. The collected pods are on no node (they
ask for one that does not exist), so that the garbage collector is what is measured. Prints one JSON object for each measurement and removes
what it made; 0 skips a measurement. `python -m bench.scale --virtual` and `--day` need no cluster: see bench/virtual.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from sagong.api.errors import AlreadyExistsError, ApiError, NotFoundError
from sagong.api.types.apps import Deployment
from sagong.api.types.core import ConfigMap, Container, Namespace, Node, Pod, PodSpec, PodTemplateSpec
from sagong.api.types.meta import LabelSelector, ObjectMeta, OwnerReference
from sagong.client.client import Client, resource_of
from sagong.client.config import load_kubeconfig
from sagong.client.endpoint import metadata_only
from sagong.client.informer import Informer
from sagong.cluster import user_kubeconfig
from sagong.cluster.clock import RealClock, RealRandom

NAMESPACE = "bench-scale"
SIMULATED = "sagong.local/simulated"
WRITERS = 32
IMAGE = "registry.k8s.io/pause:3.10"


async def ready(client: Client, count: int) -> dict[str, Any]:
    """Scale a deployment from 0 to `count` and wait until the last pod is ready."""
    simulated = (await client.list(Node, label_selector=SIMULATED, limit=1)).items
    pod = PodSpec(
        containers=[Container(name="pause", image=IMAGE)],
        nodeSelector={SIMULATED: "true"} if simulated else {},
        terminationGracePeriodSeconds=0,
    )
    labels = {"app": "scale"}
    made = Deployment(metadata=ObjectMeta(name="scale", namespace=NAMESPACE))
    made.spec.replicas, made.spec.selector = 0, LabelSelector(matchLabels=labels)
    made.spec.template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod)
    await client.create(made)
    began = time.monotonic()
    await client.patch(Deployment, "scale", NAMESPACE, {"spec": {"replicas": count}}, patch_type="merge")
    half = 0.0
    found = 0
    while found < count:
        await asyncio.sleep(0.2)
        found = (await client.get(Deployment, "scale", NAMESPACE)).status.readyReplicas
        if not half and found >= count / 2:
            half = time.monotonic() - began
    seconds = time.monotonic() - began
    return {
        "measured": f"deployment 0 to {count} ready",
        "seconds": round(seconds, 1),
        "half": round(half, 1),
        "per_second": round(count / seconds),
    }


async def collected(client: Client, count: int) -> dict[str, Any]:
    """Delete the owner of `count` pods and wait until the last of them is gone."""
    owner = await client.create(ConfigMap(metadata=ObjectMeta(name="owner", namespace=NAMESPACE)))
    reference = OwnerReference(apiVersion="v1", kind="ConfigMap", name="owner", uid=owner.metadata.uid)
    pods: Informer[Any] = Informer(client, metadata_only(resource_of(Pod)), namespace=NAMESPACE, label_selector="app=collected")

    async def create(number: int) -> None:
        meta = ObjectMeta(name=f"collected-{number}", namespace=NAMESPACE, labels={"app": "collected"}, ownerReferences=[reference])
        spec = PodSpec(containers=[Container(name="pause", image=IMAGE)], nodeSelector={"bench-scale": "nowhere"})
        await client.create(Pod(metadata=meta, spec=spec))

    began = time.monotonic()
    await _many(create, count)
    created = time.monotonic() - began
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(pods.run())
        await pods.wait_synced()
        await _until(lambda: len(pods) >= count)
        began = time.monotonic()
        await client.delete(ConfigMap, "owner", NAMESPACE)
        await _until(lambda: len(pods) == 0)
        seconds = time.monotonic() - began
        watching.cancel()
    return {
        "measured": f"garbage collection of {count} pods",
        "seconds": round(seconds, 1),
        "per_second": round(count / seconds),
        "created_per_second": round(count / created),
    }


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - looked at from outside
        await asyncio.sleep(0.05)


async def _many(step: Callable[[int], Awaitable[None]], count: int) -> None:
    """Do something for each number, some at the same time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await step(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(work())


async def _prepare(client: Client) -> None:
    """Make the namespace; one that an earlier run has left is waited for."""
    while True:
        try:
            await client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
            break
        except AlreadyExistsError:
            await asyncio.sleep(0.5)
    while True:  # pods need the account that a controller makes
        try:
            await client.raw("GET", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default")
        except NotFoundError:
            await asyncio.sleep(0.05)
        else:
            return


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", default=str(user_kubeconfig.path()))
    parser.add_argument("--context", default="")
    parser.add_argument("--ready", type=int, default=5000)
    parser.add_argument("--collected", type=int, default=20000)
    parser.add_argument("--virtual", action="store_true", help="instead, a cluster in virtual time: see bench/virtual.py")
    parser.add_argument("--day", action="store_true", help="instead, a day of a cron job in virtual time")
    parser.add_argument("--nodes", type=int, default=1000, help="for --virtual")
    parser.add_argument("--pods", type=int, default=20000, help="for --virtual")
    parser.add_argument("--seed", type=int, default=1, help="for --virtual")
    parser.add_argument("--faults", action="store_true", help="for --virtual: with faults and restarts")
    parser.add_argument("--skip", action="append", default=[], metavar="STEP", help="for --virtual: leave a step out, such as drain")
    return parser.parse_args()


async def measure(options: argparse.Namespace) -> None:
    """Measure what is asked for."""
    config = load_kubeconfig(options.kubeconfig, options.context)
    async with Client(config, clock=RealClock(), random=RealRandom()) as client:
        await _prepare(client)
        try:
            for what, count in ((ready, options.ready), (collected, options.collected)):
                if count:
                    print(json.dumps(await what(client, count)), flush=True)
        finally:
            try:
                await client.delete(Namespace, NAMESPACE)
            except ApiError as error:
                print(f"namespace {NAMESPACE} not removed: {error}")


def main() -> None:
    """Do what is asked for."""
    options = _options()
    if options.day or options.virtual:
        from bench import virtual  # noqa: PLC0415 - brings in the whole cluster, and the tests' harness

        if options.day:
            virtual.day()
        else:
            virtual.converge(options.nodes, options.pods, options.seed, faults=options.faults, skipped=options.skip)
    else:
        uvloop.run(measure(options))


if __name__ == "__main__":
    main()
