"""Registers this node and reports its status: what node_status.py says, written when it is due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from sagong.api.clock import Clock, format_time
from sagong.api.errors import AlreadyExistsError, ApiError, NotFoundError
from sagong.api.types.core import Node, NodeStatus
from sagong.node import machine, node_status, resources
from sagong.node.cri.client import CriError, Runtime
from sagong.node.events import node_reference
from sagong.node.meters.ledger import Ledger
from sagong.node.meters.startup import StartupMeter
from sagong.node.node_status import NodeFacts, NodeSettings, Reports
from sagong.node.runtime_features import RuntimeFeatures

T = TypeVar("T")

_FIRST_RETRY, _MAX_RETRY = 0.1, 7.0
_IMAGES_EVERY = 60.0
_log = logging.getLogger(__name__)


class Api(Protocol):
    """The part of the API client that is needed here."""

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        """Read one object."""
        ...

    async def create(self, obj: T) -> T:
        """Create."""
        ...

    async def patch(self, kind: type[T], name: str, namespace: str, patch: Any, *, patch_type: Any = ..., subresource: str = ...) -> T:
        """Patch."""
        ...


class Events(Protocol):
    """Where events go."""

    def event(self, obj: Any, type: Literal["Normal", "Warning"], reason: str, message: str) -> None:  # noqa: A002 - the recorder's own
        """Record one."""
        ...


@dataclass
class NodeObserver:
    """Looks at the machine and the runtime."""

    runtime: Runtime
    root: Path
    """a path on the file system that holds pods' files"""
    clock: Clock
    reserved: resources.Reservations = field(default_factory=resources.Reservations)
    pressures: Callable[[], Collection[str]] = tuple
    """which of MemoryPressure, DiskPressure, PIDPressure hold"""
    problems: Callable[[], Sequence[str]] = tuple
    """further reasons why the node is not ready"""
    features: RuntimeFeatures = field(default_factory=RuntimeFeatures)

    def __post_init__(self) -> None:
        self.machine = machine.read_machine()
        self._version = ""
        self._images: Sequence[Any] = ()
        self._images_at = float("-inf")

    @property
    def allocatable(self) -> dict[str, str]:
        """Return what pods may ask for, as quantities."""
        return resources.allocatable(self.machine, machine.file_system(self.root), self.reserved)

    async def observe(self) -> NodeFacts:
        """Return the facts; a runtime that does not answer is one of them."""
        disk = machine.file_system(self.root)
        try:
            status = await self.runtime.status()
            self.features.take(status)
            if not self._version:
                version = await self.runtime.version()
                self._version = f"{version.runtime_name}://{version.runtime_version}"
            if self.clock.monotonic() - self._images_at >= _IMAGES_EVERY:
                self._images, self._images_at = await self.runtime.list_images(), self.clock.monotonic()
        except CriError as error:
            _log.warning("the container runtime does not answer: %s", error)
            status, self._version = None, ""
        return NodeFacts(
            machine=self.machine,
            capacity=resources.capacity(self.machine, disk, self.reserved),
            allocatable=resources.allocatable(self.machine, disk, self.reserved),
            runtime=self._version,
            status=status,
            images=self._images,
            pressures=frozenset(self.pressures()),
            problems=list(self.problems()),
        )


