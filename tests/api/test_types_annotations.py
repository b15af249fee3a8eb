"""Annotations of the types are objects: text would be compiled when a decoder is made, field by field."""

from __future__ import annotations

import importlib
import pkgutil

import msgspec

import sagong.api.types

RECURSIVE = {"JSONSchemaProps"}


def test_only_types_that_contain_themselves_are_named_in_text() -> None:
    for found in pkgutil.iter_modules(sagong.api.types.__path__):
        module = importlib.import_module(f"sagong.api.types.{found.name}")
        for name, kind in vars(module).items():
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and name not in RECURSIVE:
                text = [field for field, annotation in kind.__annotations__.items() if isinstance(annotation, str)]
                assert not text, f"{found.name}.{name}: {text}"
