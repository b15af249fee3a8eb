"""How others verify the cluster's service account tokens: the OpenID Connect discovery document and the key set."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sagong.server.authn.jwt import VerificationKey
from sagong.server.messages import Response

JWKS_PATH = "/openid/v1/jwks"
CONFIGURATION_PATH = "/.well-known/openid-configuration"
_MAX_AGE = (("Cache-Control", "public, max-age=3600"),)


class TokenDiscovery:
    """Two documents, made once. `external_address` is host:port as clients reach the server."""

    def __init__(self, issuer: str, keys: Sequence[VerificationKey], *, external_address: str, jwks_uri: str = "") -> None:
        document = {
            "issuer": issuer,
            "jwks_uri": jwks_uri or f"https://{external_address}{JWKS_PATH}",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key.algorithm for key in keys}),
        }
        self._configuration = msgspec.json.encode(document)
        self._keys = msgspec.json.encode({"keys": [key.jwk() for key in keys]})

    def configuration(self) -> Response:
        """Answer /.well-known/openid-configuration."""
        return Response(self._configuration, headers=_MAX_AGE)

    def keys(self) -> Response:
        """Answer /openid/v1/jwks."""
        return Response(self._keys, content_type="application/jwk-set+json", headers=_MAX_AGE)
