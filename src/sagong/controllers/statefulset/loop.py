"""The statefulset loop. One plan brings the set as far as it can go before something must become ready or be gone.

pods in order: replace finished ones, create missing ones -> surplus pods from the highest number down -> update likewise
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sagong.api.errors import AlreadyExistsError
from sagong.api.pods import is_available, is_finished, is_ready
from sagong.api.selectors import Selector, from_label_selector
from sagong.api.types.apps import ControllerRevision, StatefulSet, StatefulSetStatus
from sagong.api.types.core import PersistentVolumeClaim, Pod
from sagong.client.plan import NOTHING, Action, Create, Delete, Emit, Failure, Plan, Told, Update
from sagong.controllers.declaration import Controller, Key, Watch, writes
from sagong.controllers.history import HASH_LABEL, Revisions, revisions, surplus
from sagong.controllers.ownership import claim, selecting
from sagong.controllers.statefulset.claims import RETAIN, has_other_controller, is_stale, policy, wanted_owners
from sagong.controllers.statefulset.identity import (
    claims_for,
    give_identity,
    give_storage,
    has_identity,
    has_storage,
    is_member,
    ordinal,
    ordinals,
    pod_for,
)
from sagong.controllers.view import View, controlled, orphans

REVISION_HASH = "controller.kubernetes.io/hash"


def selector_of(set_: StatefulSet) -> Selector:
    """Return the selector of a set's pods."""
    return from_label_selector(set_.spec.selector)


@dataclass(frozen=True, slots=True)
class Observed:
    """A set and what belongs to it, or may come to; `claim` finds one of its namespace by name."""

    set: StatefulSet
    pods: Sequence[Pod]
    histories: Sequence[ControllerRevision]
    claim: Callable[[str], PersistentVolumeClaim | None]


def reconcile(view: View, key: Key) -> Plan:
    """Gather a set, its pods, revisions and claims."""
    set_ = view.get(StatefulSet, *key)
    if set_ is None:
        return NOTHING
    pods = (*controlled(view, Pod, set_.metadata.uid), *orphans(view, Pod, key.namespace))
    histories = (*controlled(view, ControllerRevision, set_.metadata.uid), *orphans(view, ControllerRevision, key.namespace))
    return plan(Observed(set_, pods, histories, lambda name: view.get(PersistentVolumeClaim, key.namespace, name)), view.now)


def plan(observed: Observed, now: datetime) -> Plan:
    """Plan one set."""
    set_ = observed.set
    claimed_histories = claim(set_, observed.histories, selector_of(set_))
    named = {found.metadata.name: found for found in observed.histories}.get
    past = revisions(set_, claimed_histories.owned, named, REVISION_HASH)
    if past.collision:
        changed = set_.copy()
        changed.status.collisionCount = (set_.status.collisionCount or 0) + 1
        return Plan((Update(changed, "status"),))
    claimed = claim(set_, observed.pods, selector_of(set_), lambda pod: is_member(set_, pod))
    step = _Step(observed, past, claimed.owned, now)
    if set_.metadata.deletionTimestamp is None:
        step.run()
    status = step.status()
    live = [status.currentRevision, status.updateRevision, *(pod.metadata.labels.get(HASH_LABEL, "") for pod in claimed.owned)]
    kept = surplus(past.old, set_.spec.revisionHistoryLimit, live)

    def then(failure: Failure | None) -> Plan:
        actions: tuple[Action, ...] = kept if failure is None else ()
        if status == set_.status:
            return Plan(actions)
        changed = set_.copy()
        changed.status = status
        return Plan((Update(changed, "status"), *actions))

    waits = set_.spec.minReadySeconds and status.readyReplicas != status.availableReplicas
    actions = (*claimed_histories.actions, *past.actions, *claimed.actions, *step.actions)
    return Plan(actions, float(set_.spec.minReadySeconds) if waits else None, then)


