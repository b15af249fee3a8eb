"""Which names a server's certificate has: looked up once more when it does not have the one that was called."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl

from cryptography import x509


async def mismatch(host: str, port: int, name: str) -> str:
    """Return Go's words for a certificate that is valid, but for other names than `name`."""
    unknown = f"certificate is not valid for any names, but wanted to match {name}"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    except OSError:
        return unknown
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    if not der:
        return unknown
    return describe(x509.load_der_x509_certificate(der), name)


def describe(certificate: x509.Certificate, name: str) -> str:
    """Say which names the certificate has instead."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        if certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
            return "certificate relies on legacy Common Name field, use SANs instead"
        names = x509.SubjectAlternativeName([])
    if _is_address(name):
        valid = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
        if not valid:
            return f"cannot validate certificate for {name} because it doesn't contain any IP SANs"
    else:
        valid = names.get_values_for_type(x509.DNSName)
    if not valid:
        return f"certificate is not valid for any names, but wanted to match {name}"
    return f"certificate is valid for {', '.join(valid)}, not {name}"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
