"""A cluster's hard day, of any size: scaled up, updated, drained, nodes lost, the namespace deleted. Each step must come to rest.

What it insists on, beside coming to rest: no pod is made that was not needed, each is bound once, nothing is left over.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from tests.virtual.cluster import Cluster, Part, until

from sagong.api.errors import ApiError, NotFoundError
from sagong.api.nodes import SIMULATED
from sagong.api.types.apps import Deployment, DeploymentSpec
from sagong.api.types.core import Container, Namespace, Node, Pod, PodSpec, PodTemplateSpec
from sagong.api.types.meta import LabelSelector, ObjectMeta
from sagong.api.types.policy import Eviction, PodDisruptionBudget, PodDisruptionBudgetSpec

NAMESPACE = "work"
LONGEST = 3600.0
"""virtual seconds that a step may take"""


@dataclass(frozen=True)
class Size:
    """How much of everything; `restarts`: how often manager and scheduler are stopped and started during each step."""

    nodes: int
    deployments: int
    replicas: int
    drained: int = 1
    lost: int = 1
    restarts: int = 0

    @property
    def pods(self) -> int:
        return self.deployments * self.replicas


@dataclass
class Step:
    """What one step took: virtual seconds and seconds of CPU."""

    name: str
    virtual: float
    cpu: float


@dataclass
class Scenario:
    """The scenario on a cluster whose parts do not run yet."""

    cluster: Cluster
    size: Size
    told: Callable[[Step], None] = lambda _: None
    """hears of each step that has come to rest"""
    skipped: Collection[str] = ()
    """steps that are left out, by name"""
    expected: int = 0
    """pods that had to be made so far"""

    async def run(self) -> None:
        """Do all steps. Raises AssertionError, TimeoutError."""
        cluster, size = self.cluster, self.size
        names = [f"sim-{number}" for number in range(size.nodes)]
        kept, lost = cluster.fleet(names[size.lost :]), cluster.fleet(names[: size.lost])
        for part in (cluster.manager, cluster.scheduler, kept, lost):
            part.start()
        try:
            async with asyncio.TaskGroup() as group:
                troubling = group.create_task(self._restart())
                await self._step("nodes", self._ready_nodes)
                await self._step("scale up", self._scale_up)
                await self._step("rolling update", self._update)
                await self._step("drain", lambda: self._drain(names[-size.drained :]))
                await self._step("node loss", lambda: self._lose(lost, names[: size.lost]))
                await self._step("namespace deletion", self._delete)
                troubling.cancel()
        finally:
            for part in (cluster.manager, cluster.scheduler, kept, lost):
                await part.stop()

    async def _step(self, name: str, do: Callable[[], Awaitable[None]]) -> None:
        if name in self.skipped:
            return
        began, cpu = self.cluster.clock.monotonic(), time.process_time()
        await do()
        step = Step(name, self.cluster.clock.monotonic() - began, time.process_time() - cpu)
        made = self.cluster.pods.made.total()
        assert made == self.expected, f"{name}: {made} pods were made, {self.expected} were needed"
        assert not self.cluster.pods.moved, f"{name}: {self.cluster.pods.moved} were bound twice"
        self.told(step)

    async def _restart(self) -> None:
        """Stop and start manager and scheduler at odd moments."""
        for _ in range(self.size.restarts * 5):
            await self.cluster.clock.sleep(40 * self.cluster.random.uniform())
            for part in (self.cluster.manager, self.cluster.scheduler):
                if self.cluster.random.uniform() < 0.5:
                    await part.restart()

    # The steps.

    async def _ready_nodes(self) -> None:
        async def ready() -> bool:
            nodes = (await self.cluster.admin.list(Node)).items
            return len(nodes) == self.size.nodes and all(_ready(node) and not node.spec.taints for node in nodes)

        await until(self.cluster.clock, ready, LONGEST)

    async def _scale_up(self) -> None:
        await self.cluster.admin.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
        for number in range(self.size.deployments):
            await self.cluster.admin.create(_deployment(f"web-{number}", self.size.replicas))
            await self.cluster.admin.create(_budget(f"web-{number}", self.size.replicas))
        self.expected += self.size.pods
        await self._rest()

    async def _update(self) -> None:
        for number in range(self.size.deployments):
            spec = {"template": {"spec": {"containers": [{"name": "c", "image": "web:2"}]}}}
            await self.cluster.admin.patch(Deployment, f"web-{number}", NAMESPACE, {"spec": spec}, patch_type="strategic")
        self.expected += self.size.pods
        await self._rest()

    async def _drain(self, nodes: Sequence[str]) -> None:
        for node in nodes:
            await self.cluster.admin.patch(Node, node, "", {"spec": {"unschedulable": True}})
        on_them = await self._on(nodes)
        self.expected += len(on_them)
        for pod in on_them:
            await self._evict(pod)
        await self._rest()
        assert not await self._on(nodes)

    async def _lose(self, lost: Part, nodes: Sequence[str]) -> None:
        self.expected += len(await self._on(nodes))
        await lost.stop()
        # the Node objects go, as a cloud or an administrator has it, when the pods have been given up
        await until(self.cluster.clock, lambda: self._given_up(nodes), LONGEST, every=10)
        for node in nodes:
            await self.cluster.admin.delete(Node, node)
        await self._rest()
        assert not await self._on(nodes)

    async def _delete(self) -> None:
        await self.cluster.admin.delete(Namespace, NAMESPACE)

        async def gone() -> bool:
            try:
                await self.cluster.admin.get(Namespace, NAMESPACE)
            except NotFoundError:
                return True
            return False

        await until(self.cluster.clock, gone, LONGEST)
        assert self.cluster.left(NAMESPACE) == []
        assert self.cluster.pods.deleted.total() == self.expected

    # What they are made of.

    async def _rest(self) -> None:
        """Wait until all is as it should be, and stays so for a while."""

        async def done() -> bool:
            found = (await self.cluster.admin.list(Deployment, NAMESPACE)).items
            return all(_complete(one) for one in found) and self.cluster.store.count(f"/registry/pods/{NAMESPACE}/") == self.size.pods

        async def stays() -> bool:  # what goes wrong on the way may make a node look lost for a while
            await until(self.cluster.clock, done, LONGEST)
            await self.cluster.clock.sleep(30)
            return await done()

        await until(self.cluster.clock, stays, LONGEST)

    async def _on(self, nodes: Sequence[str]) -> list[Pod]:
        found = [await self.cluster.admin.list(Pod, NAMESPACE, field_selector=f"spec.nodeName={node}") for node in nodes]
        return [pod for those in found for pod in those.items]

    async def _given_up(self, nodes: Sequence[str]) -> bool:
        return all(pod.metadata.deletionTimestamp for pod in await self._on(nodes))

    async def _evict(self, pod: Pod) -> None:
        """Evict as kubectl drain does: again while the budget says no."""
        meta = pod.metadata
        eviction = Eviction(metadata=ObjectMeta(name=meta.name, namespace=meta.namespace))
        async with asyncio.timeout(LONGEST):
            while True:
                try:
                    await self.cluster.admin.create_subresource(Pod, meta.name, meta.namespace, "eviction", eviction)
                except NotFoundError:
                    return
                except ApiError as error:
                    if error.code != 429:
                        raise
                    await self.cluster.clock.sleep(5)
                else:
                    return


def _deployment(name: str, replicas: int) -> Deployment:
    labels = {"app": name}
    pod = PodSpec(containers=[Container(name="c", image="web:1")], nodeSelector={SIMULATED: "true"})
    template = PodTemplateSpec(metadata=ObjectMeta(labels=labels), spec=pod)
    spec = DeploymentSpec(replicas=replicas, selector=LabelSelector(matchLabels=labels), template=template)
    return Deployment(metadata=ObjectMeta(name=name, namespace=NAMESPACE), spec=spec)


def _budget(name: str, replicas: int) -> PodDisruptionBudget:
    spec = PodDisruptionBudgetSpec(selector=LabelSelector(matchLabels={"app": name}), maxUnavailable=max(1, math.ceil(replicas / 10)))
    return PodDisruptionBudget(metadata=ObjectMeta(name=name, namespace=NAMESPACE), spec=spec)


def _complete(deployment: Deployment) -> bool:
    status, wanted = deployment.status, deployment.spec.replicas
    seen = status.observedGeneration == deployment.metadata.generation
    return seen and wanted == status.replicas == status.updatedReplicas == status.availableReplicas


def _ready(node: Node) -> bool:
    return any((found.type, found.status) == ("Ready", "True") for found in node.status.conditions)
