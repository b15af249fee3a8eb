"""Claims mapped and checked by CEL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.authn.test_oidc import ISSUER, MAPPINGS, Idp, provider, refusal, sign

from sagong.api.field_errors import text
from sagong.server.authn.authentication_config import AuthenticationConfiguration, validate
from sagong.server.contract import User

EXPRESSIONS: dict[str, Any] = {
    "claimMappings": {
        "username": {"expression": "claims.email.split('@')[0] + (claims.email_verified ? '' : '-unverified')"},
        "groups": {"expression": "claims.roles.split(',')"},
        "uid": {"expression": "string(claims.number)"},
        "extra": [{"key": "example.com/tenant", "valueExpression": "claims.?tenant.orValue('')"}],
    },
    "claimValidationRules": [{"expression": "claims.exp - claims.iat <= 86400", "message": "lives too long"}],
    "userValidationRules": [{"expression": "!user.username.startsWith('system:')", "message": "reserved"}],
}


async def test_expressions_make_the_user(tmp_path: Path) -> None:
    async with provider(tmp_path) as (idp, client):
        tokens = idp.tokens(client, **EXPRESSIONS)
        answer = await tokens.authenticate(sign(claims(idp, tenant="t")), ["api"])
        assert answer is not None
        assert answer.user == User("jane", "7", ("a", "b"), {"example.com/tenant": ("t",)})
        bare = await tokens.authenticate(sign(claims(idp, roles="", email_verified=False)), ["api"])
        assert bare is not None
        assert bare.user == User("jane-unverified", "7", (), {})


def claims(idp: Idp, **more: Any) -> dict[str, Any]:
    found = idp.claims(jti=..., email="jane@example.com", email_verified=True, roles="a,b", number=7)
    return {**found, "exp": int(found["exp"]), "iat": int(found["exp"]) - 100, **more}


async def test_what_the_rules_refuse(tmp_path: Path) -> None:
    async with provider(tmp_path) as (idp, client):
        tokens = idp.tokens(client, **EXPRESSIONS)
        for more, complaint in (
            ({"iat": 0}, "validation expression 'claims.exp - claims.iat <= 86400' failed: lives too long"),
            ({"email": "system:x@y"}, "validation expression '!user.username.startsWith('system:')' failed: reserved"),
            ({"email": "@y"}, "oidc: empty username via CEL expression is not allowed"),
            ({"roles": 5}, "oidc: error evaluating group claim expression"),
            ({"number": ["x"]}, "oidc: error evaluating uid claim expression"),
        ):
            assert complaint in await refusal(tokens, sign(claims(idp, **more)))
        odd = {"claimMappings": {"username": {"expression": "claims.number"}}}
        assert "username claim expression must return a string" in await refusal(idp.tokens(client, **odd), sign(claims(idp)))


@pytest.mark.parametrize(
    ("jwt", "complaint"),
    [
        (EXPRESSIONS, ""),
        ({"claimMappings": {"username": {"expression": "claims."}}}, "jwt[0].claimMappings.username.expression: Invalid value"),
        ({"claimMappings": {"username": {"expression": "user.username"}}}, "compilation failed: ERROR: <input>:1:1: undeclared reference"),
        ({"claimMappings": {"username": {"expression": "claims.email"}}}, "claims.email_verified must be used in"),
        ({"claimValidationRules": [{"expression": "claims.a"}]}, "must evaluate to bool"),
        ({"userValidationRules": [{"expression": "user.name == ''"}]}, "undefined field 'name'"),
        ({"claimMappings": {**MAPPINGS, "uid": {"expression": "1 +"}}}, "jwt[0].claimMappings.uid.expression"),
    ],
)
def test_expressions_are_compiled_when_the_file_is_read(jwt: dict[str, Any], complaint: str) -> None:
    whole = {"issuer": ISSUER, "claimMappings": MAPPINGS, **jwt}
    causes = validate(msgspec.convert({"apiVersion": "", "kind": "", "jwt": [whole]}, AuthenticationConfiguration))
    assert complaint in text(causes)
    assert bool(complaint) == bool(causes)
