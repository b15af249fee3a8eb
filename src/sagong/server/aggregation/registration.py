"""The APIServices of custom resources: one for each group version that a CustomResourceDefinition serves, kept up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from sagong.api.types.apiextensions import CustomResourceDefinition
from sagong.api.types.apiregistration import APIService, APIServiceSpec
from sagong.api.types.meta import ObjectMeta
from sagong.server.bootstrap.api_services import ALWAYS, MANAGED, ON_START, PRIORITIES

GROUP_PRIORITY, VERSION_PRIORITY = 1000, 100


class Changes(Struct, frozen=True):
    """What is to be written. Deletions carry the object seen."""

    create: tuple[APIService, ...] = ()
    update: tuple[APIService, ...] = ()
    delete: tuple[APIService, ...] = ()


def wanted(definitions: Iterable[CustomResourceDefinition]) -> dict[str, APIServiceSpec]:
    """Return the APIServices that definitions need, by name."""
    found = {}
    for definition in definitions:
        group = definition.spec.group
        for version in definition.spec.versions:
            if version.served and f"{group}/{version.name}" not in PRIORITIES:
                spec = APIServiceSpec(
                    group=group, version=version.name, groupPriorityMinimum=GROUP_PRIORITY, versionPriority=VERSION_PRIORITY
                )
                found[f"{version.name}.{group}"] = spec
    return found


def plan(specs: Mapping[str, APIServiceSpec], current: Iterable[APIService]) -> Changes:
    """Compare. What somebody else registered, or took over by removing the label, is left alone."""
    present = {found.metadata.name: found for found in current}
    create = [_fresh(name, spec) for name, spec in specs.items() if name not in present]
    managed = [found for found in present.values() if found.metadata.labels.get(MANAGED) == ALWAYS]
    update = [_changed(found, specs[found.metadata.name]) for found in managed if specs.get(found.metadata.name, found.spec) != found.spec]
    delete = [found for found in managed if found.metadata.name not in specs]
    return Changes(tuple(create), tuple(update), tuple(delete))


def obsolete(current: Iterable[APIService]) -> list[APIService]:
    """Return those that an older server registered for itself and this one does not serve: to be deleted once, at start."""
    served = {f"{version}.{group}" for group, _, version in (name.rpartition("/") for name in PRIORITIES)}
    return [found for found in current if found.metadata.labels.get(MANAGED) == ON_START and found.metadata.name not in served]


def _fresh(name: str, spec: APIServiceSpec) -> APIService:
    return APIService(metadata=ObjectMeta(name=name, labels={MANAGED: ALWAYS}), spec=spec)


def _changed(found: APIService, spec: APIServiceSpec) -> APIService:
    new = found.copy()
    new.spec = spec.copy()
    return new
