"""Rules and defaults of a kind are found where the kind's module says, although their modules are imported late."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest

import sagong.api.defaults
import sagong.api.validation
from sagong.api import defaults, validation


def tables(package: ModuleType) -> list[tuple[str, type, object]]:
    modules = (importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__))
    return [(module.__name__, kind, entry) for module in modules for kind, entry in getattr(module, "TABLE", {}).items()]


@pytest.mark.parametrize(("module", "kind", "rules"), tables(sagong.api.validation))
def test_finds_the_rules_of_every_kind(module: str, kind: type, rules: object) -> None:
    assert validation._rules(kind) is rules, module


@pytest.mark.parametrize(("module", "kind", "function"), tables(sagong.api.defaults))
def test_finds_the_defaults_of_every_kind(module: str, kind: type, function: object) -> None:
    assert defaults._function(kind) is function, module
