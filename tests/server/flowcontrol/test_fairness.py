"""Priority and fairness in a whole server: headers, turning away, waiting, the Dangling condition, dumps, metrics."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.server.harness import Api, config_map, running

from sagong.server.flowcontrol.fairness import Fairness
from sagong.server.flowcontrol.queues import Outcome, QueueSet, Ticket

GROUP = "/apis/flowcontrol.apiserver.k8s.io/v1"
MAPS = "/api/v1/namespaces/default/configmaps"
DUMPS = "/debug/api_priority_and_fairness"
EMPTY: dict[str, Any] = {"type": "Reject"}
QUEUE = {"type": "Queue", "queuing": {"queues": 4, "handSize": 2, "queueLengthLimit": 10}}


def level(name: str, response: dict[str, Any]) -> dict[str, Any]:
    limited = {"nominalConcurrencyShares": 1, "lendablePercent": 0, "borrowingLimitPercent": 0, "limitResponse": response}
    return {"metadata": {"name": name}, "spec": {"type": "Limited", "limited": limited}}


def schema(name: str, to: str, precedence: int = 50) -> dict[str, Any]:
    resources = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}]
    rules = [{"subjects": [{"kind": "User", "user": {"name": "jane"}}], "resourceRules": resources}]
    spec = {"matchingPrecedence": precedence, "priorityLevelConfiguration": {"name": to}, "rules": rules}
    return {"metadata": {"name": name}, "spec": {**spec, "distinguisherMethod": {"type": "ByUser"}}}


async def admit_jane(api: Api) -> None:
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subjects = [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]
    binding = {"metadata": {"name": "jane"}, "roleRef": role, "subjects": subjects}
    await api.ok("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)


def queues_of(api: Api, name: str) -> QueueSet:
    fairness = api.server.pipeline.stages[2]
    assert isinstance(fairness, Fairness)
    return fairness.levels.levels[name].queues


async def until(true: Any) -> None:
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110 - the server is asked as a client would
            await asyncio.sleep(0.01)


async def configured(api: Api, response: dict[str, Any]) -> tuple[str, str]:
    await admit_jane(api)
    made = await api.ok("POST", f"{GROUP}/prioritylevelconfigurations", level("tight", response))
    flow = await api.ok("POST", f"{GROUP}/flowschemas", schema("jane", "tight"))

    async def known() -> bool:
        answer = await api("GET", f"{MAPS}/none", user="jane")
        return answer.header("x-kubernetes-pf-flowschema-uid") == str(flow["metadata"]["uid"])

    await until(known)
    return flow["metadata"]["uid"], made["metadata"]["uid"]


async def test_answers_name_their_schema_and_level(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        exempt = await api.ok("GET", f"{GROUP}/flowschemas/exempt")
        for path in ("/api/v1/pods", "/healthz", MAPS, f"{MAPS}/none"):
            answer = await api("GET", path)
            assert answer.header("x-kubernetes-pf-flowschema-uid") == exempt["metadata"]["uid"]
        flow = await api.ok("GET", f"{GROUP}/flowschemas/global-default")
        made = await api.ok("GET", f"{GROUP}/prioritylevelconfigurations/global-default")
        answer = await api("GET", MAPS, user="jane")
        assert answer.status == 403  # who may not is told so in its own level
        assert answer.header("x-kubernetes-pf-flowschema-uid") == flow["metadata"]["uid"]
        assert answer.header("x-kubernetes-pf-prioritylevel-uid") == made["metadata"]["uid"]


async def test_what_does_not_fit_is_turned_away(tmp_path: Path) -> None:
    async with running(tmp_path, max_requests_inflight=1, max_mutating_requests_inflight=0) as api:
        uids = await configured(api, EMPTY)
        queues, held = queues_of(api, "tight"), Ticket(1)
        assert queues.arrive(held, api.server.clock.monotonic()) is Outcome.RUNS
        answer = await api("GET", MAPS, user="jane")
        assert (answer.status, answer.raw) == (429, b"Too many requests, please try again later.\n")
        assert answer.header("retry-after") == "1"
        assert answer.header("content-type") == "text/plain; charset=utf-8"
        assert (answer.header("x-kubernetes-pf-flowschema-uid"), answer.header("x-kubernetes-pf-prioritylevel-uid")) == uids
        assert (await api("GET", f"{MAPS}/none", user="jane")).status == 429
        assert (await api("GET", MAPS)).status == 200  # the administrator is exempt
        queues.finish(held, api.server.clock.monotonic())
        assert (await api("GET", MAPS, user="jane")).status == 200
        metrics = (await api("GET", "/metrics")).raw.decode()
        assert (
            'apiserver_flowcontrol_rejected_requests_total{flow_schema="jane",priority_level="tight",reason="concurrency-limit"} 2'
            in metrics
        )
        assert 'apiserver_flowcontrol_nominal_limit_seats{priority_level="tight"} 1' in metrics


async def test_what_does_not_fit_waits_its_turn_and_not_longer_than_a_quarter_of_its_time(tmp_path: Path) -> None:
    async with running(tmp_path, max_requests_inflight=1, max_mutating_requests_inflight=0) as api:
        await configured(api, QUEUE)
        queues, held = queues_of(api, "tight"), Ticket(1, (0, 1))
        queues.arrive(held, api.server.clock.monotonic())
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(api("POST", MAPS, config_map("later"), user="jane"))

            async def queued() -> bool:
                return bool(queues.waiting)

            await until(queued)
            dump = (await api("GET", f"{DUMPS}/dump_requests?includeRequestDetails=1")).raw.decode()
            assert any("jane" in line and "create" in line and "tight" in line for line in dump.splitlines())
            assert not waiting.done()
            other = await api.connect("jane")
            await other.send("GET", f"{MAPS}?timeout=400ms")
            assert (await other.receive()).status == 429
            assert queues.tally.timed_out == 1
            fairness = api.server.pipeline.stages[2]
            assert isinstance(fairness, Fairness)
            for ticket in queues.finish(held, api.server.clock.monotonic()):
                ticket.future.set_result(None)  # type: ignore[attr-defined] # a Seat
        assert waiting.result().status == 201
        assert queues.idle


async def test_a_watch_holds_its_seat_only_while_it_begins(tmp_path: Path) -> None:
    async with running(tmp_path, max_requests_inflight=1, max_mutating_requests_inflight=0) as api:
        await configured(api, EMPTY)
        await api.ok("POST", MAPS, config_map("a"))
        watch = await api.watch(f"{MAPS}?watch=1", user="jane")
        assert watch.status == 200
        assert (await watch.event() or {})["type"] == "ADDED"
        queues, fairness = queues_of(api, "tight"), api.server.pipeline.stages[2]
        assert isinstance(fairness, Fairness)
        assert (queues.idle, sum(fairness.watches.values())) == (True, 1)
        await watch.close()

        async def forgotten() -> bool:
            return not fairness.watches

        await until(forgotten)


async def test_a_schema_knows_whether_its_level_is_there(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api.ok("POST", f"{GROUP}/flowschemas", schema("lost", "nowhere"))

        async def says(status: str, reason: str, text: str) -> bool:
            conditions = (await api.ok("GET", f"{GROUP}/flowschemas/lost")).get("status", {}).get("conditions", [])
            return [(c["type"], c["status"], c["reason"], c["message"]) for c in conditions] == [("Dangling", status, reason, text)]

        about = 'This FlowSchema references the PriorityLevelConfiguration object named "nowhere"'
        await until(lambda: says("True", "NotFound", f"{about} but there is no such object"))
        await api.ok("POST", f"{GROUP}/prioritylevelconfigurations", level("nowhere", EMPTY))
        await until(lambda: says("False", "Found", f"{about} and it exists"))
        entries = (await api.ok("GET", f"{GROUP}/flowschemas/lost"))["metadata"]["managedFields"]
        assert [(entry["manager"], entry["operation"], entry.get("subresource")) for entry in entries] == [
            ("api-priority-and-fairness-config-consumer-v1", "Apply", "status"),
            ("test", "Update", None),
        ]


async def test_dumps_have_upstreams_columns(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        await api("GET", MAPS, user="jane")
        lines = (await api("GET", f"{DUMPS}/dump_priority_levels")).raw.decode().splitlines()
        assert lines[0].split() == [
            *("PriorityLevelName,", "ActiveQueues,", "IsIdle,", "IsQuiescing,", "WaitingRequests,", "ExecutingRequests,"),
            *("DispatchedRequests,", "RejectedRequests,", "TimedoutRequests,", "CancelledRequests"),
        ]
        rows = {line.split(",")[0]: [cell.strip() for cell in line.split(",")] for line in lines[1:]}
        assert set(rows) >= {"exempt", "catch-all", "system", "node-high", "workload-low", "global-default"}
        assert rows["global-default"][2:] == ["true", "false", "0", "0", "1", "0", "0", "0"]
        assert len((await api("GET", f"{DUMPS}/dump_queues")).raw.splitlines()) == 1 + 64 * 2 + 16 + 128 * 3
        assert (await api("GET", f"{DUMPS}/dump_requests")).raw.startswith(b"PriorityLevelName, FlowSchemaName,")
        assert (await api("GET", f"{DUMPS}/nothing")).status == 404


async def test_two_plain_bounds_without_priority_and_fairness(tmp_path: Path) -> None:
    async with running(tmp_path, priority_and_fairness=False, max_requests_inflight=0, max_mutating_requests_inflight=1) as api:
        await admit_jane(api)
        assert not (await api("GET", MAPS)).header("x-kubernetes-pf-flowschema-uid")
        assert (await api("POST", MAPS, config_map("a"), user="jane")).status == 201
        assert (await api("POST", MAPS, config_map("b"), user="jane")).status == 201


async def test_a_client_says_how_long_its_request_may_take(tmp_path: Path) -> None:
    async with running(tmp_path) as api:
        answer = await api("GET", f"{MAPS}?timeout=soon")
        assert (answer.status, answer.body["message"]) == (
            400,
            'invalid timeout specified in the request URL - time: invalid duration "soon"',
        )
        answer = await api("GET", f"{MAPS}?resourceVersion=99999&timeout=200ms")
        assert (answer.status, answer.body["reason"]) == (504, "Timeout")
        assert answer.body["message"] == "Timeout: request did not complete within the allotted timeout"
        assert (await api("GET", f"{MAPS}?timeout=0s")).status == 200
