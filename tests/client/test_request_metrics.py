"""What a client counts of its requests to a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.exposed import Exposed, exposed
from tests.network.api import api

from sagong.api.errors import NotFoundError
from sagong.api.exposition import exposition
from sagong.api.types.core import ConfigMap, Node
from sagong.api.types.meta import ObjectMeta

WHO = {"verb", "host"}
TABLE: dict[str, Exposed] = {
    "rest_client_requests_total": ("counter", {"code", "method", "host"}),
    **{
        f"rest_client_{name}": ("histogram", WHO)
        for name in ("request_duration_seconds", "rate_limiter_duration_seconds", "request_size_bytes", "response_size_bytes")
    },
}


async def test_each_request_is_counted_timed_and_measured(tmp_path: Path) -> None:
    async with api(tmp_path) as client:
        metrics = client.transport.metrics
        _, before = exposed(exposition(metrics.families()))
        await client.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="default"), data={"a": "x" * 5000}))
        with pytest.raises(NotFoundError):
            await client.get(Node, "nowhere")
        found, samples = exposed(exposition(metrics.families()))
        host = f'host="{client.transport.pool.authority}"'
    assert found == TABLE

    def more(name: str, labels: str) -> float:
        sample = f"rest_client_{name}{{{labels}}}"
        return samples[sample] - before.get(sample, 0)

    assert more("requests_total", f'code="404",{host},method="GET"') == 1
    for verb in ("GET", "POST"):
        for name in ("request_duration_seconds", "rate_limiter_duration_seconds", "request_size_bytes", "response_size_bytes"):
            assert more(f"{name}_count", f'{host},verb="{verb}"') == 1, (verb, name)
        assert more("request_duration_seconds_sum", f'{host},verb="{verb}"') > 0
    assert more("request_size_bytes_sum", f'{host},verb="POST"') > 5000
    assert more("response_size_bytes_bucket", f'{host},le="4096",verb="POST"') == 0
    assert more("request_size_bytes_sum", f'{host},verb="GET"') == 0
