"""A namespace that is deleted while a server behind the API server is silent."""

from __future__ import annotations

from tests.controllers.world import START

from sagong.api.clock import format_time
from sagong.api.resources import TABLE
from sagong.api.types.core import Namespace, NamespaceSpec
from sagong.api.types.meta import ObjectMeta, PartialObjectMetadata
from sagong.client.plan import DeleteCollection, Together, Update
from sagong.controllers.namespace import Content, plan

STALE = "unable to retrieve the complete list of server APIs: a/v1: stale GroupVersion discovery: a/v1"


def leaving() -> Namespace:
    meta = ObjectMeta(name="n", uid="u", deletionTimestamp=format_time(START))
    return Namespace(metadata=meta, spec=NamespaceSpec(finalizers=["kubernetes"]))


def test_what_is_known_is_deleted_meanwhile() -> None:
    maps = TABLE.by_path("", "v1", "configmaps")
    assert maps is not None
    content = Content({maps: [PartialObjectMetadata(metadata=ObjectMeta(name="a", namespace="n"))]}, STALE)
    actions = plan(leaving(), content, 0, START).actions
    deletions = [action for action in actions if isinstance(action, Together)]
    assert [type(one) for one in deletions[0].actions] == [DeleteCollection]


def test_it_is_not_finished_before_the_server_is_back() -> None:
    found = plan(leaving(), Content({}, STALE), 0, START)
    (update,) = found.actions
    assert isinstance(update, Update)
    assert update.subresource == "status"
    condition = next(one for one in update.obj.status.conditions if one.type == "NamespaceDeletionDiscoveryFailure")
    assert (condition.status, condition.reason, condition.message) == ("True", "DiscoveryFailed", STALE)
    assert found.requeue_after is not None
