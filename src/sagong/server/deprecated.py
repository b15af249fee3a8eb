"""Built-in resources that upstream has deprecated and goes on serving, by version and name."""

from __future__ import annotations

from collections.abc import Mapping

DEPRECATED: Mapping[tuple[str, str], str] = {
    ("v1", "componentstatuses"): "v1 ComponentStatus is deprecated in v1.19+",
    ("v1", "endpoints"): "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
}
