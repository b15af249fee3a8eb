"""The informer's contract: whatever happens to its watch, the copy becomes what the server has, and handlers hear of it in order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from tests.client.scripted import AT_ONCE, MIDWAY, End, How, ScriptedServer
from tests.virtual import loop
from tests.virtual.loop import SeededRandom, VirtualClock

from sagong.api.errors import ApiError, ForbiddenError, GoneError
from sagong.api.types.core import ConfigMap
from sagong.client.client import Client
from sagong.client.config import ClientConfig
from sagong.client.connection import ServerUnreachableError
from sagong.client.informer import FIRST_PAUSE, LONGEST_PAUSE, PAGE, TRIES, Informer

Change = Callable[[ScriptedServer], Any]
CHANGES: tuple[Change, ...] = (
    lambda server: server.put("a", "2"),
    lambda server: server.put("c", "1"),
    lambda server: server.delete("b"),
    lambda server: server.bookmark(),
    lambda server: server.put("b", "3", uid="another"),
    lambda server: server.put("c", "2"),
    lambda server: server.delete("a"),
    lambda server: server.put("d", "1"),
)
FOR_LONG = 60.0


class Mirror:
    """What a handler can know; each of its calls must follow from the ones before."""

    def __init__(self) -> None:
        self.objects: dict[str, ConfigMap] = {}
        self.calls: list[tuple[str, str]] = []

    def hear(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        either = new or old
        assert either is not None
        name = either.metadata.name
        assert self.objects.get(name) is old, f"{name}: the old one is not what was told last"
        if new is None:
            del self.objects[name]
            self.calls.append((name, "gone"))
        else:
            assert old is None or old.metadata.uid == new.metadata.uid, "another object of the name is no change of the first"
            self.objects[name] = new
            self.calls.append((name, new.data["value"]))


class Followed:
    """An informer at work on a server."""

    def __init__(self, server: ScriptedServer, **options: Any) -> None:
        self.server, self.clock = server, server.clock
        client = Client(ClientConfig("http://server.invalid"), clock=server.clock, random=SeededRandom(1), transport=server)
        self.informer: Informer[ConfigMap] = Informer(client, ConfigMap, **options)
        self.mirror = Mirror()
        self.informer.add_handler(self.mirror.hear)

    def check(self) -> None:
        """Insist that copy, index and handlers know what the server has."""
        wanted = {name: (obj["metadata"]["uid"], obj["data"]["value"]) for name, obj in self.server.live.items()}
        for shown in (self.informer.list(), self.informer.list("n"), self.mirror.objects.values()):
            assert {obj.metadata.name: (obj.metadata.uid, obj.data["value"]) for obj in shown} == wanted


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop.run(main())


@asynccontextmanager
async def following(*ends: End, chunk: int = 0, **options: Any) -> AsyncIterator[Followed]:
    """Follow a server that has `a` and `b`; it is in sync."""
    server = ScriptedServer(VirtualClock(asyncio.get_running_loop()), ends=ends, chunk=chunk)
    server.put("a", "1")
    server.put("b", "1")
    followed = Followed(server, **options)
    task = asyncio.ensure_future(followed.informer.run())
    await followed.informer.wait_synced()
    try:
        yield followed
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("apart", [0.0, 0.03], ids=["at once", "one after the other"])
@pytest.mark.parametrize("after", range(len(CHANGES) + 1))
@pytest.mark.parametrize("how", MIDWAY)
def test_a_watch_that_ends_after_any_event(how: How, after: int, apart: float) -> None:
    async def main() -> None:
        async with following(End(how, after)) as followed:
            for change in CHANGES:
                change(followed.server)
                await asyncio.sleep(apart)
            await asyncio.sleep(FOR_LONG)
            followed.check()
            lists = followed.server.asked.count("list")
            if how != "gone":
                assert lists == 1, "it goes on where it was"
                each = [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("b", "gone"), ("b", "3"), ("c", "2"), ("a", "gone"), ("d", "1")]
                assert followed.mirror.calls == each, "each change is told once, in order"
            else:
                assert lists == 2

    run(main)


@pytest.mark.parametrize("how", AT_ONCE)
def test_watches_that_do_not_begin(how: How) -> None:
    async def main() -> None:
        async with following(*[End(how)] * 5) as followed:
            for change in CHANGES:
                change(followed.server)
                await asyncio.sleep(0.2)
            await asyncio.sleep(FOR_LONG)
            followed.check()
            assert not followed.server.ends

    run(main)


@pytest.mark.parametrize(("refusals", "lists"), [(1, 1), (TRIES - 1, 1), (TRIES, 2), (2 * TRIES, 3)])
def test_a_watch_that_is_refused_again_and_again(refusals: int, lists: int) -> None:
    async def main() -> None:
        async with following(*[End("refused")] * refusals) as followed:
            await asyncio.sleep(FOR_LONG)
            followed.server.put("new", "1")
            await asyncio.sleep(FOR_LONG)
            followed.check()
            assert followed.server.asked.count("list") == lists, "it goes on where it was, but not for ever"

    run(main)


@pytest.mark.parametrize("seed", range(20))
def test_any_row_of_ends(seed: int) -> None:
    async def main() -> None:
        random = SeededRandom(seed)
        ends = tuple(End((*MIDWAY, *AT_ONCE)[int(random.uniform() * 6)], int(random.uniform() * 4)) for _ in range(12))
        async with following(*ends) as followed:
            for change in itertools.islice(itertools.cycle(CHANGES[:6]), 60):
                if random.uniform() < 0.1:
                    followed.server.compact()
                if change is not CHANGES[2] or "b" in followed.server.live:
                    change(followed.server)
                await asyncio.sleep(random.uniform())
            await asyncio.sleep(FOR_LONG)
            followed.check()

    run(main)


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_events_that_come_in_pieces(chunk: int) -> None:
    async def main() -> None:
        async with following(chunk=chunk) as followed:
            for change in CHANGES:
                change(followed.server)
            await asyncio.sleep(FOR_LONG)
            followed.check()

    run(main)


def test_what_vanished_while_nobody_watched_is_told_when_history_is_gone() -> None:
    async def main() -> None:
        async with following(End("lost", 0)) as followed:
            followed.server.delete("a")
            followed.server.delete("b")
            followed.server.put("b", "2")
            followed.server.compact()
            await asyncio.sleep(FOR_LONG)
            followed.check()
            assert followed.server.asked == ["list", "watch 102", "watch 102", "list", "watch 105"]
            assert followed.mirror.calls[2:] == [("a", "gone"), ("b", "gone"), ("b", "2")]

    run(main)


def test_a_list_after_which_nothing_is_new_tells_nothing() -> None:
    async def main() -> None:
        async with following(End("gone", 0)) as followed:
            await asyncio.sleep(FOR_LONG)
            assert followed.server.asked.count("list") == 2
            assert followed.mirror.calls == [("a", "1"), ("b", "1")]

    run(main)


def test_a_bookmark_is_where_the_watch_goes_on_and_what_waiters_wait_for() -> None:
    async def main() -> None:
        async with following(End("lost", 1)) as followed:
            marked = followed.server.bookmark()
            followed.server.compact()
            await followed.informer.wait_revision(str(marked))
            await asyncio.sleep(FOR_LONG)
            assert followed.server.asked == ["list", "watch 102", f"watch {marked}"]
            assert len(followed.mirror.calls) == 2, "it is no change"

    run(main)


@pytest.mark.parametrize(
    ("failures", "asked"),
    [
        ((), ["list", f"list {PAGE}", f"list {2 * PAGE}"]),
        ((None, GoneError("too old")), ["list", f"list {PAGE}", "list", f"list {PAGE}", f"list {2 * PAGE}"]),
        ((None, None, ServerUnreachableError("lost")), ["list", f"list {PAGE}", f"list {2 * PAGE}", f"list {2 * PAGE}"]),
        ((None, *[ApiError("not now")] * (TRIES - 1)), ["list", *[f"list {PAGE}"] * TRIES, f"list {2 * PAGE}"]),
        ((None, *[ApiError("not now")] * TRIES), ["list", *[f"list {PAGE}"] * TRIES, "list", f"list {PAGE}", f"list {2 * PAGE}"]),
        ((None, ForbiddenError("no more")), ["list", f"list {PAGE}", "list", f"list {PAGE}", f"list {2 * PAGE}"]),
        ((ApiError("not now"), ApiError("not now")), ["list", "list", "list", f"list {PAGE}", f"list {2 * PAGE}"]),
    ],
)
def test_a_list_of_many_pages(failures: tuple[Exception | None, ...], asked: list[str]) -> None:
    async def main() -> None:
        server = ScriptedServer(VirtualClock(asyncio.get_running_loop()))
        for number in range(2 * PAGE + 1):
            server.put(f"m{number:05}", "1")
        server.lists.extend(failures)
        followed = Followed(server)
        task = asyncio.ensure_future(followed.informer.run())
        await followed.informer.wait_synced()
        assert server.asked[: len(asked)] == asked
        followed.check()
        assert len(followed.mirror.calls) == 2 * PAGE + 1
        task.cancel()

    run(main)


def test_pauses_grow_up_to_a_bound_and_begin_anew_after_a_watch_that_lasted() -> None:
    async def main() -> None:
        async with following(*[End("unreachable")] * 8, End("lost", 1), *[End("unreachable")] * 2) as followed:
            await asyncio.sleep(FOR_LONG)
            followed.server.put("a", "2")
            ended = followed.clock.monotonic()
            await asyncio.sleep(FOR_LONG)
            watches = followed.server.times[1:]
            pauses = [after - before for before, after in itertools.pairwise(watches)]
            for number, pause in enumerate(pauses[:8]):
                least = min(FIRST_PAUSE * 2**number, LONGEST_PAUSE)
                assert least <= pause <= 2 * least, "each up to twice as long, so that not all come back together"
            assert watches[9] == ended, "what lasted is resumed at once"
            for number, pause in enumerate(pauses[9:], 0):
                assert FIRST_PAUSE * 2**number <= pause <= 2 * FIRST_PAUSE * 2**number
            assert len(pauses[9:]) == 2

    run(main)


# Reading, and waiting for what one has written.


def test_indexes_follow_changes_also_those_added_later() -> None:
    async def main() -> None:
        async with following() as followed:
            informer, server = followed.informer, followed.server
            informer.add_index("value", lambda obj: obj.data.values())
            informer.add_index("value", lambda _: ("ignored",))
            assert [obj.metadata.name for obj in informer.by_index("value", "1")] == ["a", "b"]
            server.put("a", "2")
            server.delete("b")
            await informer.wait_revision(str(server.put("c", "1", namespace="m")))
            assert [obj.metadata.name for obj in informer.by_index("value", "1")] == ["c"]
            assert [obj.metadata.name for obj in informer.by_index("value", "2")] == ["a"]
            assert informer.by_index("value", "3") == ()
            assert [obj.metadata.name for obj in informer.list("m")] == ["c"]
            assert informer.get("m", "c") is informer.list("m")[0]
            assert informer.get("n", "c") is None
            assert len(informer) == 2

    run(main)


def test_a_handler_that_comes_late_hears_of_what_is_there() -> None:
    async def main() -> None:
        async with following() as followed:
            late = Mirror()
            followed.informer.add_handler(late.hear)
            followed.server.put("b", "2")
            await asyncio.sleep(1)
            assert late.calls == [("a", "1"), ("b", "1"), ("b", "2")]

    run(main)


def test_objects_are_kept_as_transformed_and_without_managed_fields() -> None:
    def shout(obj: ConfigMap) -> ConfigMap:
        obj.data = {"value": obj.data["value"] + "!"}
        return obj

    async def main() -> None:
        async with following(transform=shout) as followed:
            await followed.informer.wait_revision(str(followed.server.put("b", "2")))
            assert [(obj.data["value"], obj.metadata.managedFields) for obj in followed.informer.list()] == [("1!", []), ("2!", [])]

    run(main)


def test_revisions_are_waited_for() -> None:
    async def main() -> None:
        async with following() as followed:
            informer, done = followed.informer, []

            async def wait(revision: int) -> None:
                await informer.wait_revision(str(revision))
                done.append(revision)

            await informer.wait_revision("102")
            await informer.wait_revision("not a number: another server's")
            waiting = [asyncio.ensure_future(wait(revision)) for revision in (105, 103, 104, 999)]
            given_up = waiting.pop()
            await asyncio.sleep(0)
            given_up.cancel()
            for revision in (103, 104, 105):
                assert followed.server.put("a", str(revision)) == revision
                await asyncio.sleep(1)
                assert done[-1] == revision
            await asyncio.gather(*waiting)
            assert done == [103, 104, 105]

    run(main)


@pytest.mark.parametrize(
    ("uid", "change", "over"),
    [
        ("a-100", lambda server: server.delete("a"), True),
        ("", lambda server: server.delete("a"), True),
        ("a-100", lambda server: server.put("a", "2"), False),
        ("a-100", lambda server: server.put("a", "2", uid="another"), True),
        ("", lambda server: server.put("b", "2"), False),
    ],
)
def test_a_deletion_is_waited_for(uid: str, change: Change, *, over: bool) -> None:
    async def main() -> None:
        async with following() as followed:
            waiting = asyncio.ensure_future(followed.informer.wait_deleted("n", "a", uid))
            await asyncio.sleep(1)
            assert not waiting.done()
            change(followed.server)
            await asyncio.sleep(1)
            assert waiting.done() == over
            waiting.cancel()
            await followed.informer.wait_deleted("n", "a", "an earlier one's")
            await followed.informer.wait_deleted("n", "never", "")

    run(main)


def test_who_waits_is_let_go_when_nobody_follows_any_more() -> None:
    async def main() -> None:
        server = ScriptedServer(VirtualClock(asyncio.get_running_loop()))
        server.put("a", "1")
        followed = Followed(server)
        task = asyncio.ensure_future(followed.informer.run())
        await followed.informer.wait_synced()
        waiting = asyncio.gather(followed.informer.wait_revision(str(server.revision + 5)), followed.informer.wait_deleted("n", "a", ""))
        await asyncio.sleep(FOR_LONG)
        assert not waiting.done()
        task.cancel()
        async with asyncio.timeout(1):
            await waiting

    run(main)
