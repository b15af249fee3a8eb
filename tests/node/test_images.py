"""Which images are pulled, with what, and what users are told."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.node.builders import HandClock, MemoryApi
from tests.node.observed import pod

from sagong.api.types.core import Pod, Secret
from sagong.api.types.meta import ObjectMeta
from sagong.node.credentials import PullSecrets, matches
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError
from sagong.node.events import PodEvents
from sagong.node.images import ImageError, Images, Rate, with_default_tag
from sagong.node.pull_records import PullRecords, SecretUse
from sagong.node.volumes.sources import ObjectCache


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("busybox", "busybox:latest"),
        ("a/b:1", "a/b:1"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
        ("x@sha256:" + "0" * 64, "x@sha256:" + "0" * 64),
        ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
    ],
)
def test_a_name_without_tag_or_digest_is_the_latest(name: str, expected: str) -> None:
    assert with_default_tag(name) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a b", 'couldn\'t parse image name "a b": invalid reference format'),
        ("", 'couldn\'t parse image name "": invalid reference format'),
        ("Busybox", 'couldn\'t parse image name "Busybox": invalid reference format: repository name (Busybox) must be lowercase'),
    ],
)
def test_names_that_are_none(name: str, message: str) -> None:
    with pytest.raises(ValueError, match="invalid reference format") as caught:
        with_default_tag(name)
    assert str(caught.value) == message


class FakeRuntime:
    """Images by name; pulls that fail when told to."""

    def __init__(self, *local: str) -> None:
        self.local = set(local)
        self.pulled: list[tuple[str, str]] = []
        self.failure: CriError | None = None
        self.password = ""

    async def image_status(self, image: str) -> cri.Image | None:
        return cri.Image(id=f"sha256:{image}", size=7) if image in self.local else None

    async def pull_image(self, image: str, auth: cri.AuthConfig | None, sandbox: cri.PodSandboxConfig) -> str:
        self.pulled.append((image, auth.password if auth else ""))
        if self.failure:
            raise self.failure
        if self.password and (auth is None or auth.password != self.password):
            raise CriError("UNKNOWN", "401 Unauthorized")
        self.local.add(image)
        return image


class Told:
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def event(self, obj: Any, type: str, reason: str, message: str) -> None:  # noqa: A002 - the recorder's signature
        self.events.append((reason, message))


class Bench:
    def __init__(self, *local: str, secrets: Sequence[Secret] = (), records: PullRecords | None = None) -> None:
        self.clock, self.runtime, self.told = HandClock(), FakeRuntime(*local), Told()
        events = PodEvents(self.told)
        cache = ObjectCache(MemoryApi(self.clock, *secrets), self.clock)
        self.images = Images(self.runtime, events, self.clock, PullSecrets(cache, events), records=records)  # type: ignore[arg-type]  # the part of it that is used

    async def ensure(self, of: Pod) -> cri.Image:
        return await self.images.ensure(of, of.spec.containers[0], cri.PodSandboxConfig())

    async def fail(self, of: Pod) -> ImageError:
        with pytest.raises(ImageError) as caught:
            await self.ensure(of)
        return caught.value


def one(image: str, policy: str, more: str = "") -> Pod:
    return pod(f"{more}containers: [{{name: c, image: {image!r}, imagePullPolicy: {policy}}}]")


async def test_a_local_image_is_used_and_an_absent_one_pulled() -> None:
    bench = Bench("here:1")
    assert (await bench.ensure(one("here:1", "IfNotPresent"))).id == "sha256:here:1"
    assert bench.told.events == [("Pulled", 'Container image "here:1" already present on machine and can be accessed by the pod')]
    assert (await bench.ensure(one("there:1", "IfNotPresent"))).id == "sha256:there:1"
    assert bench.runtime.pulled == [("there:1", "")]
    assert bench.told.events[1:] == [
        ("Pulling", 'Pulling image "there:1"'),
        ("Pulled", 'Successfully pulled image "there:1" in 0ms (0ms including waiting). Image size: 7 bytes.'),
    ]


async def test_always_pulls_and_never_does_not() -> None:
    bench = Bench("here:1")
    await bench.ensure(one("here:1", "Always"))
    assert bench.runtime.pulled == [("here:1", "")]
    error = await bench.fail(one("there:1", "Never"))
    assert (error.reason, error.message) == ("ErrImageNeverPull", 'Container image "there:1" is not present with pull policy of Never')


async def test_failed_pulls_back_off_and_remember_why() -> None:
    bench = Bench()
    bench.runtime.failure = CriError("NOT_FOUND", "no such image")
    of = one("there:1", "IfNotPresent")
    text = "rpc error: code = NotFound desc = no such image"
    error = await bench.fail(of)
    assert (error.reason, error.message) == ("ErrImagePull", text)
    assert bench.told.events[-1] == ("Failed", f'Failed to pull image "there:1": {text}')
    waits = []
    for _ in range(7):
        error = await bench.fail(of)
        assert (error.reason, error.message) == ("ImagePullBackOff", f'Back-off pulling image "there:1": ErrImagePull: {text}')
        waits.append(bench.images.until(of, "there:1") - bench.clock.now().timestamp())
        bench.clock.move(waits[-1])
        assert (await bench.fail(of)).reason == "ErrImagePull"
    assert waits == [10, 20, 40, 80, 160, 300, 300]


async def test_a_registry_that_is_away_has_a_reason_of_its_own() -> None:
    bench = Bench()
    bench.runtime.failure = CriError("UNKNOWN", "RegistryUnavailable: come back later")
    error = await bench.fail(one("there:1", "IfNotPresent"))
    assert error.reason == "RegistryUnavailable"
    assert error.message == "image pull failed for there:1 because the registry is unavailable: come back later"


def docker_config(name: str, **registries: str) -> Secret:
    auths = {host: {"auth": base64.b64encode(f"user:{password}".encode()).decode()} for host, password in registries.items()}
    return Secret(metadata=ObjectMeta(name=name, namespace="ns"), data={".dockerconfigjson": msgspec.json.encode({"auths": auths})})


async def test_pull_secrets_are_tried_in_turn_and_missing_ones_told() -> None:
    secrets = [
        docker_config("wrong", **{"r.io": "no"}),
        docker_config("right", **{"r.io/team": "yes"}),
        docker_config("other", **{"x.io": "no"}),
    ]
    bench = Bench(secrets=secrets)
    bench.runtime.password = "yes"
    more = "imagePullSecrets: [{name: wrong}, {name: right}, {name: other}, {name: absent}]\n"
    await bench.ensure(one("r.io/team/app:1", "IfNotPresent", more))
    assert bench.runtime.pulled == [("r.io/team/app:1", "yes")]
    reason, message = bench.told.events[1]
    assert reason == "FailedToRetrieveImagePullSecret"
    assert message == "Unable to retrieve some image pull secrets (absent); attempting to pull the image may not succeed."


@pytest.mark.parametrize(
    ("pattern", "image", "expected"),
    [
        ("https://index.docker.io/v1/", "busybox:1", True),
        ("docker.io", "team/app:1", True),
        ("r.io", "r.io/a:1", True),
        ("r.io:5000", "r.io:5000/a:1", True),
        ("r.io", "r.io:5000/a:1", False),
        ("*.r.io", "eu.r.io/a:1", True),
        ("*.r.io", "r.io/a:1", False),
        ("r.io/team", "r.io/other/a:1", False),
    ],
)
def test_registries_match(pattern: str, image: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert matches(pattern, image) is expected


async def test_pulls_begin_at_a_bounded_rate() -> None:
    bench = Bench()
    bench.images._rate = Rate(bench.clock, 0.5, 2)
    for name in ("a:1", "b:1"):
        await bench.ensure(one(name, "Always"))
    error = await bench.fail(one("c:1", "Always"))
    assert (error.reason, error.message) == ("ErrImagePull", "pull QPS exceeded")
    bench.clock.move(10)
    assert [bench.images._rate.take() for _ in range(3)] == [True, True, False]
    bench.clock.move(2)
    assert bench.images._rate.take()
    assert all(Rate(bench.clock, 0, 0).take() for _ in range(9))


def with_secret(name: str, policy: str = "IfNotPresent") -> Pod:
    return one("r.io/app:1", policy, f"imagePullSecrets: [{{name: {name}}}]\n")


async def test_a_private_image_is_for_those_who_could_pull_it(tmp_path: Path) -> None:
    secrets = [
        docker_config("right", **{"r.io": "yes"}),
        docker_config("copy", **{"r.io": "yes"}),
        docker_config("wrong", **{"r.io": "no"}),
    ]
    for number, secret in enumerate(secrets):
        secret.metadata.uid = f"s{number}"
    bench = Bench(secrets=secrets, records=PullRecords(tmp_path))
    bench.runtime.password = "yes"
    await bench.ensure(with_secret("right"))
    bench.runtime.pulled.clear()
    await bench.ensure(with_secret("right"))
    await bench.ensure(with_secret("copy", "Never"))
    assert bench.runtime.pulled == []
    assert (await bench.fail(with_secret("wrong"))).reason == "ErrImagePull"
    assert bench.runtime.pulled == [("r.io/app:1", "no")]
    error = await bench.fail(one("r.io/app:1", "Never"))
    text = 'Container image "r.io/app:1" is not present with pull policy of Never'
    assert (error.reason, error.message) == ("ErrImageNeverPull", text)
    # another name of the same image proves nothing
    assert (await bench.fail(one("r.io/app:2", "IfNotPresent"))).reason == "ErrImagePull"


async def test_images_that_are_there_or_were_pulled_without_a_secret_are_everyones(tmp_path: Path) -> None:
    bench = Bench("here:1", secrets=[docker_config("right", **{"r.io": "yes"})], records=PullRecords(tmp_path))
    await bench.ensure(one("here:1", "Never"))
    await bench.ensure(one("r.io/app:1", "IfNotPresent"))
    await bench.ensure(with_secret("right", "Always"))
    await bench.ensure(one("r.io/app:1", "Never"))


def test_records_outlive_the_kubelet_and_go_with_their_images(tmp_path: Path) -> None:
    use, changed = SecretUse("u", "ns", "s", "h1"), SecretUse("u", "ns", "s", "h2")
    PullRecords(tmp_path).pulled("r.io:5000/app:1", "sha256:1", use)
    records = PullRecords(tmp_path)
    access = records.known("r.io:5000/app@sha256:" + "0" * 64, "sha256:1")
    assert access is not None
    assert access.secrets == [use]
    assert records.admits("r.io:5000/app:1", "sha256:1", access, [changed])
    assert (known := records.known("r.io:5000/app:2", "sha256:1")) is not None
    assert known.secrets == [changed]
    assert not records.admits("r.io:5000/app:1", "sha256:1", known, [SecretUse("x", "ns", "s", "h9")])
    next((tmp_path / "image_manager/pulled").iterdir()).write_text("{torn")
    assert (known := records.known("r.io:5000/app:1", "sha256:1")) is not None
    assert not known.everyone
    records.prune({"sha256:2"})
    assert records.known("r.io:5000/app:1", "sha256:1") is None


def test_a_pull_that_broke_off_is_not_trusted(tmp_path: Path) -> None:
    records = PullRecords(tmp_path)
    with records.pulling("a:1"):
        assert (known := PullRecords(tmp_path).known("a:1", "sha256:1")) is not None
        assert not known.everyone
    assert records.known("a:1", "sha256:1") is None
