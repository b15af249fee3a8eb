"""MutatingAdmissionPolicy: policies change a write one after the other, each what the ones before made of the object.

When something changed behind a policy that wants to know (reinvocationPolicy IfNeeded), it is asked once more in a second round.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from sagong.api.errors import ApiError, Cause, ForbiddenError, NotFoundError
from sagong.api.field_errors import quote
from sagong.api.json_syntax import JsonError
from sagong.api.policies.evaluation import ConditionError
from sagong.api.policies.merging import changed
from sagong.api.policies.mutating import MutatingProgram, MutationError
from sagong.api.resources import Resource
from sagong.api.schema import Shape, shape_of
from sagong.api.selectors import SelectorError
from sagong.api.types.admissionregistration import MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding
from sagong.api.types.base import ApiStruct
from sagong.server.admission.attributes import Seen, put, see
from sagong.server.admission.plugin import Review
from sagong.server.admission.policies.bound import Binding, BoundPolicies, BoundPolicy
from sagong.server.admission.policies.context import Answers, Context
from sagong.server.admission.policies.params import ParamsError, collect, kind_row
from sagong.server.contract import Objects
from sagong.server.registry.registry import Registry
from sagong.server.registry.storage import encode

_MEMORY = "MutatingAdmissionPolicy"
Policy = BoundPolicy[MutatingProgram]


@dataclass(slots=True)
class _Memory:
    """What the second round needs of the first: what came out, and who wants to be asked again if that changes."""

    output: bytes = b""
    asked: set[Hashable] = field(default_factory=set)
    again: set[Hashable] = field(default_factory=set)

    def changed(self) -> None:
        """Ask those again who were asked before this change."""
        self.again |= self.asked
        self.asked.clear()


@dataclass(frozen=True, slots=True)
class _Invocation:
    """A policy that a write concerns, through one binding, with one parameter."""

    policy: Policy
    binding: Binding
    row: Resource
    param: dict[str, Any] | None

    @property
    def key(self) -> Hashable:
        """What tells it from others in the second round."""
        meta = (self.param or {}).get("metadata") or {}
        return self.policy.name, self.binding.name, meta.get("namespace", ""), meta.get("name", "")


@dataclass(slots=True)
class _Failures:
    """What went wrong with policies that must not fail."""

    found: list[tuple[str, str]] = field(default_factory=list)  # message, reason

    def add(self, policy: Policy, binding: Binding | None, message: str, reason: str = "") -> None:
        """Note one, unless the policy may fail."""
        if policy.program.fails_open:
            return
        if binding is None:
            self.found.append((f"policy {quote(policy.name)} denied request: {message}", reason))
        else:
            self.found.append((f"policy '{policy.name}' with binding '{binding.name}' denied request: {message}", reason))


class MutatingPolicies:
    """Asks all policies that a write concerns."""

    def __init__(self, objects: Objects, registry: Registry) -> None:
        self._objects, self._registry = objects, registry
        kinds = (MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding)
        self._policies = BoundPolicies(registry, *kinds, MutatingProgram)

    async def mutate(self, review: Review) -> None:
        """Let them change the object. Raises ApiError."""
        failures = _Failures()
        invocations = [found for policy in self._policies.all() for found in await self._invocations(policy, review, failures)]
        if invocations:
            await self._invoke(invocations, review, failures)
        if failures.found:
            raise _refusal(review, failures)

    async def _invocations(self, policy: Policy, review: Review, failures: _Failures) -> list[_Invocation]:
        found: list[_Invocation] = []
        try:
            row = policy.matching.concerns(review, self._objects)
            if row is None:
                return found
            param_row = kind_row(self._registry, policy.policy.spec.paramKind)
        except (ParamsError, SelectorError, NotFoundError) as error:
            failures.add(policy, None, f"failed to configure policy: {error}")
            return found
        for binding in policy.bindings:
            try:
                if binding.matching.concerns(review, self._objects) is not None:
                    params = await collect(self._registry, param_row, binding.object.spec.paramRef, review.namespace)
                    found += (_Invocation(policy, binding, row, param) for param in params)
            except (ParamsError, SelectorError, NotFoundError) as error:
                failures.add(policy, binding, f"failed to configure binding: {error}")
        return found

    async def _invoke(self, invocations: list[_Invocation], review: Review, failures: _Failures) -> None:
        memory: _Memory = review.memory.setdefault(_MEMORY, _Memory())
        if review.round and _bytes(review.obj) != memory.output:
            memory.changed()
        context = Context(review, self._objects, Answers(self._registry.authorizer, review.call.user, self._registry.cel))
        for invocation in invocations:
            await self._one(invocation, review, context, memory, failures)
        memory.output = _bytes(review.obj)

    async def _one(self, invocation: _Invocation, review: Review, context: Context, memory: _Memory, failures: _Failures) -> None:
        policy, program = invocation.policy, invocation.policy.program
        seen = await see(review, invocation.row)
        try:
            if not await self._meant(invocation, seen, context):
                return
        except ConditionError as error:
            failures.add(policy, invocation.binding, str(error), "Invalid")
            return
        if review.round and invocation.key not in memory.again:
            return
        before = _bytes(review.obj)
        for index in range(len(program.mutations)):
            try:
                await self._change(invocation, index, review, context)
            except MutationError as error:
                failures.add(policy, invocation.binding, str(error), "Invalid")
        if _bytes(review.obj) != before:
            memory.changed()
            review.again = True
        if program.reinvoked:
            memory.asked.add(invocation.key)

    async def _meant(self, invocation: _Invocation, seen: Seen, context: Context) -> bool:
        """Say whether the match conditions hold. Raises ConditionError."""
        program = invocation.policy.program
        activation = context.activation(seen, program.variables, invocation.param, namespace=False)
        return await context.answers.settled(lambda: program.conditions.hold(activation))

    async def _change(self, invocation: _Invocation, index: int, review: Review, context: Context) -> None:
        """Carry out one mutation. Raises MutationError, ApiError."""
        program = invocation.policy.program
        seen = await see(review, invocation.row)
        if seen.object is None:
            return
        activation = context.activation(seen, program.variables, invocation.param)
        asked = await context.answers.settled(lambda: program.change(index, activation), costly=program.costly)
        content = changed(seen.object, asked, _shape(seen, review))
        if content != seen.object:
            if asked.kind == "JSONPatch" and seen.row.module is not None:
                _check_fields(content, seen.row if seen.kind.kind == seen.row.kind else _type(seen, review))
            try:
                await put(review, seen, content)
            except ApiError as error:
                raise MutationError(error.message) from error


def _check_fields(content: dict[str, Any], target: Resource | type[ApiStruct]) -> None:
    """Refuse fields that there are not, which in a JSON patch fails the request whatever the failure policy. Raises ApiError."""
    from sagong.api import codec  # noqa: PLC0415 - reading comes with the first write

    try:
        _, problems = codec.read(encode(content), codec.target_of(target))
    except JsonError as error:
        raise ApiError(f"Internal error occurred: {error}") from error
    if problems:
        raise ApiError(f"Internal error occurred: {codec.strict_error(problems)}")


def _shape(seen: Seen, review: Review) -> Shape:
    row = seen.row
    if row.module is None:
        shape: Shape = row.extra.shape
        return shape
    return shape_of(_type(seen, review))


def _type(seen: Seen, review: Review) -> type[ApiStruct]:
    if seen.kind.kind == "Scale":
        from sagong.api.types.autoscaling_v1 import Scale  # noqa: PLC0415 - few ask for it

        return Scale
    found: type[ApiStruct] = seen.row.type if seen.kind.kind == seen.row.kind else type(review.obj)
    return found


def _bytes(obj: Any) -> bytes:
    return b"" if obj is None else encode(obj)


def _refusal(review: Review, failures: _Failures) -> ForbiddenError:
    error = review.forbidden("", [Cause("", message) for message, _ in failures.found])
    error.message, reason = failures.found[0]
    if reason:
        error.reason = reason
    return error
