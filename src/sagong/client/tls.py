"""The client's TLS context: who the server must be, who we are, and one remembered session."""

from __future__ import annotations

import ssl

from sagong.client.config import ClientConfig, KubeconfigError


class ResumingContext(ssl.SSLContext):
    """Offers the last session to each new connection, which then costs no certificates (RFC 8446, 2.2).

    asyncio and uvloop call `wrap_bio` without a session; this is where it can be slipped in.
    """

    session: ssl.SSLSession | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the overridden signature
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Wrap with the remembered session."""
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session or self.session)


def client_context(config: ClientConfig) -> ResumingContext:
    """Build the context. Raises KubeconfigError when a certificate or key does not parse."""
    context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if config.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif config.ca:
            context.load_verify_locations(cadata=config.ca.decode("ascii"))
        else:
            context.load_default_certs()
        if config.cert:
            context.load_cert_chain(*config.cert)
    except (ssl.SSLError, OSError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"credentials for {config.server} do not load: {error}; write the kubeconfig anew") from error
    return context
