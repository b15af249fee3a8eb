"""The chain of authenticators: front proxy, client certificate, bearer token, WebSocket token, anonymous.

Whoever succeeds first is believed, whatever failed before. A request whose credentials all fail is refused, not anonymous.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from sagong.api.errors import UnauthorizedError
from sagong.server.authn.certificates import CertificateError, Certificates
from sagong.server.authn.groups import with_authenticated
from sagong.server.authn.proxy_headers import ProxyHeaders
from sagong.server.authn.tokens import InvalidTokenError, TokenAnswer, TokenKind
from sagong.server.contract import User
from sagong.server.exchange import ANONYMOUS
from sagong.server.messages import Request

log = logging.getLogger(__name__)

_PROTOCOLS = "sec-websocket-protocol"
_TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io."  # noqa: S105 - a prefix, not a token


class Authentication(Struct):
    """The `Authenticator` of the server. `anonymous_paths` None: anybody anywhere; otherwise on those paths only."""

    certificates: Certificates
    tokens: Sequence[TokenKind]
    api_audiences: Sequence[str]
    proxy: ProxyHeaders | None = None
    anonymous_paths: Sequence[str] | None = None

    async def authenticate(self, request: Request) -> User:
        """Return who asks. Raises UnauthorizedError."""
        errors: list[str] = []
        try:
            user = self._by_certificate(request)
        except CertificateError as error:
            errors.append(str(error))
            user = None
        if user is None:
            try:
                user = await self._by_token(request)
            except InvalidTokenError as error:
                errors.append(str(error))
        if user is not None:
            return with_authenticated(user)
        if errors:
            log.info("unable to authenticate the request: %s", "; ".join(errors))
            raise UnauthorizedError("Unauthorized")
        if self.anonymous_paths is not None and request.path not in self.anonymous_paths:
            raise UnauthorizedError("Unauthorized")
        return ANONYMOUS

    async def review(self, token: str, audiences: Sequence[str] = ()) -> TokenAnswer:
        """Say whose token this is; no audiences: the API server's. Raises InvalidTokenError."""
        errors = []
        for kind in self.tokens:
            try:
                answer = await kind.authenticate(token, audiences or self.api_audiences)
            except InvalidTokenError as error:
                errors.append(str(error))
                continue
            if answer is not None:
                user = with_authenticated(answer.user)
                return answer if user is answer.user else replace(answer, user=user)
        distinct = list(dict.fromkeys(errors))
        raise InvalidTokenError(distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]" if distinct else "invalid bearer token")

    def _by_certificate(self, request: Request) -> User | None:
        if request.peer.certificate is None:
            return None
        identity = self.certificates.identity(request.peer.certificate)
        if self.proxy is not None and identity.for_proxies:
            if self.proxy.allowed_names and identity.common_name not in self.proxy.allowed_names:
                raise CertificateError(f"x509: subject with cn={identity.common_name} is not in the allowed list")
            user = self.proxy.user(request.headers)
            if user is not None:
                self.proxy.clear(request.headers)
                return user
        if not identity.for_users:
            raise CertificateError("x509: certificate signed by unknown authority")
        return identity.user

    async def _by_token(self, request: Request) -> User | None:
        scheme, _, rest = request.header("authorization").strip().partition(" ")
        if scheme.lower() == "bearer":
            token = rest.split(" ")[0]
            if not token:
                return None
            user = (await self.review(token)).user
            del request.headers["authorization"]
            return user
        return await self._by_protocol(request) if _PROTOCOLS in request.headers else None

    async def _by_protocol(self, request: Request) -> User | None:
        """Browsers cannot set headers on a WebSocket: the token comes as a subprotocol, beside a real one."""
        offered = [protocol.strip() for value in request.headers[_PROTOCOLS] for protocol in value.split(",")]
        encoded = [protocol.removeprefix(_TOKEN_PROTOCOL) for protocol in offered if protocol.startswith(_TOKEN_PROTOCOL)]
        others = [protocol for protocol in offered if not protocol.startswith(_TOKEN_PROTOCOL)]
        if not encoded:
            return None
        if len(encoded) > 1:
            raise InvalidTokenError("multiple base64.bearer.authorization tokens specified")
        try:
            token = base64.b64decode(encoded[0] + "=" * (-len(encoded[0]) % 4), altchars=b"-_", validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidTokenError("invalid base64.bearer.authorization token encoding") from error
        if not others:
            raise InvalidTokenError("missing additional subprotocol")
        user = (await self.review(token)).user
        request.headers[_PROTOCOLS] = [",".join(others)]
        return user
