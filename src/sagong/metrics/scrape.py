"""One scrape of a kubelet's /metrics/resource, as values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

_LINE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+\S+)?")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_PLAIN = {"n": "\n"}


class PodKey(NamedTuple):
    """Names a pod."""

    namespace: str
    name: str


@dataclass(slots=True)
class Sample:
    """What one node or container used: core-seconds since it began, bytes now. `began` is 0 where that is not known."""

    cpu: float = 0.0
    memory: float = 0.0
    began: float = 0.0


@dataclass(slots=True)
class Scrape:
    """A node at one moment (seconds since the epoch)."""

    at: float
    node: Sample = field(default_factory=Sample)
    pods: dict[PodKey, dict[str, Sample]] = field(default_factory=dict)


_FIELDS = {
    "node_cpu_usage_seconds_total": "cpu",
    "node_memory_working_set_bytes": "memory",
    "container_cpu_usage_seconds_total": "cpu",
    "container_memory_working_set_bytes": "memory",
    "container_start_time_seconds": "began",
}


def parse(text: str, at: float) -> Scrape:
    """Read Prometheus' text; what is of no interest here, or cannot be read, is passed over."""
    found = Scrape(at)
    for name, labels, value in _samples(text):
        attribute = _FIELDS.get(name)
        if attribute is None:
            continue
        if name.startswith("node_"):
            setattr(found.node, attribute, value)
            continue
        pod = PodKey(labels.get("namespace", ""), labels.get("pod", ""))
        if pod.name and labels.get("container"):
            sample = found.pods.setdefault(pod, {}).setdefault(labels["container"], Sample())
            setattr(sample, attribute, value)
    return found


def _samples(text: str) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for line in text.splitlines():
        match = _LINE.fullmatch(line) if line and not line.startswith("#") else None
        if match is None:
            continue
        try:
            value = float(match["value"])
        except ValueError:
            continue
        yield match["name"], {name: _unescaped(label) for name, label in _LABEL.findall(match["labels"] or "")}, value


def _unescaped(label: str) -> str:
    return _ESCAPED.sub(lambda match: _PLAIN.get(match[1], match[1]), label) if "\\" in label else label
