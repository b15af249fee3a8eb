"""A namespace that is deleted while not all of it can be seen: a server behind the API server is silent, or a kind cannot be listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.controllers.world import START
from tests.virtual import loop
from tests.virtual.cluster import cluster
from tests.virtual.faults import Faults, Rates

from sagong.api.clock import format_time
from sagong.api.resources import TABLE
from sagong.api.types.core import ConfigMap, Container, Namespace, NamespaceSpec, Pod, PodSpec, Secret, ServiceAccount
from sagong.api.types.meta import ObjectMeta, PartialObjectMetadata
from sagong.client.plan import DeleteCollection, Together, Update
from sagong.client.transport import Request, Response
from sagong.controllers.namespace import TRIES, Content, plan

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
    assert str(found.failure) == STALE, "so that it is tried again, soon and then less often"


def test_what_can_be_listed_is_deleted_though_another_kind_cannot() -> None:
    maps = TABLE.by_path("", "v1", "configmaps")
    assert maps is not None
    content = Content({maps: [PartialObjectMetadata(metadata=ObjectMeta(name="a", namespace="n"))]}, list_errors=["no secrets"])
    found = plan(leaving(), content, 0, START)
    status, deletions = found.actions
    assert isinstance(status, Update)
    assert isinstance(deletions, Together)
    assert [type(one) for one in deletions.actions] == [DeleteCollection]
    condition = next(one for one in status.obj.status.conditions if one.type == "NamespaceDeletionContentFailure")
    assert condition.message == "Failed to delete all resource types, 1 remaining: no secrets"
    assert str(found.failure) == "no secrets"


class Unlistable(Faults):
    """A server that cannot list some kinds of a namespace, for as long as it is `on`."""

    plural = ""
    listed = 0

    def refusal(self, request: Request) -> Response | None:
        if not self.on or request.method != "GET" or not request.path.endswith(f"/n/{self.plural}"):
            return None
        self.listed += 1
        status = b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"InternalError","message":"no","code":500}'
        return Response(500, {}, status)


@pytest.mark.parametrize(("plural", "left"), [("secrets", {"Secret"}), ("configmaps", {"ConfigMap"}), ("pods", {"Pod"})])
def test_a_kind_that_cannot_be_listed_keeps_nothing_else(tmp_path: Path, plural: str, left: set[str]) -> None:
    async def main() -> None:
        async with cluster(tmp_path, faults=lambda random: Unlistable(Rates(), random)) as made:
            assert isinstance(made.faults, Unlistable)
            made.faults.plural, made.only = plural, lambda name: name in ("namespace", "serviceaccount")
            meta = ObjectMeta(name="a", namespace="n")
            pod = Pod(metadata=meta, spec=PodSpec(containers=[Container(name="c", image="i")]))
            made.manager.start()
            await made.admin.create(Namespace(metadata=ObjectMeta(name="n")))
            await made.clock.sleep(1)  # the pod's account is made
            for obj in (ConfigMap(metadata=meta), Secret(metadata=meta), pod):
                await made.admin.create(obj)
            await made.admin.delete(Namespace, "n")
            await made.clock.sleep(10)
            kinds = (ConfigMap, Secret, Pod, ServiceAccount)
            assert {kind.__name__ for kind in kinds if (await made.admin.list(kind, "n")).items} == left
            (condition,) = [
                found
                for found in (await made.admin.get(Namespace, "n")).status.conditions
                if found.type == "NamespaceDeletionContentFailure"
            ]
            assert condition.status == "True"
            before = made.faults.listed
            await made.clock.sleep(600)
            assert 10 <= (made.faults.listed - before) / TRIES <= 12, "it is tried once a minute"
            made.faults.on = False
            await made.clock.sleep(61)
            assert made.left("n") == []

    loop.run(main())