class NodeReporter:
    """Keeps the Node object true."""

    def __init__(
        self,
        api: Api,
        observer: NodeObserver,
        settings: NodeSettings,
        events: Events,
        clock: Clock,
        *,
        every: float = 10,
        full: float = 300,
        meter: StartupMeter | None = None,
    ) -> None:
        """Look every `every` seconds; write when something changed, and at least every `full` seconds."""
        self._meter = meter or StartupMeter(Ledger(clock), None)
        self._api = api
        self._observer = observer
        self._settings = settings
        self._events = events
        self._clock = clock
        self._every = every
        self._reports = Reports(clock, full)
        self._node: Node | None = None
        self._cordoned = False
        self._wake = asyncio.Event()

    @property
    def node(self) -> Node | None:
        """Return the Node as last read or written; None before registration."""
        return self._node

    def wake(self) -> None:
        """Look now: something that the status tells has changed."""
        self._wake.set()

    async def run(self) -> None:
        """Register, then report for ever."""
        self._event("Normal", "Starting", "Starting kubelet.")
        await self._until_it_works(self.register)
        _log.info("node %s is registered", self._settings.name)
        while True:
            try:
                await self.report()
            except (ApiError, OSError) as error:
                _log.warning("node status of %s not written: %s", self._settings.name, error)
            ready = self._node is not None and any(c.type == "Ready" and c.status == "True" for c in self._node.status.conditions)
            if ready:
                self._meter.ready()
            # a node that is coming up is looked at often, so that pods are let in at once
            await self._pause(self._every if ready else 0.2)

    async def register(self) -> None:
        """Create the Node, or take over the one that is there. Raises ApiError, OSError."""
        self._meter.trying()
        facts = await self._observer.observe()
        now = format_time(self._clock.now())
        wanted = node_status.new_node(
            self._settings, node_status.node_status(self._settings, facts, NodeStatus(), now), self._observer.machine
        )
        try:
            self._node = await self._api.create(wanted)
        except AlreadyExistsError:
            self._node = await self._api.get(Node, self._settings.name)
            await self._adopt(wanted)
            return
        self._meter.registered()
        self._tell(NodeStatus(), wanted.status)
        self._reports.written()

    async def report(self) -> None:
        """Look once, and write if it is due. Raises ApiError, OSError."""
        self._wake.clear()
        facts = await self._observer.observe()
        try:
            self._node = node = await self._api.get(Node, self._settings.name)
        except NotFoundError:
            await self.register()
            return
        self._tell_cordoned(cordoned=node.spec.unschedulable)
        old = node.status
        new = node_status.node_status(self._settings, facts, old, format_time(self._clock.now()))
        if not self._reports.due(old, new):
            return
        patch = node_status.status_patch(old, new)
        self._node = await self._api.patch(Node, self._settings.name, "", patch, patch_type="strategic", subresource="status")
        self._tell(old, new)
        self._reports.written()

    async def _adopt(self, wanted: Node) -> None:
        """Set the labels and annotations that registration would have set."""
        node = self._node
        assert node is not None
        labels = {key: value for key, value in wanted.metadata.labels.items() if node.metadata.labels.get(key) != value}
        missing = {key: value for key, value in wanted.metadata.annotations.items() if key not in node.metadata.annotations}
        if labels or missing:
            patch = {"metadata": {"labels": labels, "annotations": missing}}
            self._node = await self._api.patch(Node, self._settings.name, "", patch, patch_type="merge")

    def _tell(self, old: NodeStatus, new: NodeStatus) -> None:
        for reason, message in node_status.changes(old, new):
            self._event("Normal", reason, f"Node {self._settings.name} {message}")
        before, boot = old.nodeInfo.bootID, new.nodeInfo.bootID
        if before and before != boot:
            self._event("Warning", "Rebooted", f"Node {self._settings.name} has been rebooted, boot id: {boot}")

    def _tell_cordoned(self, *, cordoned: bool) -> None:
        if cordoned is not self._cordoned:
            self._cordoned = cordoned
            reason = "NodeNotSchedulable" if cordoned else "NodeSchedulable"
            self._event("Normal", reason, f"Node {self._settings.name} status is now: {reason}")

    def _event(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        self._events.event(node_reference(self._settings.name), kind, reason, message)

    async def _until_it_works(self, step: Callable[[], Any]) -> None:
        wait = _FIRST_RETRY
        while True:
            try:
                await step()
            except (ApiError, OSError) as error:
                _log.info("node %s not registered yet: %s", self._settings.name, error)
                await self._clock.sleep(wait)
                wait = min(wait * 2, _MAX_RETRY)
            else:
                return

    async def _pause(self, seconds: float) -> None:
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(self._clock.sleep(seconds)), group.create_task(self._woken())]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()

    async def _woken(self) -> None:
        await self._wake.wait()
