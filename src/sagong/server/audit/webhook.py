"""The webhook backend: events in batches, as EventLists, to where a kubeconfig leads. What does not fit the buffer is dropped."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec

from sagong.api.clock import Clock
from sagong.server.webhooks.client import WebhookClient
from sagong.server.webhooks.connection import CallError
from sagong.server.webhooks.endpoint import Endpoint

log = logging.getLogger(__name__)

BUFFER = 10_000
BATCH = 400
WAIT_SECONDS = 30.0
CALL_SECONDS = 30.0
TRIES = 4
FIRST_RETRY_SECONDS = 10.0
_SERVER_ERRORS = 500


class Webhook:
    """`run` sends until cancelled."""

    def __init__(self, endpoint: Endpoint, client: WebhookClient, clock: Clock) -> None:
        self._endpoint, self._client, self._clock = endpoint, client, clock
        self._events: deque[dict[str, Any]] = deque()
        self._full = asyncio.Event()
        self.dropped = 0

    def send(self, events: Iterable[dict[str, Any]]) -> None:
        """Queue events."""
        for event in events:
            if len(self._events) >= BUFFER:
                self.dropped += 1
                continue
            self._events.append(event)
        if len(self._events) >= BATCH:
            self._full.set()

    async def run(self) -> None:
        """Send batches: full ones at once, others after a while."""
        while True:
            await self._gathered()
            await self._send_batch()

    def close(self) -> None:
        """Forget what was not sent."""
        if self._events:
            log.info("%d audit events were not sent", len(self._events))

    async def _gathered(self) -> None:
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(self._clock.sleep(WAIT_SECONDS))
            full = group.create_task(self._full.wait())
            await asyncio.wait([timer, full], return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()
            full.cancel()

    async def _send_batch(self) -> None:
        batch = [self._events.popleft() for _ in range(min(BATCH, len(self._events)))]
        if len(self._events) < BATCH:
            self._full.clear()
        if not batch:
            return
        body = msgspec.json.encode({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": batch})
        delay = FIRST_RETRY_SECONDS
        for attempt in range(TRIES):
            if await self._post(body):
                return
            if attempt < TRIES - 1:
                await self._clock.sleep(delay)
                delay *= 1.5
        self.dropped += len(batch)
        log.error("%d audit events were dropped: %s takes none", len(batch), self._endpoint.url)

    async def _post(self, body: bytes) -> bool:
        try:
            reply = await self._client.post(self._endpoint, "?timeout=30s", body, CALL_SECONDS)
        except CallError as error:
            log.info("audit webhook: %s", error)
            return False
        return reply.status < _SERVER_ERRORS
