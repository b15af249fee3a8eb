"""The scale of a custom resource: replicas and selector stand where the definition says."""

from __future__ import annotations

from sagong.api.custom.paths import ABSENT, FieldTypeError, at, put
from sagong.api.errors import ApiError, BadRequestError
from sagong.api.types.autoscaling_v1 import Scale, ScaleSpec, ScaleStatus
from sagong.api.types.meta import ObjectMeta
from sagong.server.custom.kind import CustomVersion
from sagong.server.registry.storage import CustomObject

UNSET = -(2**31)  # what the replicas of a Scale are before they are first set


def scale_of(version: CustomVersion, obj: CustomObject, *, unset: int = 0) -> Scale:
    """Return the scale of an object; replicas that it does not say are `unset`. Raises ApiError when they are no numbers."""
    paths, meta = version.scale, obj.metadata
    assert paths is not None
    try:
        wanted, found = at(obj.content, paths.specReplicasPath, int), at(obj.content, paths.statusReplicasPath, int)
        selector = at(obj.content, paths.labelSelectorPath, str) if paths.labelSelectorPath else ABSENT
    except FieldTypeError as error:
        raise ApiError(str(error), reason="") from error
    return Scale(
        metadata=ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            uid=meta.uid,
            resourceVersion=meta.resourceVersion,
            creationTimestamp=meta.creationTimestamp,
        ),
        spec=ScaleSpec(replicas=unset if wanted is ABSENT else wanted),
        status=ScaleStatus(replicas=0 if found is ABSENT else found, selector="" if selector is ABSENT else selector),
    )


def set_replicas(version: CustomVersion, obj: CustomObject, replicas: int) -> None:
    """Put the replicas of a scale into its object. Raises BadRequestError when they are not said."""
    assert version.scale is not None
    path = version.scale.specReplicasPath
    if replicas == UNSET:
        raise BadRequestError(f'the spec replicas field "{path}" cannot be empty')
    try:
        put(obj.content, path, replicas)
    except FieldTypeError as error:
        raise ApiError(str(error), reason="") from error
