"""/statusz and /flagz: what is answered to which Accept header, and what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.node.builders import FixedRandom, HandClock

from sagong.api.zpages import Answer, Process, Zpages

STARTED = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)
PATHS = [
    "/",
    "/livez",
    "/livez/ping",
    "/readyz/log",
    "/api",
    "/apis",
    "/openapi/v2",
    "/openid/v1/jwks",
    "/.well-known/openid-configuration",
]
FLAGS = {"v": "2", "config": "/etc/x.yaml", "empty": ""}
WARNING = "has no formatting compatibility guarantees and is for debugging purposes only."


class Chance(FixedRandom):
    """Says what it is told to."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def uniform(self) -> float:
        return self.value


def pages(chance: Chance | None = None, *, seconds: float = 3725) -> Zpages:
    clock = HandClock()
    clock.at = STARTED + timedelta(seconds=seconds)
    process = Process("kube-x", "v1.36.0+sagong", "python3.11.2", STARTED, FLAGS)
    return Zpages(process, PATHS, clock, chance or Chance())


def named(kind: str, version: str = "v1beta1", media: str = "application/json") -> str:
    return f"{media};v={version};g=config.k8s.io;as={kind}"


def test_the_text_of_statusz() -> None:
    assert pages().answer("/statusz", "").body.decode() == (
        "\nkube-x statusz\nWarning: This endpoint is not meant to be machine parseable, " + WARNING + "\n"
        "\nStarted: Fri Jan  2 03:04:05 UTC 2026\nUp: 1 hr 02 min 05 sec\nGo version: python3.11.2\n"
        "Binary version: 1.36.0+sagong\nEmulation version: 1.36\nPaths: /livez /readyz\n"
    )


def test_the_text_of_flagz_is_in_order_and_stays() -> None:
    chance = Chance(0.99)
    made = pages(chance)
    first = made.answer("/flagz", "*/*").body.decode()
    assert first.endswith(WARNING + "\nconfig /etc/x.yaml\nempty \nv 2\n")
    chance.value = 0.5
    assert made.answer("/flagz", "text/plain").body.decode() == first


@pytest.mark.parametrize(("chance", "wanted"), [(0.0, "Up: "), (0.25, "Up:  "), (0.5, "Up= "), (0.75, "Up  ")])
def test_no_text_can_be_parsed_for_long(chance: float, wanted: str) -> None:
    assert f"\n{wanted}1 hr" in pages(Chance(chance)).answer("/statusz", "text/plain").body.decode()


def test_documents() -> None:
    answer = pages().answer("/statusz", named("Statusz"))
    assert answer.content_type == "application/json;g=config.k8s.io;v=v1beta1;as=Statusz"
    assert msgspec.json.decode(answer.body) == {
        "kind": "Statusz",
        "apiVersion": "config.k8s.io/v1beta1",
        "metadata": {"name": "kube-x"},
        "startTime": "2026-01-02T03:04:05Z",
        "uptimeSeconds": 3725,
        "goVersion": "python3.11.2",
        "binaryVersion": "1.36.0+sagong",
        "emulationVersion": "1.36",
        "paths": ["/livez", "/readyz"],
    }
    answer = pages().answer("/flagz", named("Flagz", media="application/yaml"))
    assert answer.content_type == "application/yaml;g=config.k8s.io;v=v1beta1;as=Flagz"
    found = msgspec.yaml.decode(answer.body)
    assert (found["kind"], found["apiVersion"], found["flags"]) == ("Flagz", "config.k8s.io/v1beta1", FLAGS)


def test_a_clock_that_was_set_back_is_no_negative_time() -> None:
    assert msgspec.json.decode(pages(seconds=-9).answer("/statusz", named("Statusz")).body)["uptimeSeconds"] == 0


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", "text"),
        (" ", "text"),
        ("text/plain", "text"),
        ("text/*", "text"),
        ("*/*", "text"),
        ("application/json, */*", "text"),  # kubectl get --raw
        (f"{named('Flagz', 'foo')},*/*", "text"),
        (f"{named('Statusz')},*/*", "text"),  # the other page's
        (named("Flagz"), "v1beta1"),
        (named("Flagz", media="application/*"), "v1beta1"),
        (f"*/*;q=0.5,{named('Flagz')}", "v1beta1"),
        (f"*/*,{named('Flagz')}", "v1beta1"),
        (f"{named('Flagz')};q=0.1,text/plain", "text"),
        (f"{named('Flagz', 'v1alpha1')},{named('Flagz')}", "v1alpha1"),
        (f"{named('Flagz')},{named('Flagz', 'v1alpha1')}", "v1beta1"),
        ("application/xml", None),
        ("application/json", None),
        ("application/yaml", None),
        ("application/json;v=v1beta1;g=config.k8s.io", None),
        (named("Flagz", media="text/plain"), None),
        (named("Flagz", media="application/vnd.kubernetes.protobuf"), None),
        (named("Flagz", media="application/cbor"), None),
        (f"{named('Flagz')};stream=watch", None),
        (f"{named('Flagz')};sv=v1", None),
        ("text/plain;q=0", None),
    ],
)
def test_what_is_answered(accept: str, wanted: str | None) -> None:
    answer = pages().answer("/flagz", accept)
    assert answer.status == (200 if wanted else 406)
    if wanted == "text":
        assert answer.content_type == "text/plain; charset=utf-8"
    elif wanted:
        assert f";v={wanted};" in answer.content_type
    else:
        decode = msgspec.yaml.decode if answer.content_type == "application/yaml" else msgspec.json.decode
        message = "only the following media types are accepted: application/json, application/yaml, text/plain"
        status = decode(answer.body)
        assert (status["kind"], status["reason"], status["code"], status["message"]) == ("Status", "NotAcceptable", 406, message)
        assert answer.content_type == ("application/yaml" if accept == "application/yaml" else "application/json")


@pytest.mark.parametrize("path", ["/statusz", "/flagz"])
def test_old_versions_warn(path: str) -> None:
    kind = path[1:].capitalize()
    text = f"This version of the {path[1:]} endpoint is deprecated. Please use a newer version."
    assert pages().answer(path, named(kind, "v1alpha1")).headers == {"Warning": f'299 - "{text}"'}
    assert pages().answer(path, named(kind)).headers == {}


@pytest.mark.parametrize(("accept", "pretty"), [(named("Flagz"), True), (f"{named('Flagz')};pretty=1", False)])
def test_people_get_lines(accept: str, *, pretty: bool) -> None:
    def lines(answer: Answer) -> int:
        return answer.body.count(b"\n")

    assert lines(pages().answer("/flagz", accept, pretty=pretty)) > 5
    assert lines(pages().answer("/flagz", named("Flagz"))) == 0
