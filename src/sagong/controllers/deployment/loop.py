"""The deployment loop: from a deployment, its replica sets and their pods to a plan.

One plan takes one step (grow the new set, or shrink old ones), then says in the status how things stand. The next step follows
when the replica sets' status changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sagong.api.errors import AlreadyExistsError
from sagong.api.selectors import Selector, from_label_selector
from sagong.api.types.apps import Deployment, DeploymentStatus, ReplicaSet
from sagong.api.types.core import Pod
from sagong.api.types.meta import LabelSelector
from sagong.client.plan import NOTHING, Action, Create, Delete, Emit, Failure, Plan, Told, Update
from sagong.controllers import conditions
from sagong.controllers.declaration import Controller, Key, Watch, updated, writes
from sagong.controllers.deployment import rollout
from sagong.controllers.deployment.revisions import (
    MAX_INT32,
    REVISION,
    ROLLBACK_TO,
    TEMPLATE_HASH,
    History,
    annotations_of_new,
    history,
    new_replica_set,
    next_revision,
    replicas,
    restored_annotations,
    revision,
    same_template,
    size_annotations,
)
from sagong.controllers.deployment.status import (
    PROGRESSING,
    TIMED_OUT,
    condition,
    counted,
    has_deadline,
    is_complete,
    rolled_out,
    until_deadline,
)
from sagong.controllers.ownership import claim, selecting
from sagong.controllers.view import View, controlled, controller_of, orphans


def selector_of(deployment: Deployment) -> Selector:
    """Return the selector of a deployment's sets and pods."""
    return from_label_selector(deployment.spec.selector)


def reconcile(view: View, key: Key) -> Plan:
    """Gather a deployment, its sets, and for Recreate their pods."""
    deployment = view.get(Deployment, *key)
    if deployment is None:
        return NOTHING
    owned = controlled(view, ReplicaSet, deployment.metadata.uid)
    recreates = deployment.spec.strategy.type == "Recreate"
    pods = [pod for rs in owned for pod in controlled(view, Pod, rs.metadata.uid)] if recreates else ()
    taken = _name_taken(view, deployment, owned)
    return plan(deployment, (*owned, *orphans(view, ReplicaSet, key.namespace)), pods, view.now, name_taken=taken)


def plan(deployment: Deployment, sets: Sequence[ReplicaSet], pods: Sequence[Pod], now: datetime, *, name_taken: bool = False) -> Plan:
    """Plan one deployment. `sets` are its own and the namespace's orphans, `pods` those of its sets.

    `name_taken`: the name that the new set would get is that of a set with another template.
    """
    if deployment.spec.selector == LabelSelector():
        return _refuse(deployment)
    claimed = claim(deployment, sets, selector_of(deployment))
    step = _Step(deployment.copy(), history(deployment, claimed.owned), now)
    step.actions += claimed.actions
    if deployment.metadata.deletionTimestamp is not None:
        step.status = counted(step.deployment, step.known.all, step.known.new, now)
        return step.plan()
    step.note_pause()
    if name_taken and step.known.new is None:
        step.note_collision()
        return step.plan()
    if deployment.spec.paused:
        step.follow_new(create=False)
        step.scale(rollout.proportional_sizes(step.deployment, step.known))
        step.clean_up()
        step.status = counted(step.deployment, step.known.all, step.known.new, now)
    elif ROLLBACK_TO in deployment.metadata.annotations:
        step.roll_back()
    elif rollout.was_scaled(deployment, step.known.all):
        step.follow_new(create=False)
        step.scale(rollout.proportional_sizes(step.deployment, step.known), annotate=True)
        step.status = counted(step.deployment, step.known.all, step.known.new, now)
    else:
        step.roll_out(pods)
    return step.plan()


