"""What the runtime can do, and what follows for pods that ask for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.node.observed import observed, pod, run

from sagong.api.types.core import VolumeMount
from sagong.node.admission import admit
from sagong.node.container_statuses import Context, statuses
from sagong.node.cri import api_pb2 as cri
from sagong.node.runtime_features import RuntimeFeatures
from sagong.node.volumes.container_mounts import ContainerMounts, resolve_recursive
from sagong.node.volumes.errors import VolumeError
from sagong.node.volumes.layout import Mounted, NodeFiles

ABLE = cri.RuntimeHandler(name="", features=cri.RuntimeHandlerFeatures(recursive_read_only_mounts=True, user_namespaces=True))
POOR = cri.RuntimeHandler(name="poor", features=cri.RuntimeHandlerFeatures())


def test_a_runtime_that_says_nothing_can_nothing() -> None:
    features = RuntimeFeatures()
    for status in (cri.StatusResponse(), cri.StatusResponse(runtime_handlers=[ABLE, POOR])):
        features.take(status)
    assert (features.recursive_read_only(""), features.recursive_read_only("poor"), features.recursive_read_only("none")) == (
        True,
        False,
        False,
    )
    assert (features.user_namespaces(""), features.user_namespaces("poor")) == (True, False)
    features.take(cri.StatusResponse())
    assert not (features.recursive_read_only(""))
    assert not (features.user_namespaces(""))
    assert not (features.strict_groups)


def mount(mode: str | None, *, read_only: bool = True, propagation: str | None = None) -> VolumeMount:
    return VolumeMount(name="v", mountPath="/v", readOnly=read_only, recursiveReadOnly=mode, mountPropagation=propagation)


@pytest.mark.parametrize(
    ("mode", "able", "expected"),
    [(None, True, False), ("Disabled", True, False), ("IfPossible", True, True), ("IfPossible", False, False), ("Enabled", True, True)],
)
def test_recursive_read_only_is_as_the_runtime_can(mode: str | None, able: bool, expected: bool) -> None:  # noqa: FBT001 - columns
    assert resolve_recursive(mount(mode), able=able) is expected


@pytest.mark.parametrize(
    ("wanted", "able", "why"),
    [
        (mount("Enabled"), False, "supported by the runtime"),
        (mount("Enabled", read_only=False), True, "read-only"),
        (mount("IfPossible", propagation="HostToContainer"), True, 'compatible with propagation "HostToContainer"'),
    ],
)
def test_recursive_read_only_that_cannot_be(wanted: VolumeMount, able: bool, why: str) -> None:  # noqa: FBT001 - a column
    with pytest.raises(VolumeError) as caught:
        resolve_recursive(wanted, able=able)
    text = f'failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not {why}'
    assert str(caught.value) == text


def test_the_mount_and_the_status_tell_the_mode(tmp_path: Path) -> None:
    of = pod("containers: [{name: a, volumeMounts: [{name: v, mountPath: /v, readOnly: true, recursiveReadOnly: IfPossible}]}]")
    for able, mode in ((True, "Enabled"), (False, "Disabled")):
        mounts = ContainerMounts(
            of.spec.containers[0], {"v": Mounted(tmp_path)}, {}, NodeFiles(tmp_path).pod("u1"), recursive_read_only=able
        ).mounts()
        assert mounts[0].recursive_read_only is able
        shown = statuses(of, of.spec.containers, [], Context(observed(run(of, "a")), recursive_read_only=able))
        assert shown[0].volumeMounts[0].recursiveReadOnly == mode


def test_strict_groups_are_refused_where_the_runtime_adds_others() -> None:
    of = pod("securityContext: {supplementalGroupsPolicy: Strict}\ncontainers: [{name: a}]")
    refused = admit(of, [], {}, None, strict_groups=False)
    assert refused is not None
    assert (refused.reason, refused.message) == (
        "SupplementalGroupsPolicyNotSupported",
        "SupplementalGroupsPolicy=Strict is not supported in this node",
    )
    assert admit(of, [], {}, None, strict_groups=True) is None
