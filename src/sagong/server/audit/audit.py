"""The audit at its place in the request chain: begins a record once it is known who asks, ends it with the answer."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from sagong.api.clock import Clock
from sagong.api.exposition import Metric
from sagong.api.resources import ResourceTable
from sagong.server.audit.log_file import LogFile, Rotation
from sagong.server.audit.policy import COMPLETE, NONE, PANIC, RECEIVED, STARTED, Policy, decide, parse
from sagong.server.audit.record import Record, moment
from sagong.server.config import ServerConfig
from sagong.server.contract import User
from sagong.server.exchange import Exchange
from sagong.server.messages import Answer, Request, Response
from sagong.server.webhooks.client import WebhookClient

log = logging.getLogger(__name__)

UNAUTHORIZED = 401
_NOBODY = User("")


class Backend(Protocol):
    """Takes events."""

    def send(self, events: Iterable[dict[str, Any]]) -> None:
        """Take events; must not wait."""
        ...

    def close(self) -> None:
        """Finish."""
        ...


class Audit:
    """The auditor of a server."""

    def __init__(self, policy: Policy, backends: Sequence[Backend], table: ResourceTable, clock: Clock) -> None:
        self._policy, self._backends, self._table, self._clock = policy, backends, table, clock
        self.failed = self._sent = 0
        self._levels: Counter[str] = Counter()

    async def begin(self, exchange: Exchange) -> None:
        """Begin a record, if the policy wants one."""
        record = self._record(exchange)
        if record is not None:
            exchange.audit = record
            self._emit(record, RECEIVED)

    def authorized(self, exchange: Exchange, reason: str, *, allowed: bool) -> None:
        """Note what was decided."""
        exchange.annotations["authorization.k8s.io/decision"] = "allow" if allowed else "forbid"
        exchange.annotations["authorization.k8s.io/reason"] = reason

    def answered(self, exchange: Exchange, answer: Answer) -> None:
        """Note the answer: the end, unless it streams."""
        record = exchange.audit
        if record is None:
            if answer.status != UNAUTHORIZED:
                return
            exchange.user = _NOBODY
            if (record := self._record(exchange)) is not None:
                record.failed(_unauthenticated(exchange.request))
                self._emit(record, STARTED)
            return
        assert isinstance(record, Record)
        if exchange.panic:
            text = f"APIServer panic'd: {exchange.panic}"
            record.failed({"metadata": {}, "status": "Failure", "message": text, "reason": "InternalError", "code": 500})
            self._emit(record, PANIC)
            return
        info = exchange.info
        row = self._table.by_path(info.group, info.version, info.resource) if info.resource_request else None
        record.answered(answer, row)
        if isinstance(answer, Response) and not exchange.info.long_running:
            self._emit(record, COMPLETE)
            return
        self._emit(record, STARTED)
        if isinstance(answer, Response):
            self._emit(record, COMPLETE)

    def ended(self, exchange: Exchange) -> None:
        """Note the end of an answer that streamed."""
        if isinstance(exchange.audit, Record):
            self._emit(exchange.audit, COMPLETE)

    def families(self) -> Iterator[Metric]:
        """Yield what /metrics shows."""
        events = Metric("apiserver_audit_event_total", "counter", "How many audit events were made and sent.")
        events.add(self._sent)
        levels = Metric("apiserver_audit_level_total", "counter", "How many requests the audit policy gave each level.")
        for level, count in self._levels.items():
            levels.add(count, level=level)
        errors = Metric("apiserver_audit_error_total", "counter", "How many audit events could not be written.")
        errors.add(self.failed, plugin="log")
        yield from (events, levels, errors)

    async def run(self) -> None:
        """Finish the backends when the server ends."""
        try:
            await asyncio.Event().wait()
        finally:
            for backend in self._backends:
                backend.close()

    def _record(self, exchange: Exchange) -> Record | None:
        decision = decide(self._policy, exchange.user, exchange.info)
        self._levels[decision.level] += 1
        return None if decision.level == NONE else Record(exchange, decision, moment(self._clock.now()))

    def _emit(self, record: Record, stage: str) -> None:
        if stage in record.decision.omit_stages:
            return
        event = record.event(stage, moment(self._clock.now()))
        self._sent += 1
        for backend in self._backends:
            try:
                backend.send((event,))
            except OSError as error:
                self.failed += 1
                log.error("an audit event was lost: %s", error)  # noqa: TRY400 - the message says it all


def plug(
    config: ServerConfig, table: ResourceTable, webhooks: WebhookClient, clock: Clock
) -> tuple[Audit, list[Callable[[], Coroutine[None, None, None]]]]:
    """Make the auditor that the configuration asks for, and what runs beside it. Raises OSError, ValueError."""
    policy = parse(Path(config.audit_policy).read_bytes())
    backends: list[Backend] = []
    loops: list[Callable[[], Coroutine[None, None, None]]] = []
    if config.audit_log:
        rotation = Rotation(config.audit_log_max_size, config.audit_log_max_backups, config.audit_log_max_age)
        backends.append(LogFile(config.audit_log, rotation, clock))
    if config.audit_webhook:
        from sagong.server.audit.webhook import Webhook  # noqa: PLC0415 - for servers that have one
        from sagong.server.webhooks.kubeconfig import endpoint_of_kubeconfig  # noqa: PLC0415 - the same

        webhook = Webhook(endpoint_of_kubeconfig(config.audit_webhook), webhooks, clock)
        backends.append(webhook)
        loops.append(webhook.run)
    audit = Audit(policy, backends, table, clock)
    return audit, [audit.run, *loops]


def _unauthenticated(request: Request) -> dict[str, Any]:
    scheme = request.header("authorization").partition(" ")[0].lower()
    tried = [scheme] if scheme in ("basic", "bearer") else []
    tried += ["x509"] if request.peer.certificate is not None else []
    text = f"attempted: {', '.join(tried)}" if tried else "no credentials provided"
    return {"metadata": {}, "status": "Failure", "message": f"Authentication failed, {text}", "code": UNAUTHORIZED}
