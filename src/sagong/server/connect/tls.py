"""The TLS sides of connections to nodes, pods and Services."""

from __future__ import annotations

import ssl

from msgspec import Struct


class TlsSides(Struct, frozen=True):
    """TLS towards kubelets, verified or not, with the client certificate; towards anybody else, without one and not verified."""

    kubelet: ssl.SSLContext
    lax: ssl.SSLContext
    others: ssl.SSLContext


def tls_sides(ca_file: str, certificate: str, key: str) -> TlsSides:
    """Return the TLS sides; without an authority, kubelets are not verified, as upstream does it. Paths of PEM files."""
    kubelet, lax, others = (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(3))
    for context in (lax, others):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for context in (kubelet, lax):
        if certificate:
            context.load_cert_chain(certificate, key)
    if not ca_file:
        return TlsSides(lax, lax, others)
    kubelet.load_verify_locations(ca_file)
    return TlsSides(kubelet, lax, others)
