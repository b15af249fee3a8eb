"""The CEL expressions of an AuthenticationConfiguration: claims as they become a user, and what must hold of both (KEP-3331)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sagong.api import cel
from sagong.api.cel.syntax import Ident, Node, Select
from sagong.api.field_errors import Errors
from sagong.server.authn.authentication_config import JwtAuthenticator
from sagong.server.authn.tokens import InvalidTokenError
from sagong.server.contract import User

_CLAIMS = {"claims": cel.map_of(cel.STRING, cel.DYN)}
_USER = {"user": cel.struct("kubernetes.UserInfo")}
_TEXTS = cel.list_of(cel.STRING)
_USER_FIELDS = {
    "username": (cel.STRING, "username"),
    "uid": (cel.STRING, "uid"),
    "groups": (_TEXTS, "groups"),
    "extra": (cel.map_of(cel.STRING, _TEXTS), "extra"),
}
_TEXTS_WANTED = "expression must return a string or a list of strings"
_UNVERIFIED = (
    "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or "
    "claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression"
)


class _Structs:
    """The type of `user`."""

    def fields(self, name: str) -> Mapping[str, tuple[cel.Type, str]] | None:
        """Return the fields of a type."""
        return _USER_FIELDS if name == "kubernetes.UserInfo" else None


class ClaimExpressions:
    """All expressions of one provider, compiled; what is wrong with them is added to `errors`."""

    def __init__(self, jwt: JwtAuthenticator, errors: Errors, path: str) -> None:
        mappings, at = jwt.claimMappings, f"{path}.claimMappings"

        def claims(where: str, expression: str, *, must_hold: bool = False) -> cel.Program | None:
            return _compiled(errors, where, expression, _CLAIMS, must_hold=must_hold) if expression else None

        self._username = claims(f"{at}.username.expression", mappings.username.expression)
        self._groups = claims(f"{at}.groups.expression", mappings.groups.expression)
        self._uid = claims(f"{at}.uid.expression", mappings.uid.expression)
        self._extra = [
            (extra.key, extra.valueExpression, claims(f"{at}.extra[{index}].valueExpression", extra.valueExpression))
            for index, extra in enumerate(mappings.extra)
        ]
        self._claim_rules = [
            (rule.expression, rule.message, claims(f"{path}.claimValidationRules[{index}].expression", rule.expression, must_hold=True))
            for index, rule in enumerate(jwt.claimValidationRules)
            if rule.expression
        ]
        self._user_rules = [
            (
                rule.expression,
                rule.message,
                _compiled(errors, f"{path}.userValidationRules[{index}].expression", rule.expression, _USER, must_hold=True),
            )
            for index, rule in enumerate(jwt.userValidationRules)
            if rule.expression
        ]
        if _selects(self._username, "email") and not any(_selects(one, "email_verified") for one in self._verifying()):
            errors.invalid(f"{at}.username.expression", mappings.username.expression, _UNVERIFIED)

    def _verifying(self) -> Iterator[cel.Program | None]:
        yield self._username
        yield from (program for _, _, program in (*self._extra, *self._claim_rules))

    def username(self, claims: Mapping[str, Any]) -> str | None:
        """Return the name; None when it is not mapped by an expression. Raises InvalidTokenError."""
        if self._username is None:
            return None
        name = self._value(self._username, claims, "username claim")
        if not isinstance(name, str):
            raise InvalidTokenError("oidc: error evaluating username claim expression: username claim expression must return a string")
        if not name:
            raise InvalidTokenError("oidc: empty username via CEL expression is not allowed")
        return name

    def groups(self, claims: Mapping[str, Any]) -> tuple[str, ...] | None:
        """Return the groups; None when they are not mapped by an expression. Raises InvalidTokenError."""
        if self._groups is None:
            return None
        try:
            return _texts(self._value(self._groups, claims, "group claim"))
        except ValueError as error:
            raise InvalidTokenError(f"oidc: error evaluating group claim expression: {error}") from error

    def uid(self, claims: Mapping[str, Any]) -> str | None:
        """Return the uid; None when it is not mapped by an expression. Raises InvalidTokenError."""
        if self._uid is None:
            return None
        uid = self._value(self._uid, claims, "uid claim")
        if not isinstance(uid, str):
            raise InvalidTokenError("oidc: error evaluating uid claim expression: uid claim expression must return a string")
        return uid

    def extras(self, claims: Mapping[str, Any]) -> dict[str, Sequence[str]]:
        """Return the extra attributes. Raises InvalidTokenError."""
        found: dict[str, Sequence[str]] = {}
        for key, expression, program in self._extra:
            assert program is not None
            try:
                values = _texts(self._value(program, claims, "extra claim"))
            except ValueError as error:
                raise InvalidTokenError(f"oidc: error evaluating extra claim expression: {expression}: {error}") from error
            if values:
                found[key] = values
        return found

    def check_claims(self, claims: Mapping[str, Any]) -> None:
        """Raise InvalidTokenError unless all rules about the claims hold."""
        _check(self._claim_rules, {"claims": claims}, "claim validation expression")

    def check_user(self, user: User) -> None:
        """Raise InvalidTokenError unless all rules about the user hold."""
        extra = {key: list(values) for key, values in user.extra.items()}
        shown = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": extra}
        _check(self._user_rules, {"user": shown}, "user info validation rule")

    @staticmethod
    def _value(program: cel.Program, claims: Mapping[str, Any], what: str) -> Any:
        return _evaluated(program, {"claims": claims}, f"{what} expression")


def _compiled(errors: Errors, path: str, expression: str, variables: Mapping[str, cel.Type], *, must_hold: bool) -> cel.Program | None:
    try:
        program = cel.compile(expression, variables, structs=_Structs())
    except cel.CompileError as error:
        errors.invalid(path, expression, f"compilation failed: {error}")
        return None
    if must_hold and program.result != cel.BOOL:
        errors.invalid(path, expression, "must evaluate to bool")
        return None
    return program


def _evaluated(program: cel.Program, bindings: Mapping[str, Any], what: str) -> Any:
    try:
        return cel.to_json(program.evaluate(bindings))
    except (cel.EvaluationError, cel.CostExceeded) as error:
        raise InvalidTokenError(f"oidc: error evaluating {what}: expression {program.source!r} resulted in error: {error}") from error


def _check(rules: Sequence[tuple[str, str, cel.Program | None]], bindings: Mapping[str, Any], what: str) -> None:
    for expression, message, program in rules:
        assert program is not None
        if _evaluated(program, bindings, what) is not True:
            raise InvalidTokenError(f"oidc: error evaluating {what}: validation expression '{expression}' failed: {message}")


def _texts(value: Any) -> tuple[str, ...]:
    """Return one text or several, empty ones left out. Raises ValueError."""
    if value is None:
        return ()
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise ValueError(_TEXTS_WANTED)
    return tuple(text for text in found if text)


def _selects(program: cel.Program | None, field: str) -> bool:
    """Say whether `claims.field` is looked at anywhere."""
    return program is not None and _any(program.root, lambda node: _is_claim(node, field))


def _is_claim(node: Node, field: str) -> bool:
    return isinstance(node, Select) and node.field == field and isinstance(node.operand, Ident) and node.operand.name == "claims"


def _any(node: Node, wanted: Callable[[Node], bool]) -> bool:
    return wanted(node) or any(_any(child, wanted) for child in node.children())