class _Step:
    """Collects what one plan does. `deployment` is a copy that gets conditions; `known` is what is observed."""

    def __init__(self, deployment: Deployment, known: History, now: datetime) -> None:
        self.deployment, self.known, self.now = deployment, known, now
        self.before = deployment.status.copy()
        self.actions: list[Action] = []
        self.status: DeploymentStatus | None = None
        self._created: ReplicaSet | None = None
        self._updated: dict[str, ReplicaSet] = {}
        self._revision = ""
        self._rolled_back = False

    def note_pause(self) -> None:
        """Pausing and resuming restart the clock of the progress deadline."""
        current = conditions.find(self.deployment.status.conditions, PROGRESSING)
        if not has_deadline(self.deployment) or (current is not None and current.reason == TIMED_OUT):
            return
        is_noted = current is not None and current.reason == "DeploymentPaused"
        if self.deployment.spec.paused and not is_noted:
            self._progress("Unknown", "DeploymentPaused", "Deployment is paused")
        elif not self.deployment.spec.paused and is_noted:
            self._progress("Unknown", "DeploymentResumed", "Deployment is resumed")

    def note_collision(self) -> None:
        """Another template has the same hash: count, so that the next hash differs."""
        self.status = self.deployment.status.copy()
        self.status.collisionCount = (self.status.collisionCount or 0) + 1

    def follow_new(self, *, create: bool) -> None:
        """Keep the new set's annotations and revision current; make the set when there is none."""
        number = next_revision(self.known.old)
        new = self.known.new
        if new is None:
            if create:
                self._create(number)
            return
        annotations = annotations_of_new(self.deployment, new, number)
        if annotations != new.metadata.annotations or new.spec.minReadySeconds != self.deployment.spec.minReadySeconds:
            changed = self._changed(new)
            changed.metadata.annotations = annotations
            changed.spec.minReadySeconds = self.deployment.spec.minReadySeconds
        self._set_revision(annotations.get(REVISION, ""))
        if has_deadline(self.deployment) and conditions.find(self.deployment.status.conditions, PROGRESSING) is None:
            self._progress("True", "FoundNewReplicaSet", f'Found new replica set "{new.metadata.name}"')

    def roll_out(self, pods: Sequence[Pod]) -> None:
        """Take the next step of the strategy."""
        if self.deployment.spec.strategy.type == "Recreate":
            self.follow_new(create=False)
            sizes = rollout.recreate_sizes(self.deployment, self.known, _of_old(pods, self.known.new))
            if sizes == {}:
                self.follow_new(create=True)
        else:
            self.follow_new(create=True)
            sizes = rollout.rolling_sizes(self.deployment, self.known, self.known.new) if self.known.new is not None else {}
        stepped = self.scale(sizes or {})
        if not stepped and is_complete(self.deployment, self.deployment.status):
            self.clean_up()
        sets = (*self.known.all, self._created) if self._created is not None else self.known.all
        self.status = rolled_out(self.deployment, sets, self.known.new or self._created, self.now)

    def scale(self, sizes: rollout.Sizes, *, annotate: bool = False) -> bool:
        """Resize sets, each with an event; with `annotate` also tell those that keep their size what they are part of."""
        wanted = size_annotations(self.deployment)
        changed = rollout.changed_sizes(sizes, self.known.all)
        for rs in self.known.all:
            name = rs.metadata.name
            if name not in changed and not (annotate and name in sizes and wanted.items() - rs.metadata.annotations.items()):
                continue
            copy = self._changed(rs)
            copy.metadata.annotations = {**copy.metadata.annotations, **wanted}
            copy.spec.replicas = changed.get(name, replicas(rs))
        return bool(changed)

    def clean_up(self) -> None:
        """Delete the oldest empty sets beyond the history that is kept."""
        limit = self.deployment.spec.revisionHistoryLimit
        if limit is None or limit == MAX_INT32:
            return
        alive = [rs for rs in self.known.old if rs.metadata.deletionTimestamp is None]
        excess = len(alive) - limit
        for rs in sorted(alive, key=revision)[: max(excess, 0)]:
            if not (rs.status.replicas or replicas(rs) or rs.metadata.generation > rs.status.observedGeneration):
                self.actions.append(Delete(ReplicaSet, rs.metadata.name, rs.metadata.namespace, rs.metadata.uid))

    def roll_back(self) -> None:
        """Do what the annotation of extensions/v1beta1's rollback asks for."""
        text = self.deployment.metadata.annotations.pop(ROLLBACK_TO)
        numbers = sorted((revision(rs) for rs in self.known.all), reverse=True)
        wanted = int(text) if text.isdigit() else 0
        if not wanted:
            wanted = numbers[1] if len(numbers) > 1 else 0
        found = next((rs for rs in self.known.all if wanted and revision(rs) == wanted), None)
        name = self.deployment.metadata.name
        if found is None:
            told = "Unable to find the revision to rollback to." if wanted else "Unable to find last revision."
            self.actions.append(Emit(self.deployment, "Warning", "DeploymentRollbackRevisionNotFound", told))
        elif same_template(found.spec.template, self.deployment.spec.template):
            told = f'The rollback revision contains the same template as current deployment "{name}"'
            self.actions.append(Emit(self.deployment, "Warning", "DeploymentRollbackTemplateUnchanged", told))
        else:
            self.deployment.spec.template = found.spec.template.copy()
            self.deployment.spec.template.metadata.labels.pop(TEMPLATE_HASH, None)
            self.deployment.metadata.annotations = restored_annotations(self.deployment, found)
            told = f'Rolled back deployment "{name}" to revision {wanted}'
            self.actions.append(Emit(self.deployment, "Normal", "DeploymentRollback", told))
        self.actions.append(Update(self.deployment))
        self._rolled_back = True

    def plan(self) -> Plan:
        """Put the plan together: sets first, status last."""
        actions = [*self.actions, *map(self._resize, self._updated.values())]
        wanted = self.status if self.status is not None else self.deployment.status
        if self._created is not None:
            told = Told(self.deployment, self._scaled_up(self._created), ("ReplicaSetCreateError", self._create_failed("{error}")))
            actions.append(Create(self._created, told=told, ignore=(AlreadyExistsError,)))
        wait = until_deadline(self.deployment, wanted, self.now)

        def then(failure: Failure | None) -> Plan:
            status = wanted
            if failure is not None:
                if self._created is None or not has_deadline(self.deployment):
                    return NOTHING
                status = self.deployment.status
                failed = condition(PROGRESSING, "False", "ReplicaSetCreateError", self._create_failed(str(failure)), self.now)
                conditions.put(status.conditions, failed)
            return self._write_status(status)

        return Plan(tuple(actions), wait, None if self._rolled_back else then)

    def _write_status(self, status: DeploymentStatus) -> Plan:
        """Write the status, and with it the revision: the status subresource of a deployment takes annotations too."""
        if status == self.before and not self._revision:
            return NOTHING
        self.deployment.status = status
        if self._revision:
            self.deployment.metadata.annotations = {**self.deployment.metadata.annotations, REVISION: self._revision}
        return Plan((Update(self.deployment, "status"),))

    def _set_revision(self, number: str) -> None:
        if self.deployment.metadata.annotations.get(REVISION) != number:
            self._revision = number

    def _create(self, number: int) -> None:
        self._created = new_replica_set(self.deployment, self.known.old)
        self._created.spec.replicas = rollout.new_set_size(self.deployment, (*self.known.old, self._created), self._created)
        self._set_revision(str(number))
        if has_deadline(self.deployment):
            self._progress("True", "NewReplicaSetCreated", f'Created new replica set "{self._created.metadata.name}"')

    def _changed(self, rs: ReplicaSet) -> ReplicaSet:
        return self._updated.setdefault(rs.metadata.name, rs.copy())

    def _resize(self, rs: ReplicaSet) -> Update:
        before = next(replicas(old) for old in self.known.all if old.metadata.name == rs.metadata.name)
        if replicas(rs) == before:
            return Update(rs)
        way = "up" if replicas(rs) > before else "down"
        said = f"Scaled {way} replica set {rs.metadata.name} from {before} to {replicas(rs)}"
        return Update(rs, told=Told(self.deployment, ("ScalingReplicaSet", said)))

    def _scaled_up(self, rs: ReplicaSet) -> tuple[str, str] | None:
        if not replicas(rs):
            return None
        return ("ScalingReplicaSet", f"Scaled up replica set {rs.metadata.name} from 0 to {replicas(rs)}")

    def _create_failed(self, error: str) -> str:
        name = self._created.metadata.name if self._created is not None else ""
        return f'Failed to create new replica set "{name}": {error}'

    def _progress(self, status: str, reason: str, message: str) -> None:
        conditions.put(self.deployment.status.conditions, condition(PROGRESSING, status, reason, message, self.now))


