"""validatingadmissionpolicy-status: checks the expressions of policies against the types of what they are about.

CEL and schemas are loaded with the first policy.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sagong.api.errors import ApiError
from sagong.api.resources import TABLE
from sagong.api.types.admissionregistration import TypeChecking, ValidatingAdmissionPolicy
from sagong.client.client import Client
from sagong.client.discovery import discovered
from sagong.client.plan import NOTHING, Plan, Update
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.view import Live

if TYPE_CHECKING:
    from sagong.api.policies.typecheck import Kind, Schemas

_Schema = dict[str, Any]


async def reconcile(live: Live, key: Key) -> Plan:
    """Look at one policy."""
    policy = live.get(ValidatingAdmissionPolicy, "", key.name)
    if policy is None or policy.metadata.generation <= policy.status.observedGeneration:
        return NOTHING
    from sagong.api.policies import typecheck  # noqa: PLC0415 - see the module's docstring

    named = [resource for rule in typecheck.resources(policy) for resource in rule]
    rows = await _rows(live.client, named)
    checked = typecheck.kinds(policy, lambda *resource: rows.get(resource))
    schemas = await _schemas(live.client, policy, checked)
    changed = policy.copy()
    changed.status.observedGeneration = policy.metadata.generation
    changed.status.typeChecking = TypeChecking(expressionWarnings=typecheck.check(policy, checked, schemas))
    return Plan((Update(changed, "status"),))


async def _rows(client: Client, named: list[tuple[str, str, str]]) -> dict[tuple[str, str, str], Kind]:
    """Return the kinds of resources; the server is asked when one is not built in."""
    from sagong.api.policies.typecheck import Kind  # noqa: PLC0415 - see the module's docstring

    rows = list(TABLE)
    if any(TABLE.by_path(*resource) is None for resource in named):
        rows += await discovered(client)
    return {(row.group, row.version, row.plural): Kind(row.group, row.version, row.kind) for row in rows}


async def _schemas(client: Client, policy: ValidatingAdmissionPolicy, checked: list[Kind]) -> Schemas:
    """Return where the schemas of these kinds and of the policy's parameters are found."""
    from sagong.api.openapi.schemas import name_of, named  # noqa: PLC0415 - see the module's docstring
    from sagong.api.policies.typecheck import Kind, Schemas  # noqa: PLC0415

    wanted = list(checked)
    params = policy.spec.paramKind
    if params is not None:
        group, _, version = params.apiVersion.rpartition("/")
        wanted.append(Kind(group, version, params.kind))
    by_kind: dict[Kind, _Schema | None] = {}
    published: dict[str, _Schema] = {}
    for kind in wanted:
        row = TABLE.by_kind(f"{kind.group}/{kind.version}" if kind.group else kind.version, kind.kind)
        if row is not None:
            by_kind[kind] = named(name_of(row.type))
        else:
            published |= await _published(client, kind)
            by_kind[kind] = next((schema for schema in published.values() if _is_of(schema, kind)), None)

    def of_reference(reference: str) -> _Schema | None:
        name = reference.rpartition("/")[2]
        return published.get(name) or named(name)

    return Schemas(by_kind.get, of_reference)


async def _published(client: Client, kind: Kind) -> dict[str, _Schema]:
    """Return the schemas that the server publishes for a group version, by name; none when it does not know it."""
    try:
        answer = await client.raw("GET", f"/openapi/v3/apis/{kind.group}/{kind.version}")
    except ApiError:
        return {}
    found: dict[str, _Schema] = json.loads(answer.body)["components"]["schemas"]
    return found


def _is_of(schema: _Schema, kind: Kind) -> bool:
    return kind._asdict() in schema.get("x-kubernetes-group-version-kind", ())


CONTROLLER = Controller(
    name="validatingadmissionpolicy-status",
    account="validatingadmissionpolicy-status-controller",
    watches=(Watch(ValidatingAdmissionPolicy),),
    writes=writes(("update", ValidatingAdmissionPolicy, "status")),
    reconcile_live=reconcile,
)
