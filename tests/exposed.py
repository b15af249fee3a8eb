"""Reads a page of metrics: which families there are, of which type and with which labels, and each sample."""

from __future__ import annotations

import re
from collections import defaultdict

Exposed = tuple[str, set[str]]


def exposed(page: str) -> tuple[dict[str, Exposed], dict[str, float]]:
    """Return (type, labels) by family, `le` left out, and values by sample as it is written. Each family is there once."""
    types: dict[str, str] = {}
    labels: dict[str, set[str]] = defaultdict(set)
    samples: dict[str, float] = {}
    for line in page.splitlines():
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split()
            assert name not in types, f"{name} is there twice"
            types[name] = kind
        elif not line.startswith("#"):
            sample, _, value = line.rpartition(" ")
            assert sample not in samples, f"{sample} is there twice"
            samples[sample] = float(value)
            name = sample.partition("{")[0]
            family = name if name in types else re.sub("_(bucket|sum|count)$", "", name)
            labels[family] |= set(re.findall(r'(\w+)="', sample)) - {"le"}
    return {name: (kind, labels[name]) for name, kind in types.items()}, samples
