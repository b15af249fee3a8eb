"""What is wrong with which field: a list that rules add to, rendered in upstream's words (k8s.io/apimachinery, field.Error).

Rules take `errors: Errors` and a path (`spec.containers[0]`), and call one of its methods where a value breaks them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from sagong.api.errors import Cause
from sagong.api.types.base import ApiStruct


class _Omit:
    """The type of OMIT."""


OMIT = _Omit()  # given as a value, leaves it out of the message
WHOLE = "[]"  # the path of what is wrong with an object as a whole, as upstream renders it


class Errors(list[Cause]):
    """Causes in the order in which they were found. `message` of each is the text after the path, as metav1.StatusCause has it."""

    def invalid(self, path: str, value: object, detail: str) -> None:
        """Add: a malformed value."""
        self._add("FieldValueInvalid", path, "Invalid value" if value is OMIT else f"Invalid value: {show(value)}", detail)

    def each(self, path: str, value: object, complaints: Iterable[str]) -> None:
        """Add one `invalid` for each complaint."""
        for complaint in complaints:
            self.invalid(path, value, complaint)

    def required(self, path: str, detail: str = "") -> None:
        """Add: a value is missing."""
        self._add("FieldValueRequired", path, "Required value", detail)

    def forbidden(self, path: str, detail: str) -> None:
        """Add: a value that may not be there now."""
        self._add("FieldValueForbidden", path, "Forbidden", detail)

    def duplicate(self, path: str, value: object, detail: str = "") -> None:
        """Add: a value that must be unique and is not."""
        self._add("FieldValueDuplicate", path, f"Duplicate value: {show(value)}", detail)

    def not_supported(self, path: str, value: object, valid: Sequence[str]) -> None:
        """Add: a value outside an enumeration, which is listed in the order given."""
        detail = f"supported values: {', '.join(map(quote, valid))}" if valid else ""
        self._add("FieldValueNotSupported", path, f"Unsupported value: {show(value)}", detail)

    def not_found(self, path: str, value: object, detail: str = "") -> None:
        """Add: a reference to something that is not there."""
        self._add("FieldValueNotFound", path, f"Not found: {show(value)}", detail)

    def type_invalid(self, path: str, value: object, detail: str) -> None:
        """Add: a value of another type than the schema's."""
        self._add("FieldValueTypeInvalid", path, f"Invalid value: {show(value)}", detail)

    def too_long(self, path: str, limit: int, unit: str = "byte") -> None:
        """Add: longer than `limit` bytes (or another unit, in the singular)."""
        self._add("FieldValueTooLong", path, "Too long", f"may not be more than {_count(limit, unit)}")

    def too_many(self, path: str, count: int, limit: int) -> None:
        """Add: more than `limit` items."""
        self._add("FieldValueTooMany", path, f"Too many: {count}", f"must have at most {_count(limit, 'item')}")

    def too_few(self, path: str, count: int, limit: int) -> None:
        """Add: fewer than `limit` items."""
        self._add("FieldValueTooFew", path, f"Too few: {count}", f"must have at least {_count(limit, 'item')}")

    def internal(self, path: str, detail: str) -> None:
        """Add: a failure that is not the user's."""
        self._add("InternalError", path, "Internal error", detail)

    def _add(self, reason: str, path: str, body: str, detail: str) -> None:
        self.append(Cause(reason, f"{body}: {detail}" if detail else body, path))


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def text(causes: Sequence[Cause]) -> str:
    """Aggregate causes as upstream's ErrorList does: one plainly, several in brackets, repetitions once."""
    lines = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    return lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"


def quote(value: str) -> str:
    """Quote a string as Go's %q does."""
    if value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return re.sub(r"\\u00([0-9a-f]{2})", r"\\x\1", json.dumps(value, ensure_ascii=False))


