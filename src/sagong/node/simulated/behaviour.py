"""How simulated containers behave: for all pods by settings, for one pod by its annotations.

simulated.sagong.local/start-seconds: "1-3"      how long a start takes: a number, or a range to choose from
simulated.sagong.local/run-seconds: "60"         how long a container runs; 0: until it is stopped
simulated.sagong.local/exit-code: "0"            how it ends then
simulated.sagong.local/failure-rate: "0.1"       the share of runs that end with exit code 1 instead
simulated.sagong.local/ready: "false"            whether its readiness probe succeeds
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from sagong.api.clock import Random
from sagong.api.types.core import Pod

PREFIX = "simulated.sagong.local/"
_RANGE = re.compile(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?")


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The settings. Times are seconds, `N` or `N-M`."""

    start_seconds: str = "0"
    run_seconds: str = "0"
    exit_code: int = 0
    failure_rate: float = 0.0
    ready: bool = True

    def start(self, random: Random) -> float:
        """Choose how long a start takes."""
        return _choose(self.start_seconds, random)

    def run(self, random: Random) -> float:
        """Choose how long a container runs; 0 is until it is stopped."""
        return _choose(self.run_seconds, random)

    def end(self, random: Random) -> int:
        """Choose the exit code of a container that has run its time."""
        return 1 if self.failure_rate and random.uniform() < self.failure_rate else self.exit_code


def _seconds(text: str) -> str:
    if not _RANGE.fullmatch(text):
        raise ValueError(f"{text!r} is neither seconds nor a range of them")
    return text


_READERS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "start-seconds": ("start_seconds", _seconds),
    "run-seconds": ("run_seconds", _seconds),
    "exit-code": ("exit_code", int),
    "failure-rate": ("failure_rate", float),
    "ready": ("ready", lambda text: text != "false"),
}


def behaviour_of(pod: Pod, usual: Behaviour) -> Behaviour:
    """Return how the pod's containers behave; an annotation that cannot be read counts as absent."""
    asked = {}
    for key, text in pod.metadata.annotations.items():
        if key.startswith(PREFIX) and (found := _READERS.get(key.removeprefix(PREFIX))):
            name, read = found
            try:
                asked[name] = read(text)
            except ValueError:
                continue
    return msgspec.structs.replace(usual, **asked) if asked else usual


def check(behaviour: Behaviour) -> None:
    """Raise ValueError for settings that make no sense."""
    for text in (behaviour.start_seconds, behaviour.run_seconds):
        _seconds(text)


def _choose(text: str, random: Random) -> float:
    least, _, most = text.partition("-")
    low = float(least)
    return low + (float(most) - low) * random.uniform() if most else low