class _Step:
    """Walks through a set's pods and collects what is to be done."""

    def __init__(self, observed: Observed, past: Revisions, pods: Sequence[Pod], now: datetime) -> None:
        self._observed, self._set, self._now = observed, observed.set, now
        self._update = past.current
        named = (found for found in (*past.old, past.current) if found.metadata.name == self._set.status.currentRevision)
        self._current = next(named, past.current)
        self._ordered = self._set.spec.podManagementPolicy != "Parallel"
        numbers = ordinals(self._set)
        self._pods = pods
        self._existing = {ordinal(pod): pod for pod in pods if ordinal(pod) in numbers}
        self._condemned = sorted((pod for pod in pods if ordinal(pod) not in numbers), key=ordinal, reverse=True)
        self._updating = 0
        self.actions: list[Action] = []

    def run(self) -> None:
        """Go on as far as order allows."""
        for number in ordinals(self._set):
            if self._replica(number) and self._ordered:
                return
        for pod in self._condemned:
            self._own_claims(pod)
        for pod in self._condemned:
            if self._end(pod) and self._ordered:
                return
        if self._set.spec.updateStrategy.type != "OnDelete":
            self._roll()

    def status(self) -> StatefulSetStatus:
        """Count the pods as they are."""
        status = self._set.status.copy()
        counted = [pod for pod in self._pods if pod.status.phase]
        alive = [pod for pod in counted if pod.metadata.deletionTimestamp is None]
        ready = [pod for pod in counted if pod.status.phase == "Running" and is_ready(pod)]
        status.observedGeneration = self._set.metadata.generation
        status.replicas, status.readyReplicas = len(counted), len(ready)
        status.availableReplicas = sum(self._available(pod) for pod in ready)
        status.currentRevision, status.updateRevision = self._current.metadata.name, self._update.metadata.name
        status.currentReplicas = sum(_revision(pod) == status.currentRevision for pod in alive) - self._updating
        status.updatedReplicas = sum(_revision(pod) == status.updateRevision for pod in alive)
        status.collisionCount = status.collisionCount or 0
        wanted = len(ordinals(self._set))
        complete = status.updatedReplicas == status.readyReplicas == status.replicas == wanted
        if complete and self._set.spec.updateStrategy.type == "RollingUpdate":
            status.currentReplicas, status.currentRevision = status.updatedReplicas, status.updateRevision
        return status

    def _replica(self, number: int) -> bool:
        """Bring one pod about; say whether those after it must wait."""
        pod = self._existing.get(number)
        if pod is None:
            return self._create(number)
        if is_finished(pod):
            if pod.metadata.deletionTimestamp is None:
                self._delete(pod)
            return True
        if pod.status.phase == "Pending":
            self._create_claims(pod)
        self._own_claims(pod)
        if self._ordered and (pod.metadata.deletionTimestamp is not None or not self._available(pod) or pod.status.phase != "Running"):
            return True
        self._correct(pod)
        return False

    def _create(self, number: int) -> bool:
        pod = pod_for(self._set, self._current if self._stays_current(number) else self._update, number)
        stale = [found for found in self._claims(number) if policy(self._set)[1] != RETAIN and is_stale(found, pod)]
        if stale or not self._create_claims(pod):
            return True
        self.actions.append(Create(pod, told=self._told("Create", pod), ignore=(AlreadyExistsError,)))
        self._own_claims(pod)
        return True

    def _stays_current(self, number: int) -> bool:
        """Say whether a pod that is made anew is to be of the old revision: those that the update has not come to yet."""
        if self._set.spec.updateStrategy.type != "RollingUpdate":
            return False
        rolling, start = self._set.spec.updateStrategy.rollingUpdate, ordinals(self._set).start
        kept = self._set.status.currentReplicas if rolling is None else rolling.partition or 0
        return number < start + kept

    def _create_claims(self, pod: Pod) -> bool:
        """Create what claims are missing; say whether none is on its way out."""
        for wanted in claims_for(self._set, ordinal(pod)):
            found = self._observed.claim(wanted.metadata.name)
            if found is None:
                name, owner = wanted.metadata.name, f"Pod {pod.metadata.name} in StatefulSet {self._set.metadata.name}"
                told = Told(
                    self._set,
                    ("SuccessfulCreate", f"Create Claim {name} {owner} success"),
                    ("FailedCreate", f"Create Claim {name} for {owner} failed error: {{error}}"),
                )
                self.actions.append(Create(wanted, told=told, ignore=(AlreadyExistsError,)))
            elif found.metadata.deletionTimestamp is not None:
                return False
        return True

    def _own_claims(self, pod: Pod) -> None:
        for found in self._claims(ordinal(pod)):
            if has_other_controller(found, self._set, pod):
                said = (
                    f"PersistentVolumeClaim {found.metadata.name} has a conflicting OwnerReference that acts as a manging controller,"
                    " the retention policy is ignored for this claim"
                )
                self.actions.append(Emit(self._set, "Warning", "ConflictingController", said))
            owners = wanted_owners(found, self._set, pod) if pod.metadata.uid else None
            if owners is not None:
                changed = found.copy()
                changed.metadata.ownerReferences = owners
                self.actions.append(Update(changed))

    def _correct(self, pod: Pod) -> None:
        """Give a pod that was adopted, or tampered with, what makes it a member."""
        if has_identity(self._set, pod) and has_storage(self._set, pod):
            return
        changed = pod.copy()
        give_identity(self._set, changed)
        if not has_storage(self._set, changed):
            give_storage(self._set, changed)
            self._create_claims(changed)
        self.actions.append(Update(changed, told=self._told("Update", pod)))

    def _end(self, pod: Pod) -> bool:
        """Delete a surplus pod when it is its turn; say whether those after it must wait."""
        if pod.metadata.deletionTimestamp is not None:
            return True
        healthy = self._available(pod) and pod.status.phase == "Running"
        if self._ordered and not healthy and pod is not self._first_unavailable():
            return True
        self._delete(pod)
        return True

    def _first_unavailable(self) -> Pod | None:
        candidates = [*(self._existing[number] for number in sorted(self._existing)), *reversed(self._condemned)]
        return next((pod for pod in candidates if pod.metadata.deletionTimestamp is not None or not self._available(pod)), None)

    def _roll(self) -> None:
        """Delete the highest pod that is of another revision, if all above it are well."""
        rolling = self._set.spec.updateStrategy.rollingUpdate
        numbers = ordinals(self._set)
        for number in reversed(numbers[(rolling.partition or 0) if rolling else 0 :]):
            pod = self._existing.get(number)
            if pod is None:
                return
            if _revision(pod) != self._update.metadata.name and pod.metadata.deletionTimestamp is None:
                self._delete(pod)
                self._updating = int(_revision(pod) == self._current.metadata.name)
                return
            if pod.metadata.deletionTimestamp is not None or not self._available(pod):
                return

    def _delete(self, pod: Pod) -> None:
        self.actions.append(Delete(Pod, pod.metadata.name, pod.metadata.namespace, pod.metadata.uid, told=self._told("Delete", pod)))

    def _claims(self, number: int) -> Iterable[PersistentVolumeClaim]:
        found = (self._observed.claim(wanted.metadata.name) for wanted in claims_for(self._set, number))
        return [claim for claim in found if claim is not None]

    def _available(self, pod: Pod) -> bool:
        return is_available(pod, self._set.spec.minReadySeconds, self._now)

    def _told(self, verb: str, pod: Pod) -> Told:
        subject = f"{verb} Pod {pod.metadata.name} in StatefulSet {self._set.metadata.name}"
        return Told(self._set, (f"Successful{verb}", f"{subject} successful"), (f"Failed{verb}", f"{subject} failed error: {{error}}"))


def _revision(pod: Pod) -> str:
    return pod.metadata.labels.get(HASH_LABEL, "")


CONTROLLER = Controller(
    name="statefulset",
    account="statefulset-controller",
    watches=(Watch(StatefulSet), Watch(Pod, selecting(StatefulSet, selector_of))),
    owns=(Pod, ControllerRevision),
    reads=(PersistentVolumeClaim,),
    writes=writes(
        ("create update delete patch", Pod),
        ("create update delete patch", ControllerRevision),
        ("create update", PersistentVolumeClaim),
        ("update", StatefulSet, "status"),
    ),
    reconcile=reconcile,
)
