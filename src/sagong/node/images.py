"""Makes sure that a container's image is on the node: pull policy, credentials, back-off, events."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

from sagong.api.clock import Clock
from sagong.api.types.core import Container, EphemeralContainer, ImageVolumeSource, Pod
from sagong.node.backoff import Backoff
from sagong.node.credentials import Credential
from sagong.node.cri import api_pb2 as cri
from sagong.node.cri.client import CriError, Runtime
from sagong.node.events import Kind, PodEvents
from sagong.node.meters.images import ImageMeter
from sagong.node.meters.ledger import Ledger
from sagong.node.pull_records import PullRecords

_FIRST_DELAY, _LONGEST_DELAY = 10.0, 300.0
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_HOST}(?:\.{_HOST})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_NAME = rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[\w][\w.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(rf"(?P<name>{_NAME})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?")
_SPECIFIC = ("RegistryUnavailable", "SignatureValidationFailed")
_SPECIFIC_TEXTS = {
    "RegistryUnavailable": "the registry is unavailable",
    "SignatureValidationFailed": "the signature validation failed",
}


class ImageError(Exception):
    """The image is not there; `reason` is the container's waiting reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class PullCredentials(Protocol):
    """Finds what a pod may pull an image with."""

    async def credentials(self, pod: Pod, image: str) -> Sequence[Credential]:
        """Return credentials to try in order; none means anonymously."""
        ...


@dataclass(frozen=True)
class _Wish:
    """An image that a container or a volume needs, and where its events go."""

    name: str
    policy: str
    tell: Callable[[Kind, str, str], None]


@dataclass(slots=True)
class _Looked:
    """Whether a wished image was there, and had to be pulled; None: it did not come to that."""

    present: bool | None = None
    required: bool | None = None


