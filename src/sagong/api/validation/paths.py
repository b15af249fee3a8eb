"""Validation of paths inside volumes, of file modes and of keys projected into files."""

from __future__ import annotations

from sagong.api.field_errors import Errors
from sagong.api.types.core import KeyToPath
from sagong.api.validation.rules import required

_MODES = range(0o777 + 1)


def no_backsteps(errors: Errors, path: str, target: str) -> None:
    """Refuse `..` anywhere in a path."""
    if ".." in target.split("/"):
        errors.invalid(path, target, "must not contain '..'")


def descending(errors: Errors, path: str, target: str) -> None:
    """Demand a relative path that does not climb."""
    if target.startswith("/"):
        errors.invalid(path, target, "must be a relative path")
    no_backsteps(errors, path, target)


def unreserved(errors: Errors, path: str, target: str) -> None:
    """Demand a relative path that does not climb and whose name the kubelet does not need for itself."""
    descending(errors, path, target)
    if target.startswith("..") and not target.startswith("../"):
        errors.invalid(path, target, "must not start with '..'")


def file_mode(errors: Errors, path: str, mode: int | None) -> None:
    """Check permission bits."""
    if mode is not None and mode not in _MODES:
        errors.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")


def key_to_path(errors: Errors, path: str, item: KeyToPath) -> None:
    """Check one key and the file it goes to."""
    required(errors, path, item, "key", "path")
    unreserved(errors, f"{path}.path", item.path)
    file_mode(errors, f"{path}.mode", item.mode)
