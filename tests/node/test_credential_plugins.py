"""Plugins that know passwords: what they are asked, what is kept, and what happens when they fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.node.builders import HandClock
from tests.node.meters.page import read

from sagong.node.config import ConfigError
from sagong.node.credential_plugins import CredentialPlugins, load_providers
from sagong.node.meter import KubeletMeter

PLUGIN = """#!/bin/sh
cat > "$(dirname "$0")/asked.$(ls "$(dirname "$0")" | wc -l)"
[ "$FAIL" ] && { echo oh no >&2; exit 3; }
cat <<END
{"kind": "CredentialProviderResponse", "cacheKeyType": "$1", "cacheDuration": "10s", "auth": {
  "*.r.io": {"username": "u", "password": "wide"},
  "eu.r.io/team": {"username": "u", "password": "$WORD"}}}
END
"""
CONFIG = """
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- {name: plugin, apiVersion: credentialprovider.kubelet.k8s.io/v1, matchImages: ["*.r.io"], args: [KIND], env: [{name: WORD, value: close}]}
"""


class Bench:
    def __init__(self, folder: Path, kind: str = "Image", config: str = CONFIG) -> None:
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "plugin").write_text(PLUGIN)
        (self.bin / "plugin").chmod(0o755)
        file = folder / "providers.yaml"
        file.write_text(config.replace("KIND", kind))
        self.clock = HandClock()
        self.plugins = CredentialPlugins(load_providers(str(file), str(self.bin)), self.bin, self.clock)

    async def passwords(self, image: str) -> list[str]:
        return [credential.auth.password for credential in await self.plugins.credentials(image)]

    @property
    def asked(self) -> list[str]:
        return [file.read_text() for file in sorted(self.bin.glob("asked.*"))]


async def test_a_plugin_is_asked_for_images_that_it_knows(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert await bench.passwords("eu.r.io/team/app:1") == ["close", "wide"]
    assert await bench.passwords("other.io/app:1") == []
    text = '{"apiVersion":"credentialprovider.kubelet.k8s.io/v1","kind":"CredentialProviderRequest","image":"eu.r.io/team/app"}'
    assert bench.asked == [text]
    assert all(credential.secret is None for credential in await bench.plugins.credentials("eu.r.io/team/app:1"))


@pytest.mark.parametrize(("kind", "runs"), [("Image", 3), ("Registry", 2), ("Global", 1)])
async def test_answers_are_kept_for_what_and_as_long_as_they_say(tmp_path: Path, kind: str, runs: int) -> None:
    bench = Bench(tmp_path, kind)
    for image in ("eu.r.io/a:1", "eu.r.io/a:2", "eu.r.io/b:1", "us.r.io/b:1"):
        await bench.passwords(image)
    assert len(bench.asked) == runs
    bench.clock.move(11)
    await bench.passwords("eu.r.io/a:1")
    assert len(bench.asked) == runs + 1


@pytest.mark.parametrize(("kind", "more"), [("Nonsense", ""), ("Image", ", {name: FAIL, value: '1'}")])
async def test_a_plugin_that_fails_is_passed_over(tmp_path: Path, kind: str, more: str) -> None:
    bench = Bench(tmp_path, kind, CONFIG.replace("value: close}", f"value: close}}{more}"))
    meter = KubeletMeter(bench.clock)
    bench.plugins.asked = meter.images.asked_plugin
    assert await bench.passwords("eu.r.io/a:1") == []
    table = {"credential_provider_plugin_duration": ("histogram", {"plugin_name"})}
    samples = read(meter, table)
    assert samples['credential_provider_plugin_duration_count{plugin_name="plugin"}'] == 1
    assert samples.get('credential_provider_plugin_errors_total{plugin_name="plugin"}', 0) == bool(more)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("v1, match", "v9, match"), "speaks credentialprovider.kubelet.k8s.io/v9"),
        (("name: plugin", "name: none"), "credential provider none is no program in"),
        (("args:", "tokenAttributes: {requireServiceAccount: true}, args:"), "wants service account tokens"),
        (("providers:", "provider:"), "cannot read the credential providers"),
    ],
)
def test_what_cannot_be_is_said_at_the_start(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Bench(tmp_path, config=CONFIG.replace(*change))