def _refuse(deployment: Deployment) -> Plan:
    said = "This deployment is selecting all pods. A non-empty selector is required."
    actions: list[Action] = [Emit(deployment, "Warning", "SelectingAll", said)]
    if deployment.status.observedGeneration < deployment.metadata.generation:
        changed = deployment.copy()
        changed.status.observedGeneration = deployment.metadata.generation
        actions.append(Update(changed, "status"))
    return Plan(tuple(actions))


def _name_taken(view: View, deployment: Deployment, owned: Sequence[ReplicaSet]) -> bool:
    """Say whether a set of another template, or another's set, has the name that the new set would get."""
    if history(deployment, owned).new is not None:
        return False
    name = new_replica_set(deployment, ()).metadata.name
    found = view.get(ReplicaSet, deployment.metadata.namespace, name)
    if found is None:
        return False
    owner = controller_of(found)
    mine = owner is not None and owner.uid == deployment.metadata.uid
    adoptable = owner is None and selector_of(deployment).matches(found.metadata.labels)
    return not ((mine or adoptable) and same_template(found.spec.template, deployment.spec.template))


def _of_old(pods: Iterable[Pod], new: ReplicaSet | None) -> list[Pod]:
    uid = new.metadata.uid if new is not None else ""
    return [pod for pod in pods if (owner := controller_of(pod)) is not None and owner.uid != uid]


def _recreates(view: View, pod: Pod) -> Iterable[Key]:
    """Wake a deployment that recreates when one of its pods is gone."""
    owner = controller_of(pod)
    rs = view.get(ReplicaSet, pod.metadata.namespace, owner.name) if owner is not None and owner.kind == "ReplicaSet" else None
    above = controller_of(rs) if rs is not None else None
    deployment = view.get(Deployment, pod.metadata.namespace, above.name) if above is not None and above.kind == "Deployment" else None
    if deployment is None or deployment.spec.strategy.type != "Recreate":
        return ()
    return (Key(deployment.metadata.namespace, deployment.metadata.name),)


CONTROLLER = Controller(
    name="deployment",
    account="deployment-controller",
    watches=(
        Watch(Deployment),
        Watch(ReplicaSet, selecting(Deployment, selector_of)),
        Watch(Pod, _recreates, updated(lambda old, new: old.status.phase != new.status.phase)),
    ),
    owns=(ReplicaSet,),
    writes=writes(
        ("create update patch delete", ReplicaSet),
        ("update", Deployment),
        ("update", Deployment, "status"),
    ),
    reconcile=reconcile,
)
