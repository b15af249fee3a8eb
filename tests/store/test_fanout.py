"""Watches with an interest get what it names, before or after a change, and nothing of them stays when they go."""

from __future__ import annotations

from collections.abc import Iterator

from sagong.store.base import Event, Interest
from sagong.store.log import Log


def _words(event: Event) -> Iterator[str]:
    for value in (event.value, event.previous):
        yield from (value or b"").decode().split()


def test_interests() -> None:
    log = Log()
    both = [log.watch("/registry/pods/", 0, 10, Interest(_words, word)) for word in ("a", "b")]
    one = log.watch("/registry/pods/ns/x", 0, 10, Interest(_words, "a"))
    every = log.watch("/registry/pods/", 0, 10)
    for revision, (key, value) in enumerate(
        (("ns/x", b"a"), ("ns/x", b"b a"), ("ns/y", b"a"), ("ns/x", b"c"), ("ns/x", b"c"), ("ns/y", None)), 1
    ):
        log.publish([log.apply(f"/registry/pods/{key}", value, revision)])
    assert [event.revision for event in both[0].take()] == [1, 2, 3, 4, 6]
    assert [event.revision for event in both[1].take()] == [2, 4]
    assert [event.revision for event in one.take()] == [1, 2, 4]
    assert [event.revision for event in every.take()] == [1, 2, 3, 4, 5, 6]
    late = log.watch("/registry/pods/", 5, 10, Interest(_words, "a"))
    assert [event.revision for event in late.take()] == [6]
    for watch in (*both, one, every, late):
        assert not watch.ended
        watch.close()
        assert watch.ended
    assert (log.fanout._buckets, log.fanout._interested) == ({}, {})


def test_a_part_of_what_waits_is_taken_in_order() -> None:
    log = Log()
    watch = log.watch("/registry/", 0, 4)
    log.publish([log.apply(f"/registry/a/{n}", b"x" * 10, n) for n in range(1, 5)])
    assert [event.revision for event in watch.take(15)] == [1, 2]
    assert [event.revision for event in watch.take(1)] == [3]
    log.publish([log.apply("/registry/a/5", b"x" * 10, 5)])
    assert [event.revision for event in watch.take(1000)] == [4, 5]
    assert not watch.pending
    woken = []
    watch.notify(lambda: woken.append(len(watch._queue)))
    log.publish([log.apply("/registry/a/6", b"x", 6)])
    watch.close()
    assert woken == [1, 0]
