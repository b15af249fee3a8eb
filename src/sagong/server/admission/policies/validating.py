"""ValidatingAdmissionPolicy: every policy that a write concerns judges it, once for each binding and parameter."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sagong.api.errors import ApiError, Cause, NotFoundError
from sagong.api.policies.validating import Denial, Judgement, ValidatingProgram
from sagong.api.selectors import SelectorError
from sagong.api.types.admissionregistration import ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding
from sagong.server.admission.attributes import Seen, see
from sagong.server.admission.plugin import Review
from sagong.server.admission.policies.bound import Binding, BoundPolicies, BoundPolicy
from sagong.server.admission.policies.context import Answers, Context
from sagong.server.admission.policies.metrics import PolicyMetrics
from sagong.server.admission.policies.params import ParamsError, collect, kind_row
from sagong.server.contract import Objects
from sagong.server.registry.registry import Registry

_FAILURE = "validation.policy.admission.k8s.io/validation_failure"
_LONGEST_ANNOTATION = 10 * 1024
_CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413}
Policy = BoundPolicy[ValidatingProgram]


@dataclass(slots=True)
class _Verdict:
    """What has been said so far: the first denial ends up in the answer."""

    denied: tuple[str, str] | None = None  # message, reason
    annotations: dict[str, list[str]] = field(default_factory=dict)

    def deny(self, policy: Policy, binding: Binding | None, message: str, reason: str = "") -> None:
        """Note a denial."""
        with_binding = f" with binding '{binding.name}'" if binding is not None else ""
        said = f"ValidatingAdmissionPolicy '{policy.name}'{with_binding} denied request: {message}"
        self.denied = self.denied or (said, reason or "Invalid")

    def misconfigured(self, policy: Policy, binding: Binding | None, error: Exception) -> None:
        """Note that a policy cannot be asked."""
        if not policy.program.fails_open:
            self.deny(policy, binding, f"failed to configure {'policy' if binding is None else 'binding'}: {error}")

    def annotate(self, key: str, value: str) -> None:
        """Note an annotation for the audit; bindings that say the same say it once."""
        said = self.annotations.setdefault(key, [])
        value = value.encode()[:_LONGEST_ANNOTATION].decode("utf-8", "ignore")
        if value not in said:
            said.append(value)


class ValidatingPolicies:
    """Asks all policies that a write concerns."""

    def __init__(self, objects: Objects, registry: Registry) -> None:
        self._objects, self._registry = objects, registry
        kinds = (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding)
        self._metrics = PolicyMetrics()
        registry.families.append(self._metrics.families)
        self._policies = BoundPolicies(registry, *kinds, ValidatingProgram)

    async def validate(self, review: Review) -> None:
        """Let them judge. Raises ApiError."""
        verdict = _Verdict()
        context = Context(review, self._objects, Answers(self._registry.authorizer, review.call.user, self._registry.cel))
        for policy in self._policies.all():
            await self._one(policy, review, context, verdict)
        if verdict.denied is not None:
            raise _refusal(review, *verdict.denied)

    async def _one(self, policy: Policy, review: Review, context: Context, verdict: _Verdict) -> None:
        try:
            row = policy.matching.concerns(review, self._objects)
            if row is None:
                return
            param_row = kind_row(self._registry, policy.policy.spec.paramKind)
        except (ParamsError, SelectorError, NotFoundError) as error:
            verdict.misconfigured(policy, None, error)
            return
        seen: Seen | None = None
        for binding in policy.bindings:
            try:
                if binding.matching.concerns(review, self._objects) is None:
                    continue
                params = await collect(self._registry, param_row, binding.object.spec.paramRef, review.namespace)
            except (ParamsError, SelectorError, NotFoundError) as error:
                verdict.misconfigured(policy, binding, error)
                continue
            for param in params:
                seen = seen or await see(review, row)
                begun = self._registry.clock.monotonic()
                judgement = await _judge(policy.program, context, seen, param)
                self._count(judgement, policy, binding, self._registry.clock.monotonic() - begun)
                _note(judgement, policy, binding, review, verdict)
        for key, values in verdict.annotations.items():
            review.call.annotations.setdefault(f"{policy.name}/{key}", ", ".join(values))
        verdict.annotations.clear()

    def _count(self, judgement: Judgement, policy: Policy, binding: Binding, seconds: float) -> None:
        """Count what was found fault with; an error has no reason."""
        checked = functools.partial(self._metrics.checked, policy.name, binding.name, seconds=seconds)
        for denial in judgement.denials:
            for action in binding.object.spec.validationActions:
                checked(action.lower(), error="" if denial.reason else denial.message)
        for complaint in judgement.complaints:
            checked("deny", error=complaint)
        for excused in judgement.excused:
            checked("allow", error=excused)


async def _judge(program: ValidatingProgram, context: Context, seen: Seen, param: Any) -> Judgement:
    activation = context.activation(seen, program.variables, param)
    conditions = context.activation(seen, program.variables, param, namespace=False)
    return await context.answers.settled(lambda: program.judge(activation, conditions), costly=program.costly)


def _note(judgement: Judgement, policy: Policy, binding: Binding, review: Review, verdict: _Verdict) -> None:
    for denial in judgement.denials:
        _act(denial, policy, binding, review, verdict)
    for key, value in judgement.annotations:
        verdict.annotate(key, value)
    for complaint in judgement.complaints:
        verdict.deny(policy, binding, complaint)


def _act(denial: Denial, policy: Policy, binding: Binding, review: Review, verdict: _Verdict) -> None:
    actions: Sequence[str] = binding.object.spec.validationActions
    for action in actions:
        if action == "Deny":
            verdict.deny(policy, binding, denial.message, denial.reason)
        elif action == "Warn":
            text = f"Validation failed for ValidatingAdmissionPolicy '{policy.name}' with binding '{binding.name}': {denial.message}"
            review.call.warnings.append(text)
        else:
            said = {
                "message": denial.message,
                "policy": policy.name,
                "binding": binding.name,
                "expressionIndex": denial.index,
                "validationActions": actions,
            }
            review.call.annotations.setdefault(_FAILURE, msgspec.json.encode([said]).decode())


def _refusal(review: Review, message: str, reason: str) -> ApiError:
    error = review.forbidden(message, [Cause("", message)])
    error.reason, error.code = reason, _CODES.get(reason, 422)
    return error