def show(value: object) -> str:
    """Render a rejected value as upstream does: strings quoted, composites as the JSON of its internal types."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value}"
    return json.dumps(_nil(value), separators=(",", ":"), ensure_ascii=False)


def diff(old: object, new: object) -> str:
    """Show what changed as a unified diff of the JSON of internal types, as messages about immutable specs have it."""
    import difflib  # noqa: PLC0415 - for few messages

    before, after = (f"{json.dumps(go_json(side), indent=1, ensure_ascii=False)}\n".splitlines(keepends=True) for side in (old, new))
    return "".join(list(difflib.unified_diff(before, after))[2:])


def go_json(value: Any) -> Any:
    """Turn Structs into upstream's internal form: Go field names, nothing left out; meta/v1 has no internal form."""
    if isinstance(value, ApiStruct):
        if type(value).__module__.endswith(".meta"):
            return msgspec.json.decode(msgspec.json.encode(value))
        embedded = go_json(value.metadata) if hasattr(value, "metadata") else {}
        return embedded | {go: _nil(getattr(value, name)) for name, go in _go_names(type(value))}
    if isinstance(value, Mapping):
        return {key: go_json(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [go_json(item) for item in value]
    return msgspec.to_builtins(value)


def _nil(value: Any) -> Any:
    return None if isinstance(value, list | dict | bytes) and not value else go_json(value)


_ACRONYMS = {
    "apiGroup": "APIGroup",
    "apiGroups": "APIGroups",
    "apiVersion": "APIVersion",
    "apiVersions": "APIVersions",
    "awsElasticBlockStore": "AWSElasticBlockStore",
    "caBundle": "CABundle",
    "cel": "CEL",
    "cephfs": "CephFS",
    "cidr": "CIDR",
    "cidrs": "CIDRs",
    "csi": "CSI",
    "dnsConfig": "DNSConfig",
    "dnsPolicy": "DNSPolicy",
    "fc": "FC",
    "fsGroup": "FSGroup",
    "fsGroupChangePolicy": "FSGroupChangePolicy",
    "fsGroupPolicy": "FSGroupPolicy",
    "fsType": "FSType",
    "gcePersistentDisk": "GCEPersistentDisk",
    "gmsaCredentialSpec": "GMSACredentialSpec",
    "gmsaCredentialSpecName": "GMSACredentialSpecName",
    "grpc": "GRPC",
    "http": "HTTP",
    "httpGet": "HTTPGet",
    "httpHeaders": "HTTPHeaders",
    "id": "ID",
    "ip": "IP",
    "ipBlock": "IPBlock",
    "ipFamilies": "IPFamilies",
    "ipFamilyPolicy": "IPFamilyPolicy",
    "ipMode": "IPMode",
    "ips": "IPs",
    "iqn": "IQN",
    "iscsi": "ISCSI",
    "iscsiInterface": "ISCSIInterface",
    "jsonPatch": "JSONPatch",
    "lastState": "LastTerminationState",
    "nfs": "NFS",
    "os": "OS",
    "osImage": "OSImage",
    "pdName": "PDName",
    "qosClass": "QOSClass",
    "rbd": "RBD",
    "seLinuxChangePolicy": "SELinuxChangePolicy",
    "seLinuxMount": "SELinuxMount",
    "seLinuxOptions": "SELinuxOptions",
    "storageos": "StorageOS",
    "tcpSocket": "TCPSocket",
    "tls": "TLS",
    "ttlSecondsAfterFinished": "TTLSecondsAfterFinished",
    "tty": "TTY",
    "uid": "UID",
    "url": "URL",
    "wwids": "WWIDs",
}


@functools.cache
def _go_names(kind: type[ApiStruct]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _go_name(name)) for name in kind.__struct_fields__ if name != "metadata")


def _go_name(name: str) -> str:
    if name.startswith("x_kubernetes_"):
        return "X" + name.removeprefix("x_kubernetes_").title().replace("_", "")
    return _ACRONYMS.get(name, name[0].upper() + name[1:].rstrip("_"))
