"""What a definition's status says: which of its names are accepted, whether its resources are served, what is odd about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from sagong.api.field_errors import Errors, quote, text
from sagong.api.types.apiextensions import CustomResourceDefinition, CustomResourceDefinitionCondition, CustomResourceDefinitionNames
from sagong.api.validation.custom_resources import approval_state, is_protected
from sagong.api.validation.structural import structural, unsupported

_APPROVAL_REASONS = {
    "missing": ("False", "MissingAnnotation"),
    "invalid": ("False", "InvalidAnnotation"),
    "bypassed": ("False", "UnapprovedAnnotation"),
    "approved": ("True", "ApprovedAnnotation"),
}
# The names that must be unique among resources, and those among kinds, in the order in which a conflict is told (the last one is).
_NAMES = (("plural", "PluralConflict"), ("singular", "SingularConflict"), ("shortNames", "ShortNamesConflict"))
_KINDS = (("kind", "KindConflict"), ("listKind", "ListKindConflict"))


def is_true(definition: CustomResourceDefinition, kind: str) -> bool:
    """Say whether a condition of that type is true."""
    return any(found.type == kind and found.status == "True" for found in definition.status.conditions or ())


def is_served(definition: CustomResourceDefinition) -> bool:
    """Say whether requests for the definition's resources are answered."""
    return is_true(definition, "Established") or is_true(definition, "NamesAccepted")


def set_condition(definition: CustomResourceDefinition, kind: str, said: tuple[str, str, str], now: str) -> None:
    """Set a condition to (status, reason, message); its time is that of the last change of its status."""
    status, reason, message = said
    found = next((known for known in definition.status.conditions or () if known.type == kind), None)
    if found is None:
        found = CustomResourceDefinitionCondition(type=kind)
        definition.status.conditions = [*(definition.status.conditions or ()), found]
    if found.status != status or not found.lastTransitionTime:
        found.lastTransitionTime = now
    found.status, found.reason, found.message = status, reason, message


def judged(definition: CustomResourceDefinition, others: Iterable[CustomResourceDefinition], now: str) -> CustomResourceDefinition:
    """Return the definition with its status brought up to date; `others` are those of the same group."""
    new = definition.copy()
    _judge_approval(new, now)
    _judge_names(new, others, now)
    _judge_schemas(new, now)
    return new


def _judge_names(new: CustomResourceDefinition, others: Iterable[CustomResourceDefinition], now: str) -> None:
    wanted, accepted = new.spec.names, new.status.acceptedNames
    if wanted == accepted and is_true(new, "NamesAccepted") and is_true(new, "Established"):
        return
    names, kinds = _taken(others)
    conflict = ("True", "NoConflicts", "no conflicts found")
    for fields, taken in ((_NAMES, names), (_KINDS, kinds)):
        for field, reason in fields:
            clashing = _clashing(wanted, accepted, field, taken)
            if clashing:
                said = [f"{quote(name)} is already in use" for name in clashing]
                conflict = ("False", reason, said[0] if len(said) == 1 else f"[{', '.join(said)}]")
            else:
                setattr(accepted, field, getattr(wanted, field))
    accepted.categories = wanted.categories
    set_condition(new, "NamesAccepted", conflict, now)
    if conflict[0] == "True":
        if not is_true(new, "Established"):
            set_condition(new, "Established", ("True", "InitialNamesAccepted", "the initial names have been accepted"), now)
    elif not any(found.type == "Established" for found in new.status.conditions or ()):
        set_condition(new, "Established", ("False", "NotAccepted", "not all names are accepted"), now)


def _taken(others: Iterable[CustomResourceDefinition]) -> tuple[set[str], set[str]]:
    names, kinds = set[str](), set[str]()
    for other in others:
        accepted = other.status.acceptedNames
        names |= {accepted.plural, accepted.singular, *accepted.shortNames}
        kinds |= {accepted.kind, accepted.listKind}
    return names - {""}, kinds - {""}


def _clashing(wanted: CustomResourceDefinitionNames, accepted: CustomResourceDefinitionNames, field: str, taken: set[str]) -> list[str]:
    asked, own = getattr(wanted, field), getattr(accepted, field)
    if isinstance(asked, str):
        return [asked] if asked != own and asked in taken else []
    return [name for name in asked if name not in own and name in taken]


def _judge_approval(new: CustomResourceDefinition, now: str) -> None:
    if is_protected(new.spec.group):
        state, message = approval_state(new)
        set_condition(new, "KubernetesAPIApprovalPolicyConformant", (*_APPROVAL_REASONS[state], message), now)


def _judge_schemas(new: CustomResourceDefinition, now: str) -> None:
    errors = Errors()
    if new.spec.preserveUnknownFields:
        errors.invalid("spec.preserveUnknownFields", True, "must be false")  # noqa: FBT003 # the value
    said: tuple[str, str, str] | None = None
    for index, version in enumerate(new.spec.versions):
        schema = version.schema.openAPIV3Schema if version.schema is not None else None
        if schema is None:
            continue
        if complaint := unsupported(schema):
            said = ("Unknown", "StructuralError", f"failed to check validation schema for version {version.name}: {complaint}")
            break
        structural(errors, f"spec.versions[{index}].schema.openAPIV3Schema", schema)
    if said is None and errors:
        said = ("True", "Violations", text(errors))
    if said is not None:
        set_condition(new, "NonStructuralSchema", said, now)
    else:
        new.status.conditions = [found for found in new.status.conditions or () if found.type != "NonStructuralSchema"]
