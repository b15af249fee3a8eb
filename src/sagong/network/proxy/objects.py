"""nftables objects as values: what one table holds, and its text as `nft -f` reads it (nft(8)).

Rules are texts in nft's own language: whoever reads `nft list table ip sagong-proxy` finds them here word for word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

TABLE = "sagong-proxy"
_BATCH = 200
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain: its rules in order; `hook` only for those that the kernel calls (`type nat hook output priority -100`)."""

    rules: tuple[str, ...] = ()
    hook: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """A set (all values empty), or a map from key to value; `options` are further words of its declaration."""

    kind: Literal["set", "map"]
    type: str
    elements: Mapping[str, str] = field(default_factory=lambda: _NONE)
    options: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """One whole table."""

    family: str
    chains: Mapping[str, Chain]
    containers: Mapping[str, Container]
    table: str = TABLE

    @property
    def place(self) -> str:
        """Family and table, as every command names them."""
        return f"{self.family} {self.table}"


def declare_chain(place: str, name: str, chain: Chain) -> str:
    """Create a chain without rules; no error when it exists."""
    return f"add chain {place} {name}" + (f" {{ {chain.hook} ; }}" if chain.hook else "")


def declare_container(place: str, name: str, container: Container) -> str:
    """Create a set or map without elements; no error when it exists."""
    return f"add {container.kind} {place} {name} {{ type {container.type} ; {container.options}}}"


def add_rules(place: str, name: str, chain: Chain) -> Iterator[str]:
    """Append a chain's rules."""
    return (f"add rule {place} {name} {rule}" for rule in chain.rules)


def change_elements(verb: Literal["add", "delete"], place: str, name: str, elements: Mapping[str, str]) -> Iterator[str]:
    """Add or delete elements, many in one command: a command for each takes nft ten times as long."""
    texts = [f"{key} : {value}" if value and verb == "add" else key for key, value in elements.items()]
    for start in range(0, len(texts), _BATCH):
        yield f"{verb} element {place} {name} {{ {', '.join(texts[start : start + _BATCH])} }}"


def render(ruleset: Ruleset) -> Iterator[str]:
    """Yield the commands that create the table, which must not exist."""
    place = ruleset.place
    yield f"add table {place}"
    yield from (declare_container(place, name, container) for name, container in ruleset.containers.items())
    yield from (declare_chain(place, name, chain) for name, chain in ruleset.chains.items())
    for name, chain in ruleset.chains.items():
        yield from add_rules(place, name, chain)
    for name, container in ruleset.containers.items():
        yield from change_elements("add", place, name, container.elements)


def script(commands: Iterable[str]) -> str:
    """Join commands into what `nft -f` reads as one transaction."""
    return "".join(f"{command}\n" for command in commands)
