"""What an autoscaler scales: the resource of any kind that has a scale subresource, custom ones included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sagong.api.errors import ApiError, NotFoundError
from sagong.api.resources import TABLE, Resource
from sagong.api.types.autoscaling import CrossVersionObjectReference
from sagong.api.types.autoscaling_v1 import Scale
from sagong.client.client import Client
from sagong.client.discovery import discovered
from sagong.client.endpoint import Endpoint

KEPT_SECONDS = 30.0


@dataclass(slots=True)
class Kinds:
    """Resources by kind. What the table does not have is discovered, and not again for a while."""

    _found: Sequence[Resource] = ()
    _until: float = field(default=-1.0)

    async def rows(self, client: Client, reference: CrossVersionObjectReference) -> Sequence[Resource]:
        """Return the resources of a kind. Raises ApiError when there is none, OSError."""
        if reference.apiVersion.count("/") > 1:
            raise ApiError(f"unexpected GroupVersion string: {reference.apiVersion}")
        group = reference.apiVersion.rpartition("/")[0]
        known = [row for row in TABLE if (row.group, row.kind) == (group, reference.kind)]
        if not known:
            known = [row for row in await self._discovered(client) if (row.group, row.kind) == (group, reference.kind)]
        if not known:
            raise ApiError(f'no matches for kind "{reference.kind}" in group "{group}"')
        return known

    async def row(self, client: Client, reference: CrossVersionObjectReference) -> Resource:
        """Return the resource of a kind. Raises ApiError, OSError."""
        return (await self.rows(client, reference))[0]

    async def _discovered(self, client: Client) -> Sequence[Resource]:
        now = client.clock.monotonic()
        if self._until < now:
            self._found = await discovered(client)
            self._until = now + KEPT_SECONDS
        return self._found


async def scale_of(client: Client, rows: Sequence[Resource], namespace: str, name: str) -> tuple[Scale, Resource]:
    """Read the scale, of the first resource that has one. Raises ApiError, OSError."""
    first: ApiError | None = None
    for row in rows:
        try:
            return await client.get(Endpoint(row, Scale), name, namespace, "scale"), row
        except ApiError as error:
            first = first or error
    raise first or NotFoundError("unrecognized resource")
