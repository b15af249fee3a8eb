"""What is asked about images, from the part that gets them."""

from __future__ import annotations

from pathlib import Path

from tests.exposed import exposed
from tests.node.meters.page import read
from tests.node.test_images import Bench, one, with_secret
from tests.node.test_images import docker_config as config

from sagong.api.exposition import exposition
from sagong.node.meter import KubeletMeter
from sagong.node.meters.images import records
from sagong.node.pull_records import PullRecords

TABLE = {
    "image_manager_ensure_image_requests_total": ("counter", {"pull_policy", "present_locally", "pull_required"}),
    "imagemanager_image_mustpull_checks_total": ("counter", {"result"}),
}


async def test_each_request_tells_whether_the_image_was_there_and_the_pods_to_use(tmp_path: Path) -> None:
    secrets = [config("right", **{"r.io": "yes"}), config("wrong", **{"r.io": "no"})]
    for number, secret in enumerate(secrets):
        secret.metadata.uid = f"s{number}"
    kept = PullRecords(tmp_path)
    bench = Bench("here:1", secrets=secrets, records=kept)
    meter = KubeletMeter(bench.clock)
    bench.images._meter = meter.images
    bench.runtime.password = "yes"
    await bench.ensure(one("here:1", "IfNotPresent"))
    await bench.ensure(with_secret("right"))
    await bench.ensure(with_secret("right"))
    await bench.fail(with_secret("wrong"))
    await bench.fail(one("r.io/app:1", "Never"))
    bench.clock.move(600)
    await bench.ensure(with_secret("right", "Always"))
    await bench.fail(one("NO", "IfNotPresent"))
    samples = read(meter, TABLE)
    asked = {
        ("ifnotpresent", "true", "false"): 2,
        ("ifnotpresent", "false", "true"): 1,
        ("ifnotpresent", "true", "true"): 1,
        ("never", "true", "true"): 1,
        ("always", "unknown", "true"): 1,
        ("ifnotpresent", "unknown", "unknown"): 1,
    }
    assert meter.images.requests.values == asked
    checks = {"credentialPolicyAllowed": 1, "credentialRecordFound": 1, "mustAuthenticate": 2}
    for result, count in checks.items():
        assert samples[f'imagemanager_image_mustpull_checks_total{{result="{result}"}}'] == count, result
    with kept.pulling("r.io/other:1"):
        _, samples = exposed(exposition(records(*kept.counts())))
    assert samples == {"kubelet_imagemanager_ondisk_pullintents": 1, "kubelet_imagemanager_ondisk_pulledrecords": 1}
