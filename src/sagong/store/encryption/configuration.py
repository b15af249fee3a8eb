"""EncryptionConfiguration (apiserver.config.k8s.io/v1): which resources are sealed, with which keys, the first for writing."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

import msgspec
from msgspec import field

from sagong.store.encryption.ciphers import AesCbc, AesGcm, Cipher, Identity, Nonce, SecretBox

API_VERSION, KIND = "apiserver.config.k8s.io/v1", "EncryptionConfiguration"
ANY = "*.*"
_LENGTHS = {"aesgcm": (16, 24, 32), "aescbc": (32,), "secretbox": (32,)}
_MAKE: dict[str, type[AesGcm | AesCbc | SecretBox]] = {"aesgcm": AesGcm, "aescbc": AesCbc, "secretbox": SecretBox}


class _Struct(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Key(_Struct):
    """A named key; `secret` is base64."""

    name: str = ""
    secret: str = ""


class Keys(_Struct):
    """The keys of a provider."""

    keys: list[Key] = field(default_factory=list)


class Provider(_Struct):
    """One of its fields is set."""

    aesgcm: Keys | None = None
    aescbc: Keys | None = None
    secretbox: Keys | None = None
    identity: dict[str, Any] | None = None


class ResourceRule(_Struct):
    """Resources, and what reads and writes them."""

    resources: list[str] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)


class EncryptionConfiguration(_Struct):
    """The file."""

    apiVersion: str = ""
    kind: str = ""
    resources: list[ResourceRule] = field(default_factory=list)


class ConfigurationError(ValueError):
    """The file is not an EncryptionConfiguration that can be used; the message says where and why."""


def parse(text: bytes) -> EncryptionConfiguration:
    """Read and check the file, YAML or JSON. Raises ConfigurationError."""
    import yaml  # noqa: PLC0415 - for servers that encrypt only

    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
        config = msgspec.convert(content, EncryptionConfiguration)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"error decoding the encryption provider configuration: {error}") from error
    if (config.apiVersion, config.kind) != (API_VERSION, KIND):
        raise ConfigurationError(
            f'got unexpected config type: {config.apiVersion}, Kind="{config.kind}"; want {API_VERSION}, Kind="{KIND}"'
        )
    problems = list(_problems(config))
    if problems:
        raise ConfigurationError("; ".join(problems))
    return config


def ciphers(config: EncryptionConfiguration, nonce: Nonce) -> Mapping[str, Sequence[Cipher]]:
    """Return the ciphers by resource: `secrets`, `deployments.apps`, `*.apps`, `*.`, `*.*`."""
    found: dict[str, list[Cipher]] = {}
    for rule in config.resources:
        made = [cipher for provider in rule.providers for cipher in _ciphers(provider, nonce)]
        for resource in rule.resources:
            found.setdefault(resource, []).extend(made)
    return found


def _ciphers(provider: Provider, nonce: Nonce) -> Iterator[Cipher]:
    if provider.identity is not None:
        yield Identity()
    for name, make in _MAKE.items():
        keys: Keys | None = getattr(provider, name)
        yield from (make(key.name, base64.b64decode(key.secret), nonce) for key in (keys.keys if keys is not None else ()))


def _problems(config: EncryptionConfiguration) -> Iterator[str]:
    if not config.resources:
        yield "resources: Required value: at least one resources is required"
    earlier: set[str] = set()
    for at, rule in enumerate(config.resources):
        path = f"resources[{at}]"
        yield from _resource_problems(f"{path}.resources", rule.resources, earlier)
        earlier |= set(rule.resources)
        if not rule.providers:
            yield f"{path}.providers: Required value: at least one {path}.providers is required"
        for index, provider in enumerate(rule.providers):
            yield from _provider_problems(f"{path}.providers[{index}]", provider)


def _resource_problems(path: str, resources: Sequence[str], earlier: set[str]) -> Iterator[str]:
    if not resources:
        yield f"{path}: Required value: at least one {path} is required"
    if len(set(resources)) < len(resources):
        yield f"{path}: Invalid value: the same resource cannot be specified multiple times"
    if any(_masks(one, other) for one, other in permutations(set(resources), 2)):
        yield (
            f"{path}: Invalid value: using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed "
            "as they will be masked"
        )
    for index, resource in enumerate(resources):
        yield from (f"{path}[{index}]: Invalid value: {text}" for wrong, text in _NAMES if wrong(resource))
        yield from (f'resource "{resource}" is masked by earlier rule "{mask}"' for mask in sorted(earlier) if _masks(mask, resource))


_EVENTS = "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file"
_NAMES: tuple[tuple[Callable[[str], bool], str], ...] = (
    (lambda name: name != name.lower(), "resource name should not contain capital letters"),
    (lambda name: name == "*", "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"),
    (lambda name: name.endswith(".*") and name != ANY, "encrypting the same resource across groups is not supported"),
    (lambda name: name.partition(".")[2] == "events.k8s.io", _EVENTS),
    (lambda name: name.partition(".")[2] == "extensions", "'extensions' group has been removed and cannot be used for encryption"),
)


def _masks(wide: str, narrow: str) -> bool:
    return wide != narrow and wide in (ANY, f"*.{narrow.partition('.')[2]}")


def _provider_problems(path: str, provider: Provider) -> Iterator[str]:
    said = [name for name in (*_MAKE, "identity") if getattr(provider, name) is not None]
    if not said:
        yield f"{path}: Required value: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"
    if len(said) > 1:
        yield f"{path}: Invalid value: more than one provider specified in a single element, should split into different list elements"
    for name, lengths in _LENGTHS.items():
        keys: Keys | None = getattr(provider, name)
        if keys is None:
            continue
        if not keys.keys:
            yield f"{path}.{name}.keys: Required value: at least one {path}.{name}.keys is required"
        for index, key in enumerate(keys.keys):
            yield from _key_problems(f"{path}.{name}.keys[{index}]", key, lengths)


def _key_problems(path: str, key: Key, lengths: Sequence[int]) -> Iterator[str]:
    if not key.name:
        yield f"{path}.name: Required value: name is a mandatory field for a key"
    if not key.secret:
        yield f"{path}.secret: Required value: secret is a mandatory field for a key"
        return
    try:
        size = len(base64.b64decode(key.secret, validate=True))
    except binascii.Error:
        yield f"{path}.secret: Invalid value: REDACTED: secrets must be base64 encoded"
        return
    if size not in lengths:
        allowed = " ".join(map(str, lengths))
        yield f"{path}.secret: Invalid value: REDACTED: secret is not of the expected length, got {size}, expected one of [{allowed}]"
