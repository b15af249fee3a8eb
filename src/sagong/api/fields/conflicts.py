"""The refusal of an apply that would change what others manage."""

from __future__ import annotations

from sagong.api.errors import Cause, ConflictError
from sagong.api.fields.field_set import Fields, has, path_text, paths
from sagong.api.fields.managers import Manager, Managers

Path = tuple[str, ...]


class ApplyConflictError(ConflictError):
    """409 Conflict, one cause for each field that another manages: `conflict with "a" using v1`, field `.spec.x`."""

    def __init__(self, conflicts: list[tuple[Manager, str, Path]]) -> None:
        causes = [
            Cause("FieldManagerConflict", f"conflict with {_named(manager, version)}", path_text(path))
            for manager, version, path in conflicts
        ]
        super().__init__(_message(conflicts), causes=causes)
        self.conflicts = conflicts

    def outside(self, allowed: Fields) -> ApplyConflictError | None:
        """Return the conflict about the fields that are not in a set, None when all are."""
        rest = [conflict for conflict in self.conflicts if not has(allowed, conflict[2])]
        return ApplyConflictError(rest) if rest else None


def conflict_of(found: dict[Manager, Fields], managers: Managers) -> ApplyConflictError:
    """Return the error for the fields that each manager would lose."""
    return ApplyConflictError([(manager, managers[manager].version, path) for manager in sorted(found) for path in paths(found[manager])])


def _named(manager: Manager, version: str) -> str:
    text = f'"{manager.name}"'
    if manager.subresource:
        text += f' with subresource "{manager.subresource}"'
    return f"{text} using {version}" if manager.operation == "Update" else text


def _message(conflicts: list[tuple[Manager, str, Path]]) -> str:
    if len(conflicts) == 1:
        manager, version, path = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {_named(manager, version)}: {path_text(path)}"
    lines = []
    before = None
    for manager, version, path in conflicts:
        if manager != before:
            lines.append(f"conflicts with {_named(manager, version)}:")
        lines.append(f"- {path_text(path)}")
        before = manager
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
