"""Sealed values: upstream's bytes, what opens them, what does not, and configurations."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from sagong.store.base import SealError
from sagong.store.encryption import configuration
from sagong.store.encryption.ciphers import AesCbc, AesGcm, Cipher, Identity, SecretBox, seal, unseal
from sagong.store.encryption.configuration import ConfigurationError
from sagong.store.encryption.encryption import Encryption, resource_of_key

WHERE = b"/registry/secrets/default/s"
KEY = bytes(range(32))
CIPHERS: list[Cipher] = [make("key1", KEY, os.urandom) for make in (AesGcm, AesCbc, SecretBox)]


@given(st.binary(max_size=300), st.sampled_from([*CIPHERS, Identity()]))
def test_what_is_sealed_opens(value: bytes, cipher: Cipher) -> None:
    sealed = seal([cipher], value, WHERE)
    assert sealed.startswith(cipher.prefix)
    if not value.startswith(b"k8s:enc:"):
        assert unseal([cipher], sealed, WHERE) == (value, cipher)


def test_bytes_are_upstreams() -> None:
    sealed = seal([CIPHERS[0]], b"value", WHERE)
    assert sealed.startswith(b"k8s:enc:aesgcm:v1:key1:")
    rest = sealed.removeprefix(b"k8s:enc:aesgcm:v1:key1:")
    assert AESGCM(KEY).decrypt(rest[:12], rest[12:], WHERE) == b"value"  # nonce first, the key in the store is authenticated
    assert len(seal([CIPHERS[1]], b"x" * 16, WHERE)) == len(b"k8s:enc:aescbc:v1:key1:") + 16 + 32
    assert len(seal([CIPHERS[2]], b"x", WHERE)) == len(b"k8s:enc:secretbox:v1:key1:") + 24 + 16 + 1
    vector = AesCbc("k", b"\0" * 32, lambda size: b"\0" * size)
    assert vector.seal(b"", b"").hex() == "0" * 32 + "1f788fe6d86c317549697fbf0c07fa43"


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_damaged_value_does_not_open(cipher: Cipher) -> None:
    sealed = seal([cipher], b"value", WHERE)
    for data in (sealed[:-1], sealed[: len(cipher.prefix)], sealed.replace(b"key1", b"key2")):
        with pytest.raises(SealError, match="/registry/secrets/default/s"):
            unseal([cipher], data, WHERE)


def test_a_value_cannot_be_moved() -> None:
    with pytest.raises(SealError, match="message authentication failed"):
        unseal([CIPHERS[0]], seal([CIPHERS[0]], b"v", WHERE), b"/registry/secrets/default/other")


def test_keys_of_one_name_are_all_tried() -> None:
    old, new = AesGcm("k", b"a" * 16, os.urandom), AesGcm("k", b"b" * 16, os.urandom)
    assert unseal([new, old], seal([old], b"v", WHERE), WHERE) == (b"v", old)


def test_identity_refuses_what_is_sealed() -> None:
    sealed = seal([CIPHERS[0]], b"v", WHERE)
    with pytest.raises(SealError, match="identity transformer tried to read encrypted data"):
        unseal([Identity()], sealed, WHERE)
    assert unseal([Identity(), CIPHERS[0]], sealed, WHERE) == (b"v", CIPHERS[0])


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        ("/registry/secrets/default/s", "secrets"),
        ("/registry/deployments/default/d", "deployments.apps"),
        ("/registry/services/specs/default/s", "services"),
        ("/registry/services/endpoints/default/s", "endpoints"),
        ("/registry/minions/n", "nodes"),
        ("/registry/events/default/e", "events"),
        ("/registry/example.com/widgets/default/w", "widgets.example.com"),
        ("/registry/apiextensions.k8s.io/customresourcedefinitions/x", "customresourcedefinitions.apiextensions.k8s.io"),
    ],
)
def test_a_key_tells_its_resource(key: str, resource: str) -> None:
    assert resource_of_key(key) == resource


def provider(cipher: str = "aesgcm", name: str = "key1", key: bytes = KEY) -> dict[str, Any]:
    return {cipher: {"keys": [{"name": name, "secret": base64.b64encode(key).decode()}]}}


def document(*rules: tuple[list[str], list[dict[str, Any]]], **changes: Any) -> bytes:
    resources = [{"resources": names, "providers": providers} for names, providers in rules]
    head = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": resources}
    return yaml.safe_dump(head | changes).encode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"][", "error decoding the encryption provider configuration"),
        (document(kind="Pod"), "got unexpected config type"),
        (document(), "at least one resources is required"),
        (document((["secrets"], [])), "at least one resources.0..providers is required"),
        (document(([], [provider()])), "at least one resources.0..resources is required"),
        (document((["secrets"], [{}])), "provider does not contain any of the expected providers"),
        (document((["secrets"], [provider() | {"identity": {}}])), "more than one provider specified in a single element"),
        (document((["secrets"], [provider(key=b"short")])), r"got 5, expected one of \[16 24 32\]"),
        (document((["secrets"], [provider("aescbc", key=b"x" * 16)])), r"got 16, expected one of \[32\]"),
        (document((["secrets"], [{"aesgcm": {"keys": [{"name": "a", "secret": "*"}]}}])), "secrets must be base64 encoded"),
        (document((["secrets", "*."], [provider()])), "overlapping resources"),
        (document((["secrets", "secrets"], [provider()])), "same resource cannot be specified multiple times"),
        (document((["*."], [provider()]), (["secrets"], [provider()])), 'resource "secrets" is masked by earlier rule "\\*."'),
        (document((["*"], [provider()])), "use '\\*.' to encrypt all the resources from core API group"),
        (document((["Secrets"], [provider()])), "should not contain capital letters"),
        (document((["secrets.*"], [provider()])), "same resource across groups is not supported"),
        (document((["secrets"], [{"rot13": {}}])), "unknown field `rot13`"),
    ],
)
def test_a_configuration_that_cannot_be_used_says_why(text: bytes, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        configuration.parse(text)


def encryption(path: Path, *rules: tuple[list[str], list[dict[str, Any]]]) -> Encryption:
    path.write_bytes(document(*rules))
    return Encryption(path, os.urandom)


def test_the_most_specific_rule_holds_and_others_pay_nothing(tmp_path: Path) -> None:
    made = encryption(
        tmp_path / "c",
        (["events"], [{"identity": {}}]),
        (["secrets"], [provider("secretbox", "s")]),
        (["*.apps"], [provider("aescbc", "a")]),
    )
    assert (made.seal("/registry/secrets/a/b", b"v") or b"").startswith(b"k8s:enc:secretbox:v1:s:")
    assert (made.seal("/registry/deployments/a/b", b"v") or b"").startswith(b"k8s:enc:aescbc:v1:a:")
    value = b"v" * 100
    assert made.seal("/registry/pods/a/b", value) is value
    assert made.seal("/registry/events/a/b", value) == value
    everything = encryption(tmp_path / "d", (["secrets"], [{"identity": {}}]), (["*.*"], [provider()]))
    assert (everything.seal("/registry/example.com/widgets/a/b", b"v") or b"").startswith(b"k8s:enc:aesgcm:")
    assert everything.seal("/registry/secrets/a/b", b"v") == b"v"


def test_a_rotation_makes_values_stale_until_they_are_written_anew(tmp_path: Path) -> None:
    path, where = tmp_path / "c", "/registry/secrets/a/b"
    made = encryption(path, (["secrets"], [provider(name="old"), {"identity": {}}]))
    assert made.open(where, b"plain") == b"plain"
    assert made.stale(where)
    sealed = made.seal(where, b"plain")
    assert not made.stale(where)
    path.write_bytes(document((["secrets"], [provider("secretbox", "new"), provider(name="old")])))
    made.reload()
    assert made.stale(where)
    assert made.open(where, sealed or b"") == b"plain"
    assert (made.seal(where, b"plain") or b"").startswith(b"k8s:enc:secretbox:v1:new:")
    assert not made.stale(where)
    path.write_bytes(b"nonsense")
    made.reload()
    assert (made.seal(where, b"plain") or b"").startswith(b"k8s:enc:secretbox:v1:new:")
    assert made.seal(where, None) is None
