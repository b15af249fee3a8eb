"""nftables reduced to what transactions do to tables: an executable model for the difference of rulesets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sagong.network.proxy.conntrack import Frontends
from sagong.network.proxy.nft import NftError
from sagong.network.proxy.objects import Ruleset


@dataclass
class ModelTable:
    chains: dict[str, list[str]] = field(default_factory=dict)
    containers: dict[str, dict[str, str]] = field(default_factory=dict)


class ModelKernel:
    """A `Kernel` in memory. It refuses what nft refuses: unknown names, dangling references, deleting what is used."""

    def __init__(self) -> None:
        self.tables: dict[str, ModelTable] = {}
        self.transactions: list[list[str]] = []
        self.forgotten: list[Frontends] = []
        self.routes: set[str] = set()
        self.broken = False
        self.seconds = 0.0

    async def run(self, commands: Iterable[str]) -> None:
        if self.broken:
            raise NftError("broken")
        todo = list(commands)
        await asyncio.sleep(self.seconds)
        self.transactions.append(todo)
        for command in todo:
            self._do(command)
        for place, table in self.tables.items():
            for target in _targets(table):
                if target not in table.chains and target not in table.containers:
                    raise AssertionError(f"{place}: {target} is used and not there")

    def forget_flows(self, family: str, suspects: Frontends, node_addresses: Any) -> int:
        self.forgotten.append(suspects)
        return 0

    def has_table(self, family: str, name: str) -> bool:
        return f"{family} {name}" in self.tables

    def ensure_route(self, network: str) -> None:
        self.routes.add(network)

    def _do(self, command: str) -> None:
        verb, kind, family, name, *rest = command.split(" ", 5)
        place = f"{family} {name}"
        if kind != "table":
            _CHANGES[verb, kind](self.tables[place], rest[0], rest[1] if len(rest) > 1 else "")
        elif verb == "add":
            self.tables.setdefault(place, ModelTable())
        else:
            del self.tables[place]


def _delete_chain(table: ModelTable, name: str, _words: str) -> None:
    assert not table.chains.pop(name), name


def _add_elements(table: ModelTable, name: str, words: str) -> None:
    for entry in words.strip("{} ").split(", "):
        key, _, value = entry.partition(" : ")
        assert table.containers[name].get(key, value) == value, entry
        table.containers[name][key] = value


def _delete_elements(table: ModelTable, name: str, words: str) -> None:
    for key in words.strip("{} ").split(", "):
        del table.containers[name][key]


def _add_container(table: ModelTable, name: str, _words: str) -> None:
    table.containers.setdefault(name, {})


_CHANGES: dict[tuple[str, str], Callable[[ModelTable, str, str], object]] = {
    ("add", "chain"): lambda table, name, _: table.chains.setdefault(name, []),
    ("add", "rule"): lambda table, name, words: table.chains[name].append(words),
    ("flush", "chain"): lambda table, name, _: table.chains[name].clear(),
    ("delete", "chain"): _delete_chain,
    ("add", "set"): _add_container,
    ("add", "map"): _add_container,
    ("delete", "set"): lambda table, name, _: table.containers.pop(name),
    ("add", "element"): _add_elements,
    ("delete", "element"): _delete_elements,
}


def _targets(table: ModelTable) -> Iterable[str]:
    for rules in table.chains.values():
        for rule in rules:
            yield from re.findall(r"(?:goto|jump|@) ?([^\s,]+)", rule)
    for elements in table.containers.values():
        yield from (value.split()[1] for value in elements.values() if value.startswith("goto"))


def as_model(ruleset: Ruleset) -> ModelTable:
    """Return what the kernel should have."""
    return ModelTable(
        {name: list(chain.rules) for name, chain in ruleset.chains.items()},
        {name: dict(container.elements) for name, container in ruleset.containers.items()},
    )
