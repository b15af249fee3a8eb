"""Certificates that the kubelet asks the cluster for, and for others before they expire: its client's and its server's.

KubeletConfiguration turns them on by rotateCertificates and serverTLSBootstrap.

<root>/pki/kubelet-client-2026-01-02-03-04-05.pem    a certificate and its key, kept after it has been replaced
<root>/pki/kubelet-client-current.pem                a symbolic link to the newest; what is read, again when it changes
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from sagong.api.clock import Clock, Random
from sagong.api.errors import ApiError
from sagong.api.types.certificates import CertificateSigningRequest, CertificateSigningRequestSpec
from sagong.api.types.meta import ObjectMeta

T = TypeVar("T")

CLIENT_SIGNER, SERVING_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"
_FIRST_RETRY, _LONGEST_RETRY = 2.0, 300.0
_LOOK_EVERY = 2.0
_PATIENCE = 900.0  # seconds until a request that nobody answers is made anew, as upstream's
_EARLIEST, _SPREAD = 0.7, 0.2  # the part of a certificate's life after which it is renewed
log = logging.getLogger(__name__)


class Api(Protocol):
    """The part of the API client that is needed here."""

    async def create(self, obj: T) -> T:
        """Create."""
        ...

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        """Read one object."""
        ...


class RequestError(Exception):
    """A request came to nothing: denied, failed, or not answered in time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a certificate is for: whose it is, which names and addresses it stands for, and who signs it."""

    stem: str
    signer: str
    usage: str
    node: str
    names: Sequence[str] = ()
    addresses: Sequence[str] = ()


def client_certificate(node: str) -> Wanted:
    """Return the certificate with which the kubelet of this node speaks to the API server."""
    return Wanted("kubelet-client", CLIENT_SIGNER, "client auth", node)


def serving_certificate(node: str, addresses: Sequence[str]) -> Wanted:
    """Return the certificate of the kubelet's own server."""
    return Wanted("kubelet-server", SERVING_SIGNER, "server auth", node, (node,), addresses)


@dataclass
class Rotator:
    """Keeps one certificate fresh."""

    api: Api
    wanted: Wanted
    folder: Path
    clock: Clock
    random: Random
    renewed: Callable[[], None] = field(default=lambda: None)
    """told when there is a new certificate"""
    replaced: Callable[[datetime], None] = field(default=lambda _: None)
    """told since when the certificate held that is replaced"""
    failed: Callable[[], None] = field(default=lambda: None)
    """told when an attempt came to nothing"""

    @property
    def current(self) -> Path:
        """Return the file that holds the newest certificate and its key, also before there is one."""
        return self.folder / f"{self.wanted.stem}-current.pem"

    async def run(self) -> None:
        """Renew for ever; what fails is tried again, ever less often."""
        failures = 0
        while True:
            wait = self.due_in()
            if wait > 0:
                await self.clock.sleep(wait)
            try:
                await self.renew()
                failures = 0
            except (ApiError, OSError, RequestError) as error:
                log.warning("certificate %s not renewed: %s", self.wanted.stem, error)
                self.failed()
                await self.clock.sleep(min(_FIRST_RETRY * 2**failures, _LONGEST_RETRY))
                failures += 1

    def due_in(self) -> float:
        """Return the seconds until the certificate should be renewed: at some time between 70 and 90 percent of its life."""
        life = lifetime(self.current)
        if life is None:
            return 0.0
        begin, end = life
        part = _EARLIEST + _SPREAD * self.random.uniform()
        return (begin + (end - begin) * part - self.clock.now()).total_seconds()

    async def renew(self) -> None:
        """Ask for a certificate and keep it. Raises ApiError, OSError, RequestError."""
        request, key = _make_request(self.wanted)
        spec = CertificateSigningRequestSpec(
            request=request, signerName=self.wanted.signer, usages=["digital signature", self.wanted.usage]
        )
        asked = await self.api.create(CertificateSigningRequest(metadata=ObjectMeta(generateName="csr-"), spec=spec))
        certificate = await self._answer(asked.metadata.name)
        before = lifetime(self.current)
        keep(self.current, certificate + key, self.clock.now())
        log.info("certificate %s is renewed", self.wanted.stem)
        if before is not None:
            self.replaced(before[0])
        self.renewed()

    async def _answer(self, name: str) -> bytes:
        begun = self.clock.monotonic()
        while self.clock.monotonic() - begun < _PATIENCE:
            found = await self.api.get(CertificateSigningRequest, name)
            for told in found.status.conditions:
                if told.type in ("Denied", "Failed") and told.status == "True":
                    raise RequestError(
                        f"certificate signing request {name} is {told.type.lower()}, reason: {told.reason}, message: {told.message}"
                    )
            if found.status.certificate:
                return found.status.certificate
            await self.clock.sleep(_LOOK_EVERY)
        raise RequestError(f"certificate signing request {name} was not answered in {_PATIENCE:.0f} s")


def keep(current: Path, pem: bytes, now: datetime) -> None:
    """Write a certificate and its key to a dated file, and make `current` a link to it. Raises OSError."""
    current.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    dated = current.with_name(f"{current.name.removesuffix('-current.pem')}-{now:%Y-%m-%d-%H-%M-%S}.pem")
    dated.touch(mode=0o600)
    dated.write_bytes(pem)
    link = current.with_suffix(".new")
    link.unlink(missing_ok=True)
    link.symlink_to(dated.name)
    link.rename(current)


def adopt(current: Path, certificate: str, key: str, now: datetime) -> None:
    """Begin with the certificate that a kubeconfig has, unless an earlier kubelet has got one that still holds. Raises OSError."""
    life = lifetime(current)
    if life is None or life[1] <= now:
        keep(current, Path(certificate).read_bytes() + Path(key).read_bytes(), now)


def lifetime(file: Path) -> tuple[datetime, datetime] | None:
    """Return from when to when the first certificate of a file holds, None when there is none."""
    from cryptography import x509  # noqa: PLC0415 - 10 MB that a node without rotation does not pay

    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        return None
    return found.not_valid_before_utc, found.not_valid_after_utc


def _make_request(wanted: Wanted) -> tuple[bytes, bytes]:
    """Return a request and its new key, both PEM. The node's name and group are what upstream's authorizers know."""
    from cryptography import x509  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    subject = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
        x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{wanted.node}"),
    ]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    names = [
        *(x509.DNSName(name) for name in wanted.names),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in wanted.addresses),
    ]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    request = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return request, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
