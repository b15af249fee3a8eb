"""Indexes of an indexed job as its status spells them: `1,3-5,7`; two neighbours as `3,4`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sagong.api.types.core import Pod

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES, IGNORED_FAILURES = "batch.kubernetes.io/job-index-failure-count", "batch.kubernetes.io/job-index-ignored-failure-count"


def parse(text: str, completions: int) -> set[int]:
    """Read indexes below `completions`; what cannot be read is left out."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            found.update(range(int(first), min(int(last or first) + 1, completions)))
    return found


def render(indexes: Iterable[int]) -> str:
    """Spell indexes."""
    return ",".join(
        str(first) if first == last else f"{first},{last}" if last == first + 1 else f"{first}-{last}" for first, last in _runs(indexes)
    )


def index_of(pod: Pod) -> int | None:
    """Return the pod's completion index."""
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isdigit() else None


def failures(pod: Pod) -> int:
    """Return how often the pod's index had failed before it, counted failures only."""
    return _count(pod, FAILURES)


def all_failures(pod: Pod) -> int:
    """Return the same with the failures that a policy ignored."""
    return _count(pod, FAILURES) + _count(pod, IGNORED_FAILURES)


def ignored_failures(pod: Pod) -> int:
    """Return how often the pod's index had failed in a way that is ignored."""
    return _count(pod, IGNORED_FAILURES)


def _count(pod: Pod, annotation: str) -> int:
    text = pod.metadata.annotations.get(annotation, "")
    return int(text) if text.isdigit() else 0


def _runs(indexes: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for index in sorted(indexes):
        if last is not None and index == last + 1:
            last = index
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = index
    if first is not None and last is not None:
        yield first, last
