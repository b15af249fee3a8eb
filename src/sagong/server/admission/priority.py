"""Priority: a pod's PriorityClass becomes its number; at most one class is the default."""

from __future__ import annotations

from sagong.api.types.core import Pod
from sagong.api.types.scheduling import PriorityClass
from sagong.server.admission.plugin import PODS, Plugin, Review
from sagong.server.contract import Objects

CLASSES = ("scheduling.k8s.io", "priorityclasses")


class Priority(Plugin):
    """Asked about pods and priority classes."""

    operations = ("CREATE", "UPDATE")
    resources = (PODS, CLASSES)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def mutate(self, review: Review) -> None:
        """Fill in priority and preemption policy."""
        if not isinstance(review.obj, Pod):
            return
        spec = review.obj.spec
        if review.operation == "UPDATE":
            old = review.old.spec
            spec.priority = old.priority if spec.priority is None else spec.priority
            spec.preemptionPolicy = old.preemptionPolicy if spec.preemptionPolicy is None else spec.preemptionPolicy
            return
        name, value, policy = self._resolve(review, spec.priorityClassName)
        computed = "must not be provided in pod spec; priority admission controller computed"
        if spec.priority is not None and spec.priority != value:
            what = f"the integer value of priority ({spec.priority}) {computed} {value}"
            raise review.forbidden(f"{what} from the given PriorityClass name")
        if policy is not None and spec.preemptionPolicy is not None and spec.preemptionPolicy != policy:
            what = f"the string value of PreemptionPolicy ({spec.preemptionPolicy}) {computed} {policy}"
            raise review.forbidden(f"{what} from the given PriorityClass name")
        spec.priorityClassName, spec.priority = name, value
        spec.preemptionPolicy = policy if policy is not None else spec.preemptionPolicy

    async def validate(self, review: Review) -> None:
        """Refuse a second default class."""
        new = review.obj
        if not isinstance(new, PriorityClass) or not new.globalDefault:
            return
        default = self._default()
        if default is not None and (review.operation == "CREATE" or default.metadata.name != new.metadata.name):
            message = f"PriorityClass {default.metadata.name} is already marked as default. Only one default can exist"
            raise review.forbidden(message)

    def _resolve(self, review: Review, name: str) -> tuple[str, int, str | None]:
        found = self._objects.get(PriorityClass, name) if name else self._default()
        if found is not None:
            return found.metadata.name, found.value, found.preemptionPolicy
        if name:
            raise review.forbidden(f"no PriorityClass with name {name} was found")
        return "", 0, "PreemptLowerPriority"

    def _default(self) -> PriorityClass | None:
        defaults = [found for found in self._objects.list(PriorityClass) if found.globalDefault]
        return min(defaults, key=lambda found: found.value, default=None)
