"""Credential provider plugins: programs on the node that know a registry's passwords of the moment (KEP-2133).

The configuration lists them with the images that they are asked for. A plugin gets a CredentialProviderRequest on its standard
input and answers with a CredentialProviderResponse, which is kept for as long as it says.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from sagong.api.clock import Clock
from sagong.node.config import ConfigError, KubeletConfig, seconds
from sagong.node.credentials import Credential, matches
from sagong.node.cri import api_pb2 as cri

_SECONDS = 60.0
_VERSIONS = ("credentialprovider.kubelet.k8s.io/v1", "credentialprovider.kubelet.k8s.io/v1beta1")
log = logging.getLogger(__name__)


class EnvVar(msgspec.Struct):
    """A variable that a plugin gets besides the kubelet's own."""

    name: str
    value: str


class Provider(msgspec.Struct):
    """One plugin; its name is the program's in the plugins' folder."""

    name: str
    matchImages: list[str]
    apiVersion: str
    defaultCacheDuration: str = "0s"
    args: list[str] = msgspec.field(default_factory=list)
    env: list[EnvVar] = msgspec.field(default_factory=list)
    tokenAttributes: dict[str, Any] | None = None


class _Config(msgspec.Struct):
    providers: list[Provider]
    apiVersion: str = "kubelet.config.k8s.io/v1"
    kind: str = "CredentialProviderConfig"


class _Login(msgspec.Struct):
    username: str = ""
    password: str = ""


class _Response(msgspec.Struct):
    cacheKeyType: str = ""
    cacheDuration: str | None = None
    auth: dict[str, _Login] = msgspec.field(default_factory=dict)


Asked = Callable[[str, float, bool], None]


class PluginError(Exception):
    """A plugin failed, or answered what is no answer."""


def load_providers(path: str, folder: str) -> Sequence[Provider]:
    """Read the configuration. Raises ConfigError."""
    try:
        found = msgspec.yaml.decode(Path(path).read_bytes(), type=_Config).providers
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"cannot read the credential providers in {path}: {error}") from error
    for provider in found:
        if provider.apiVersion not in _VERSIONS:
            raise ConfigError(f"credential provider {provider.name} speaks {provider.apiVersion}, which is none of {', '.join(_VERSIONS)}")
        if provider.tokenAttributes is not None:
            raise ConfigError(
                f"credential provider {provider.name} wants service account tokens (tokenAttributes), which it cannot be given"
            )
        if not os.access(Path(folder, provider.name), os.X_OK):
            raise ConfigError(f"credential provider {provider.name} is no program in {folder}")
    return found


def plugins_of(config: KubeletConfig, clock: Clock, asked: Asked = lambda _name, _seconds, _well: None) -> CredentialPlugins | None:
    """Return the plugins of a configuration, None when it has none; `asked` is told of each run. Raises ConfigError."""
    path, folder = config.imageCredentialProviderConfig, config.imageCredentialProviderBinDir
    return CredentialPlugins(load_providers(path, folder), Path(folder), clock, asked) if path else None


@dataclass
class CredentialPlugins:
    """Asks the plugins of one node."""

    providers: Sequence[Provider]
    folder: Path
    clock: Clock
    asked: Asked = lambda _name, _seconds, _well: None
    """told of each run of a plugin: its name, the seconds, and whether it gave an answer"""
    _kept: dict[tuple[str, str], tuple[float, Mapping[str, _Login]]] = field(default_factory=dict)
    _locks: dict[tuple[str, str], asyncio.Lock] = field(default_factory=dict)

    async def credentials(self, image: str) -> Sequence[Credential]:
        """Return what the plugins give for an image; one that fails is passed over."""
        found: list[tuple[str, Credential]] = []
        for provider in self.providers:
            if not any(matches(pattern, image) for pattern in provider.matchImages):
                continue
            try:
                logins = await self._logins(provider, _bare(image))
            except (PluginError, OSError, TimeoutError) as error:
                log.warning("credential provider %s: %s", provider.name, error)
                continue
            found += [
                (pattern, Credential(cri.AuthConfig(username=login.username, password=login.password), None))
                for pattern, login in logins.items()
                if matches(pattern, image)
            ]
        return [credential for _, credential in sorted(found, key=lambda pair: pair[0], reverse=True)]

    async def _logins(self, provider: Provider, image: str) -> Mapping[str, _Login]:
        """Return logins by registry, kept ones if they still hold; pods that ask at once for one image are answered by one run."""
        async with self._locks.setdefault((provider.name, image), asyncio.Lock()):
            for key in (image, image.partition("/")[0], "*"):
                until, kept = self._kept.get((provider.name, key), (0.0, {}))
                if until > self.clock.monotonic():
                    return kept
            answer = await self._timed(provider, image)
            keys = {"Image": image, "Registry": image.partition("/")[0], "Global": "*"}
            if answer.cacheKeyType not in keys:
                raise PluginError(f"credential provider plugin did not return a valid cacheKeyType: {answer.cacheKeyType}")
            life = seconds(provider.defaultCacheDuration if answer.cacheDuration is None else answer.cacheDuration)
            now = self.clock.monotonic()
            self._kept = {key: entry for key, entry in self._kept.items() if entry[0] > now}
            self._kept[provider.name, keys[answer.cacheKeyType]] = (now + life, answer.auth)
            return answer.auth

    async def _timed(self, provider: Provider, image: str) -> _Response:
        began, well = self.clock.monotonic(), False
        try:
            answer = await self._ask(provider, image)
            well = True
        finally:
            self.asked(provider.name, self.clock.monotonic() - began, well)
        return answer

    async def _ask(self, provider: Provider, image: str) -> _Response:
        request = {"apiVersion": provider.apiVersion, "kind": "CredentialProviderRequest", "image": image}
        process = await asyncio.create_subprocess_exec(
            str(self.folder / provider.name),
            *provider.args,
            env={**os.environ, **{variable.name: variable.value for variable in provider.env}},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                output, problems = await process.communicate(msgspec.json.encode(request))
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise PluginError(f"exit status {process.returncode}: {problems.decode(errors='replace').strip()}")
        try:
            return msgspec.json.decode(output, type=_Response)
        except msgspec.MsgspecError as error:
            raise PluginError(f"the answer is none: {error}") from error


def _bare(image: str) -> str:
    """Return an image's name without tag and digest."""
    name = image.partition("@")[0]
    return name[: name.rfind(":")] if name.rfind(":") > name.rfind("/") else name
