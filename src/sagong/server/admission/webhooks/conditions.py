"""Match conditions of webhooks: CEL that says which of the writes that the rules name are worth asking about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagong.api.policies.environment import Environment
from sagong.api.policies.evaluation import ConditionError, Conditions
from sagong.server.admission.attributes import Seen
from sagong.server.admission.plugin import Review
from sagong.server.admission.policies.context import Answers, Context
from sagong.server.admission.webhooks.hooks import Hook

if TYPE_CHECKING:
    from sagong.server.admission.webhooks.asking import Asking


async def conditions_hold(hook: Hook, review: Review, seen: Seen, asking: Asking) -> bool:
    """Say whether all conditions hold; what cannot be evaluated is for the failure policy. Raises ForbiddenError."""
    if hook.conditions is None:
        environment = Environment(params=False, composed=False)
        hook.conditions = asking.cel.compiled(lambda: Conditions.of(environment, hook.spec.matchConditions))
    conditions, answers = hook.conditions, Answers(asking.authorizer, review.call.user, asking.cel)
    activation = Context(review, asking.objects, answers).activation(seen, {}, None, namespace=False)
    try:
        return await answers.settled(lambda: conditions.hold(activation))
    except ConditionError as error:
        if hook.fails_open:
            return False
        raise review.forbidden(str(error)) from error
