"""How long certificates hold, as a rotator gets and replaces them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.node.meters.page import read
from tests.node.test_certificates import DAY, Bench

from sagong.api.types.certificates import CertificateSigningRequestCondition
from sagong.node.certificates import client_certificate, serving_certificate
from sagong.node.meter import KubeletMeter

INFINITY = float("inf")


class Enough(Exception):  # noqa: N818 - ends a loop that has no end
    pass


async def test_a_client_certificate_runs_down_and_its_failures_count(tmp_path: Path) -> None:
    bench = Bench(tmp_path, client_certificate("n1"))
    meter = KubeletMeter(bench.clock)
    counted = meter.certificate("client", bench.rotator.current)

    def failed() -> None:
        counted.failed()
        raise Enough

    bench.rotator.failed = failed
    table = {"certificate_manager_client_ttl_seconds": ("gauge", set[str]())}
    assert read(meter, table)["certificate_manager_client_ttl_seconds"] == INFINITY
    await bench.rotator.renew()
    bench.clock.move(9 * DAY)
    assert read(meter, table)["certificate_manager_client_ttl_seconds"] == DAY
    bench.clock.move(2 * DAY)
    assert read(meter, table)["certificate_manager_client_ttl_seconds"] == -DAY
    bench.api.condition = CertificateSigningRequestCondition(type="Denied", status="True")
    with pytest.raises(Enough):
        await bench.rotator.run()
    assert read(meter, table)["certificate_manager_client_expiration_renew_errors"] == 1


async def test_a_serving_certificate_tells_how_old_the_one_before_was(tmp_path: Path) -> None:
    bench = Bench(tmp_path, serving_certificate("n1", ["10.0.0.1"]))
    meter = KubeletMeter(bench.clock)
    bench.rotator.replaced = meter.certificate("server", bench.rotator.current).replaced
    await bench.rotator.renew()
    age = "certificate_manager_server_rotation_seconds"
    table = {
        age: ("histogram", set[str]()),
        "server_expiration_renew_errors": ("counter", set[str]()),
        "certificate_manager_server_ttl_seconds": ("gauge", set[str]()),
    }
    assert read(meter, table)[f"{age}_count"] == 0, "the first replaces none"
    bench.clock.move(8 * DAY)
    await bench.rotator.renew()
    samples = read(meter, table)
    assert (samples[f"{age}_count"], samples[f'{age}_bucket{{le="604800"}}']) == (1, 0)
    assert samples[f"{age}_sum"] == pytest.approx(8 * DAY, abs=10)
