"""The ConfigMap kube-system/extension-apiserver-authentication: whom aggregated API servers may believe."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct

from sagong.api.types.core import ConfigMap
from sagong.api.types.meta import ObjectMeta

_LISTS = (
    "requestheader-username-headers",
    "requestheader-uid-headers",
    "requestheader-group-headers",
    "requestheader-extra-headers-prefix",
    "requestheader-allowed-names",
)
_BUNDLES = ("client-ca-file", "requestheader-client-ca-file")
_END = "-----END CERTIFICATE-----"


class RequestHeaderConfig(Struct, frozen=True):
    """Which headers an authenticating proxy sets, and how it proves to be one. `ca` is PEM."""

    ca: str
    allowed_names: Sequence[str] = ()
    username_headers: Sequence[str] = ("X-Remote-User",)
    uid_headers: Sequence[str] = ("X-Remote-Uid",)
    group_headers: Sequence[str] = ("X-Remote-Group",)
    extra_prefixes: Sequence[str] = ("X-Remote-Extra-",)


def config_map(client_ca: str, proxy: RequestHeaderConfig | None) -> ConfigMap:
    """Return the ConfigMap as this server alone would have it."""
    data = {"client-ca-file": client_ca} if client_ca else {}
    if proxy is not None:
        lists = (proxy.username_headers, proxy.uid_headers, proxy.group_headers, proxy.extra_prefixes, proxy.allowed_names)
        data |= {name: _list(values) for name, values in zip(_LISTS, lists, strict=True)}
        data["requestheader-client-ca-file"] = proxy.ca
    return ConfigMap(metadata=ObjectMeta(name="extension-apiserver-authentication", namespace="kube-system"), data=data)


def merge(old: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Return both: servers with different authorities share the ConfigMap."""
    merged = {**old, **wanted}
    for name in _LISTS:
        if name in old and name in wanted and old[name] != wanted[name]:
            merged[name] = _list(list(dict.fromkeys([*json.loads(old[name]), *json.loads(wanted[name])])))
    for name in _BUNDLES:
        if name in old and name in wanted and old[name] != wanted[name]:
            merged[name] = "".join(dict.fromkeys([*_certificates(old[name]), *_certificates(wanted[name])]))
    return merged


def _list(values: Sequence[str]) -> str:
    return json.dumps(list(values), separators=(",", ":"))


def _certificates(bundle: str) -> list[str]:
    return [part.strip() + "\n" + _END + "\n" for part in bundle.split(_END) if part.strip()]
