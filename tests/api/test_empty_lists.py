"""Empty lists that read as null."""

from __future__ import annotations

import pytest

from sagong.api.empty_lists import null_empty_lists
from sagong.api.types import apiextensions, batch, core, discovery, rbac, storage
from sagong.api.types.base import ApiStruct

PORT = discovery.EndpointPort(port=80)
VOLUME = core.Volume(name="v", projected=core.ProjectedVolumeSource())


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (discovery.EndpointSlice(endpoints=[], ports=[PORT]), discovery.EndpointSlice(ports=[PORT])),
        (rbac.Role(rules=[]), rbac.Role()),
        (storage.CSINode(spec=storage.CSINodeSpec(drivers=[])), storage.CSINode()),
        (
            storage.CSINode(spec=storage.CSINodeSpec(drivers=[storage.CSINodeDriver(name="a", topologyKeys=[])])),
            storage.CSINode(spec=storage.CSINodeSpec(drivers=[storage.CSINodeDriver(name="a")])),
        ),
        (
            core.Pod(spec=core.PodSpec(volumes=[core.Volume(name="v", projected=core.ProjectedVolumeSource(sources=[]))])),
            core.Pod(spec=core.PodSpec(volumes=[VOLUME])),
        ),
        (
            batch.Job(spec=batch.JobSpec(podFailurePolicy=batch.PodFailurePolicy(rules=[]))),
            batch.Job(spec=batch.JobSpec(podFailurePolicy=batch.PodFailurePolicy())),
        ),
        (core.Pod(), core.Pod()),
        (core.ConfigMap(data={}), core.ConfigMap()),
    ],
    ids=lambda obj: type(obj).__name__,
)
def test_what_protobuf_does_not_know(given: ApiStruct, wanted: ApiStruct) -> None:
    null_empty_lists(given)
    assert given == wanted


def test_definitions_are_stored_as_json() -> None:
    status = apiextensions.CustomResourceDefinitionStatus(conditions=[])
    null_empty_lists(apiextensions.CustomResourceDefinition(status=status))
    assert status.conditions == []
