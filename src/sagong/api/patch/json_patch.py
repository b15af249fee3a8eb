"""JSON patch (RFC 6902) on plain dicts and lists, with the leniencies of the library that upstream uses.

`replace` of an absent member adds it, and negative indices count from the end. Copies are limited, so that a small patch
cannot make a huge object.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

MAX_OPERATIONS = 10_000
MAX_COPIED = 3 * 1024 * 1024

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode
_Container = dict[str, Any] | list[Any]


class JsonPatchError(ValueError):
    """An operation cannot be done."""


def apply(original: Any, operations: list[dict[str, Any]]) -> Any:
    """Return the original with the operations done in order. The original is not changed. Raises JsonPatchError."""
    run = _Run(_decode(_encode(original)))
    for operation in operations:
        kind = operation.get("op")
        do = _OPERATIONS.get(kind) if isinstance(kind, str) else None
        if do is None:
            raise JsonPatchError(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        do(run, operation)
    return run.root


class _Run:
    """A document under change."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.copied = 0

    def find(self, path: str, verb: str) -> tuple[_Container, str]:
        """Return the container that a pointer ends in, and the last key."""
        parts = path.split("/")
        node = self.root
        for part in map(_unescape, parts[1:-1]):
            try:
                node = _get(node, part)
            except JsonPatchError:
                node = None
            if not isinstance(node, dict | list):
                raise JsonPatchError(f'{verb} operation does not apply: doc is missing path: "{path}": missing value')
        if len(parts) == 1:
            raise JsonPatchError(f'{verb} operation does not apply: doc is missing path: "{path}": missing value')
        return node, _unescape(parts[-1])

    def add(self, operation: dict[str, Any]) -> None:
        """Put a value in, moving the rest of a list along."""
        self._put(_pointer(operation, "path"), operation.get("value"), "add")

    def remove(self, operation: dict[str, Any]) -> None:
        """Take a value out."""
        self._take(_pointer(operation, "path"), "remove")

    def replace(self, operation: dict[str, Any]) -> None:
        """Set a value in place."""
        path = _pointer(operation, "path")
        value = operation.get("value")
        if not path:
            if not isinstance(value, dict | list):
                raise JsonPatchError("replace operation value must be object or array")
            self.root = value
            return
        node, key = self.find(path, "replace")
        if isinstance(node, dict):
            node[key] = value
            return
        try:
            node[_index(key, len(node))] = value
        except JsonPatchError:
            raise JsonPatchError(f"replace operation does not apply: doc is missing key: {path}: missing value") from None

    def move(self, operation: dict[str, Any]) -> None:
        """Take a value out and put it in elsewhere."""
        value = self._take(_pointer(operation, "from"), "move")
        self._put(_pointer(operation, "path"), value, "move")

    def copy(self, operation: dict[str, Any]) -> None:
        """Put a copy of a value in elsewhere."""
        node, key = self.find(_pointer(operation, "from"), "copy")
        raw = _encode(_get(node, key))
        self.copied += len(raw)
        if self.copied > MAX_COPIED:
            message = "Unable to complete the copy, the accumulated size increase of copy is"
            raise JsonPatchError(f"{message} {self.copied}, exceeding the limit {MAX_COPIED}")
        self._put(_pointer(operation, "path"), _decode(raw), "copy")

    def test(self, operation: dict[str, Any]) -> None:
        """Go on only if a value is as expected; absent and null are the same."""
        path = _pointer(operation, "path")
        value = self.root
        if path:
            node, key = self.find(path, "test")
            value = _get(node, key)
        if _encode(value) != _encode(operation.get("value")):
            raise JsonPatchError(f"testing value {path} failed: test failed")

    def _put(self, path: str, value: Any, verb: str) -> None:
        node, key = self.find(path, verb)
        if isinstance(node, dict):
            node[key] = value
        elif key == "-":
            node.append(value)
        else:
            node.insert(_index(key, len(node) + 1), value)

    def _take(self, path: str, verb: str) -> Any:
        node, key = self.find(path, verb)
        if isinstance(node, list):
            return node.pop(_index(key, len(node)))
        if key not in node:
            raise JsonPatchError(f"error in {verb} for path: '{path}': Unable to remove nonexistent key: {key}: missing value")
        return node.pop(key)


_OPERATIONS: dict[str, Callable[[_Run, dict[str, Any]], None]] = {
    "add": _Run.add,
    "remove": _Run.remove,
    "replace": _Run.replace,
    "move": _Run.move,
    "copy": _Run.copy,
    "test": _Run.test,
}


def _pointer(operation: dict[str, Any], member: str) -> str:
    value = operation.get(member)
    if not isinstance(value, str):
        raise JsonPatchError(f"{operation['op']} operation failed to decode {member}: missing value")
    return value


def _get(node: Any, key: str) -> Any:
    if isinstance(node, dict):
        return node.get(key)
    if isinstance(node, list):
        return node[_index(key, len(node))]
    raise JsonPatchError("missing value")


def _index(key: str, size: int) -> int:
    digits = key[1:] if key[:1] in ("-", "+") else key
    if not (digits.isascii() and digits.isdigit()):
        raise JsonPatchError(f"value was not a proper array index: '{key}'")
    index = int(key)
    if not -size <= index < size:
        raise JsonPatchError(f"Unable to access invalid index: {index}: invalid index referenced")
    return index + size if index < 0 else index


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