class Rate:
    """How many pulls may begin: so many at once, then so many each second (registryPullQPS, registryBurst); 0 a second is no bound."""

    def __init__(self, clock: Clock, per_second: float, burst: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = burst
        self._left, self._at = float(burst), clock.monotonic()

    def take(self) -> bool:
        """Take one, if there is one."""
        now = self._clock.monotonic()
        self._left, self._at = min(self._left + (now - self._at) * self._per_second, self._burst), now
        if self._per_second and self._left < 1:
            return False
        self._left -= 1
        return True


class Images:
    """The images that containers and image volumes ask for."""

    def __init__(
        self,
        runtime: Runtime,
        events: PodEvents,
        clock: Clock,
        credentials: PullCredentials,
        *,
        parallel_pulls: int = 5,
        rate: Rate | None = None,
        records: PullRecords | None = None,
        pulled: Callable[[str, int, float], None] = lambda _uid, _size, _seconds: None,
        meter: ImageMeter | None = None,
    ) -> None:
        """Take the parts; `pulled` is told of each pull: the pod's uid, the image's bytes, the seconds."""
        self._meter = meter or ImageMeter(Ledger(clock))
        self._pulled = pulled
        self._runtime = runtime
        self._events = events
        self._clock = clock
        self._credentials = credentials
        self._backoff = Backoff(clock, _FIRST_DELAY, _LONGEST_DELAY)
        self._last_errors: dict[str, str] = {}
        self._pulls = asyncio.Semaphore(parallel_pulls)
        self._rate = rate or Rate(clock, 0, 1)
        self._records = records

    async def ensure(self, pod: Pod, container: Container | EphemeralContainer, sandbox: cri.PodSandboxConfig) -> cri.Image:
        """Return the container's image, pulled if its policy asks for that. Raises ImageError."""
        tell = functools.partial(self._events.container, pod, container)
        return await self._ensure(pod, _Wish(container.image, container.imagePullPolicy, tell), sandbox)

    async def ensure_volume(self, pod: Pod, source: ImageVolumeSource, sandbox: cri.PodSandboxConfig) -> cri.Image:
        """Return the image of a volume in the same way (KEP-4639). Raises ImageError."""
        return await self._ensure(pod, _Wish(source.reference, source.pullPolicy, functools.partial(self._events.pod, pod)), sandbox)

    async def _ensure(self, pod: Pod, wish: _Wish, sandbox: cri.PodSandboxConfig) -> cri.Image:
        looked = _Looked()
        try:
            return await self._ensured(pod, wish, sandbox, looked)
        finally:
            self._meter.ensured(wish.policy, looked.present, looked.required)

    async def _ensured(self, pod: Pod, wish: _Wish, sandbox: cri.PodSandboxConfig, looked: _Looked) -> cri.Image:
        name = wish.name
        try:
            reference = with_default_tag(name)
        except ValueError as error:
            message = f'Failed to apply default image tag "{name}": {error}'
            wish.tell("Warning", "InspectFailed", message)
            raise ImageError("InvalidImageName", message) from error
        if wish.policy in ("IfNotPresent", "Never"):
            found = await self._inspect(wish, reference)
            looked.present = found is not None
            if found and await self._may_use(pod, reference, found.id):
                looked.required = False
                message = f'Container image "{name}" already present on machine and can be accessed by the pod'
                wish.tell("Normal", "Pulled", message)
                return found
            looked.required = True
            if wish.policy == "Never":
                # the same words for an image that is there and not the pod's to use: it shall not even learn that it is there
                message = f'Container image "{name}" is not present with pull policy of Never'
                wish.tell("Warning", "ErrImageNeverPull", message)
                raise ImageError("ErrImageNeverPull", message)
        looked.required = True
        return await self._pull(pod, wish, reference, sandbox)

    async def local(self, image: str) -> cri.Image | None:
        """Return the image if it is on the node."""
        try:
            return await self._runtime.image_status(with_default_tag(image))
        except ValueError:
            return None

    def until(self, pod: Pod, image: str) -> float:
        """Return the time before which the image is not pulled again for this pod; a past time when it may be now."""
        return self._backoff.until_update(_key(pod, image))

    def forget(self, pod_uid: str) -> None:
        """Drop what is known of a pod that is gone."""
        self._backoff.forget(f"{pod_uid}_")
        for key in [key for key in self._last_errors if key.startswith(f"{pod_uid}_")]:
            del self._last_errors[key]

    async def _may_use(self, pod: Pod, reference: str, image: str) -> bool:
        """Tell whether the pod may use an image that is there without proving that it could pull it."""
        access = self._records.known(reference, image) if self._records else None
        if self._records is None or access is None:
            self._meter.checked("credentialPolicyAllowed")
            return True
        admitted = access.everyone
        if access.secrets and not admitted:
            found = await self._credentials.credentials(pod, reference)
            secrets = [credential.secret for credential in found if credential.secret is not None]
            admitted = self._records.admits(reference, image, access, secrets)
        self._meter.checked("credentialRecordFound" if admitted else "mustAuthenticate")
        return admitted

    async def _inspect(self, wish: _Wish, reference: str) -> cri.Image | None:
        try:
            return await self._runtime.image_status(reference)
        except CriError as error:
            message = f'Failed to inspect image "": {error}'
            wish.tell("Warning", "InspectFailed", message)
            raise ImageError("ImageInspectError", message) from error

    async def _pull(self, pod: Pod, wish: _Wish, reference: str, sandbox: cri.PodSandboxConfig) -> cri.Image:
        name, key = wish.name, _key(pod, wish.name)
        if self._backoff.until_update(key) > self._clock.now().timestamp():
            message = f'Back-off pulling image "{name}"'
            wish.tell("Normal", "BackOff", message)
            last = self._last_errors.get(key)
            raise ImageError("ImagePullBackOff", f"{message}: {last}" if last else message)
        wish.tell("Normal", "Pulling", f'Pulling image "{name}"')
        begun = self._clock.monotonic()
        try:
            async with self._pulls:
                pulling = self._clock.monotonic()
                found = await self._pull_with_any(pod, reference, sandbox)
        except CriError as error:
            wish.tell("Warning", "Failed", f'Failed to pull image "{name}": {_text(error)}')
            self._backoff.fail(key, self._clock.now().timestamp())
            failure = _pull_error(name, error)
            self._last_errors[key] = f"{failure.reason}: {failure.message}"
            raise failure from error
        self._last_errors.pop(key, None)
        ended = self._clock.monotonic()
        self._pulled(pod.metadata.uid, found.size, ended - pulling)
        times = f"{_milliseconds(ended - pulling)} ({_milliseconds(ended - begun)} including waiting)"
        message = f'Successfully pulled image "{name}" in {times}. Image size: {found.size} bytes.'
        wish.tell("Normal", "Pulled", message)
        return found

    async def _pull_with_any(self, pod: Pod, reference: str, sandbox: cri.PodSandboxConfig) -> cri.Image:
        if not self._rate.take():
            raise CriError("UNKNOWN", "pull QPS exceeded")
        failure: CriError | None = None
        found: Sequence[Credential | None] = await self._credentials.credentials(pod, reference)
        with self._records.pulling(reference) if self._records else nullcontext():
            for credential in found or (None,):
                try:
                    pulled = await self._runtime.pull_image(reference, credential.auth if credential else None, sandbox)
                except CriError as error:
                    failure = error
                    continue
                image = await self._runtime.image_status(pulled) or cri.Image(id=pulled)
                if self._records is not None:
                    self._records.pulled(reference, image.id, credential.secret if credential else None)
                return image
        assert failure is not None
        raise failure


def with_default_tag(image: str) -> str:
    """Return the image's name with `:latest` where neither tag nor digest is given. Raises ValueError, worded as upstream's parser."""
    match = _REFERENCE.fullmatch(image)
    if match is None:
        lower = _REFERENCE.fullmatch(image.lower())
        hint = f": repository name ({image.split(':', maxsplit=1)[0]}) must be lowercase" if image and lower else ""
        raise ValueError(f'couldn\'t parse image name "{image}": invalid reference format{hint}')
    return image if match["tag"] or match["digest"] else f"{image}:latest"


def _key(pod: Pod, image: str) -> str:
    return f"{pod.metadata.uid}_{image}"


def _text(error: CriError) -> str:
    """Return the error as upstream shows it: a code that says nothing is left out."""
    return error.message if error.code == "UNKNOWN" else str(error)


def _pull_error(image: str, error: CriError) -> ImageError:
    text = _text(error)
    for name in _SPECIFIC:
        if text.startswith(name):
            return ImageError(name, f"image pull failed for {image} because {_SPECIFIC_TEXTS[name]}{text.removeprefix(name)}")
    return ImageError("ErrImagePull", text)


def _milliseconds(seconds: float) -> str:
    """Return Go's form of a duration in whole milliseconds: 12ms, 1.204s."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s" if seconds >= 1 else f"{int(seconds * 1000)}ms"
