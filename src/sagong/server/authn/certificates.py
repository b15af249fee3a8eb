"""Client certificates: the subject's common name is the user, its organizations are the groups.

TLS has verified the chain before a request is read. What is left to see is whose authority signed it, users' or the front
proxy's, and whether it has expired since: a connection may outlive a certificate.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from sagong.api.clock import Clock
from sagong.api.exposition import Histogram
from sagong.server.authn.groups import with_authenticated
from sagong.server.contract import User

_MOST_CERTIFICATES = 10_000
_SECONDS = 1.0
"""How long what the clock said of a certificate is good for."""
_HOUR, _DAY = 3600, 86400
_BOUNDS = (0, _HOUR / 2, *(hours * _HOUR for hours in (1, 2, 6, 12)), *(days * _DAY for days in (1, 2, 4, 7, 30, 90, 180, 360)))
_UID = x509.ObjectIdentifier("1.3.6.1.4.1.57683.2")
_CREDENTIAL = "authentication.kubernetes.io/credential-id"


class CertificateError(Exception):
    """The certificate proves nothing; the message says why."""


class Identity(Struct, frozen=True):
    """What a certificate says. `user` is None when it has no common name; `for_users`, `for_proxies`: whose authority signed it."""

    common_name: str
    user: User | None
    not_before: datetime
    not_after: datetime
    for_users: bool
    for_proxies: bool


class _Known:
    """A certificate that was read: when the clock was last looked at for it, how long it was valid then, and which bucket that is in."""

    __slots__ = ("bucket", "identity", "looked", "remaining")

    def __init__(self, identity: Identity) -> None:
        self.identity, self.looked = identity, float("-inf")
        self.bucket, self.remaining = 0, 0.0


class Certificates:
    """Reads each certificate once, and looks at the clock for it once a second."""

    def __init__(self, clock: Clock, *, client_ca: bytes, proxy_ca: bytes = b"") -> None:
        """Take the authorities as PEM bundles. Raises ValueError."""
        self._clock = clock
        self._user_authorities = x509.load_pem_x509_certificates(client_ca) if client_ca else []
        self._proxy_authorities = x509.load_pem_x509_certificates(proxy_ca) if proxy_ca else []
        self._known: dict[bytes, _Known] = {}
        self.remaining = Histogram(
            "apiserver_client_certificate_expiration_seconds",
            "How long certificates that requests came with were still valid.",
            (),
            _BOUNDS,
        )
        self._remaining = self.remaining.cell(())

    def identity(self, der: bytes) -> Identity:
        """Return what a certificate says. Raises CertificateError for one that is not, or no longer, valid for clients."""
        known = self._known.get(der)
        if known is None:
            if len(self._known) >= _MOST_CERTIFICATES:
                self._known.clear()
            known = self._known[der] = _Known(self._read(der))
        now = self._clock.monotonic()
        if now >= known.looked + _SECONDS:
            self._look(known)
            known.looked = now
        self._remaining[known.bucket] += 1
        self._remaining[-1] += known.remaining
        return known.identity

    def _look(self, known: _Known) -> None:
        """Find out how long a certificate is valid still. Raises CertificateError."""
        now, identity = self._clock.now(), known.identity
        if now > identity.not_after or now < identity.not_before:
            state = "expired" if now > identity.not_after else "not yet valid"
            raise CertificateError(f"x509: certificate has expired or is not yet valid: certificate is {state}")
        known.remaining = (identity.not_after - now).total_seconds()
        known.bucket = bisect_left(_BOUNDS, known.remaining)

    def _read(self, der: bytes) -> Identity:
        certificate = x509.load_der_x509_certificate(der)
        _check_usage(certificate)
        for_proxies = _signed_by(certificate, self._proxy_authorities)
        # Behind an intermediate, TLS has verified the chain, and only users' authorities have intermediates.
        for_users = bool(self._user_authorities) and (_signed_by(certificate, self._user_authorities) or not for_proxies)
        name = "".join(_values(certificate, NameOID.COMMON_NAME)[:1])
        user = _user(certificate, name, der) if name else None
        return Identity(name, user, certificate.not_valid_before_utc, certificate.not_valid_after_utc, for_users, for_proxies)


def _user(certificate: x509.Certificate, name: str, der: bytes) -> User:
    uids = _values(certificate, _UID)
    if len(uids) > 1:
        raise CertificateError(f"expected 1 UID, but found multiple: [{' '.join(uids)}]")
    extra = {_CREDENTIAL: (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)}
    return with_authenticated(User(name, "".join(uids), tuple(_values(certificate, NameOID.ORGANIZATION_NAME)), extra))


def _values(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in certificate.subject.get_attributes_for_oid(oid)]


def _check_usage(certificate: x509.Certificate) -> None:
    try:
        usages = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    if ExtendedKeyUsageOID.CLIENT_AUTH not in usages and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usages:
        raise CertificateError("x509: certificate specifies an incompatible key usage")


def _signed_by(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> bool:
    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False
