"""Secrets at rest in a whole server: sealed on the medium, plain for clients, rewritten by a rotation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.server.harness import config_map, running
from tests.store.encryption.test_ciphers import document, provider

from sagong.store.base import StoreOpenError
from sagong.store.encryption.encryption import Encryption
from sagong.store.sqlite import SqliteStore

SECRETS = "/api/v1/namespaces/default/secrets"


def medium(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.glob("store*")))


async def test_secrets_are_sealed_and_a_rotation_rewrites_them(tmp_path: Path) -> None:
    config = tmp_path / "encryption.yaml"
    config.write_bytes(document((["secrets"], [provider(name="one")])))
    encryption = Encryption(config, os.urandom)
    async with running(tmp_path, encryption=encryption) as api:
        secret = await api.ok("POST", SECRETS, {"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}})
        await api.ok("POST", "/api/v1/namespaces/default/configmaps", config_map("c", plain="seen"))
        assert b"k8s:enc:aesgcm:v1:one:" in medium(tmp_path)
        assert b"aHVudGVyMg" not in medium(tmp_path)
        assert b'"plain":"seen"' in medium(tmp_path)
        assert (await api.ok("GET", f"{SECRETS}/s"))["data"] == {"password": "aHVudGVyMg=="}

        same = await api.ok("PUT", f"{SECRETS}/s", secret)
        assert same["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]
        config.write_bytes(document((["secrets"], [provider("secretbox", "two"), provider(name="one")])))
        encryption.reload()
        dry = await api.ok("PUT", f"{SECRETS}/s?dryRun=All", secret)
        assert dry["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]
        written = await api.ok("PUT", f"{SECRETS}/s", secret)
        assert written["metadata"]["resourceVersion"] != secret["metadata"]["resourceVersion"]
        assert b"k8s:enc:secretbox:v1:two:" in medium(tmp_path)
        again = await api.ok("PUT", f"{SECRETS}/s", written)
        assert again["metadata"]["resourceVersion"] == written["metadata"]["resourceVersion"]

    config.write_bytes(document((["secrets"], [provider("aescbc", "three")])))
    with pytest.raises(StoreOpenError, match=r"store .* cannot be decrypted .*: add the key it was written with"):
        await SqliteStore.open(tmp_path / "store", seal=Encryption(config, os.urandom))
    config.write_bytes(document((["secrets"], [{"identity": {}}, provider("secretbox", "two")])))
    store = await SqliteStore.open(tmp_path / "store", seal=Encryption(config, os.urandom))  # history has values of the first key
    entry = store.get("/registry/secrets/default/s")
    assert entry is not None
    assert b"aHVudGVyMg" in entry.value
    assert store.oldest == entry.revision
    await store.close()
    config.write_bytes(document((["secrets"], [provider("secretbox", "two")])))
    store = await SqliteStore.open(tmp_path / "store", seal=Encryption(config, os.urandom))
    assert store.get("/registry/secrets/default/s") == entry
    await store.close()
