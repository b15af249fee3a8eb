"""One runtime for all tests of this directory, one kubelet a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.node.life.rig import Rig, runtime_rig


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    with runtime_rig() as found:
        yield found
