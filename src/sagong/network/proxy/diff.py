"""The least that turns one table into another, in one transaction.

Chains that are no longer wanted are emptied, and named in `stale`: before Linux 6.2 a chain still counts as used for a moment
after the map element that led to it has gone, and one refused deletion would undo the whole transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sagong.network.proxy.objects import (
    Container,
    Ruleset,
    add_rules,
    change_elements,
    declare_chain,
    declare_container,
    render,
)


@dataclass(frozen=True, slots=True)
class Transaction:
    """Commands that take effect together, or not at all; and chains to delete a moment later, as (family table, name)."""

    commands: tuple[str, ...] = ()
    stale: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        """Say whether there is anything to do."""
        return bool(self.commands)


def replace(new: Ruleset) -> Transaction:
    """Put a table in place of whatever has its name."""
    return Transaction((f"add table {new.place}", f"delete table {new.place}", *render(new)))


def diff(old: Ruleset, new: Ruleset) -> Transaction:
    """Return what changes `old` into `new`. Both are the same table."""
    place = new.place
    fresh = [name for name in new.chains if name not in old.chains]
    changed = [name for name, chain in new.chains.items() if name in old.chains and old.chains[name] != chain]
    gone = [name for name in old.chains if name not in new.chains]
    commands = (
        *(declare_container(place, name, container) for name, container in new.containers.items() if name not in old.containers),
        *(declare_chain(place, name, new.chains[name]) for name in fresh),
        # A chain that was stale moments ago may still be there: hence the flush of fresh ones.
        *(f"flush chain {place} {name}" for name in (*changed, *fresh)),
        *(command for name in (*changed, *fresh) for command in add_rules(place, name, new.chains[name])),
        *(command for name in new.containers for command in _element_changes(place, name, old.containers.get(name), new.containers[name])),
        *(f"flush chain {place} {name}" for name in gone),
        *(f"delete {container.kind} {place} {name}" for name, container in old.containers.items() if name not in new.containers),
    )
    return Transaction(commands, tuple((place, name) for name in gone))


def together(parts: Iterable[Transaction]) -> Transaction:
    """Make one transaction of several."""
    parts = tuple(parts)
    return Transaction(tuple(c for part in parts for c in part.commands), tuple(s for part in parts for s in part.stale))


def _element_changes(place: str, name: str, old: Container | None, new: Container) -> Iterator[str]:
    before = old.elements if old else {}
    if before == new.elements:
        return
    after = new.elements
    yield from change_elements("delete", place, name, {k: v for k, v in before.items() if after.get(k) != v})
    yield from change_elements("add", place, name, {k: v for k, v in after.items() if before.get(k) != v})
