"""Clients that act as service accounts, for a process whose parts have rights of their own (KEP-1205 tokens).

The accounts share one pool of connections without a client certificate; each request carries its account's token.
"""

from __future__ import annotations

import dataclasses

from sagong.api.errors import AlreadyExistsError, NotFoundError
from sagong.api.types.authentication import TokenRequest, TokenRequestSpec
from sagong.api.types.core import ServiceAccount
from sagong.api.types.meta import ObjectMeta
from sagong.client.client import Client
from sagong.client.credentials import AskedToken
from sagong.client.pool import Pool
from sagong.client.transport import Transport

TOKEN_SECONDS = 3600


class Accounts:
    """Makes clients; `client` must be allowed to create service accounts and their tokens in `namespace`."""

    def __init__(self, client: Client, namespace: str = "kube-system") -> None:
        self._client, self._namespace = client, namespace
        self._config = dataclasses.replace(client.config, cert=None, token="", token_file="")
        self._pool = Pool(self._config)

    def client_of(self, name: str) -> Client:
        """Return a client that acts as the account, which is created when a token is first needed."""

        async def ask() -> tuple[str, float]:
            return await self._token(name)

        bearer = AskedToken(ask, self._client.clock)
        transport = Transport(
            self._config, self._client.clock, pool=self._pool, bearer=bearer, leadership=self._client.transport.leadership
        )
        transport.metrics = self._client.transport.metrics
        return Client(self._config, clock=self._client.clock, random=self._client.random, transport=transport)

    def close(self) -> None:
        """Drop the connections."""
        self._pool.close()

    async def _token(self, name: str) -> tuple[str, float]:
        request = TokenRequest(spec=TokenRequestSpec(expirationSeconds=TOKEN_SECONDS))
        try:
            answer = await self._client.create_subresource(ServiceAccount, name, self._namespace, "token", request)
        except NotFoundError:
            await self._create(name)
            answer = await self._client.create_subresource(ServiceAccount, name, self._namespace, "token", request)
        assert isinstance(answer, TokenRequest)
        return answer.status.token, float(answer.spec.expirationSeconds or TOKEN_SECONDS)

    async def _create(self, name: str) -> None:
        try:
            await self._client.create(ServiceAccount(metadata=ObjectMeta(name=name, namespace=self._namespace)))
        except AlreadyExistsError:
            return
