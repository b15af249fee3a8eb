"""What makes pods from a template: the template is warned about when the object is new, and when it changed."""

from __future__ import annotations

from typing import Any

from sagong.api import names
from sagong.api.types.apps import DaemonSet, Deployment, ReplicaSet, StatefulSet
from sagong.api.types.batch import CronJob, Job, JobSpec
from sagong.api.types.core import PodTemplate, ReplicationController
from sagong.api.warnings.pods import hostname_advice, template
from sagong.api.warnings.volumes import claim_spec
from sagong.api.warnings.warner import Warner

_AT = "spec.template."
_MANY_COMPLETIONS, _MANY_PODS = 100_000, 10_000
_MANY = (
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "
    "Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
)
_ALL_REVISIONS = "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
_NO_ZONE = (
    "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, "  # the path is upstream's
    "see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
)


def _changed(new: Any, old: Any) -> bool:
    return old is None or new.metadata.generation != old.metadata.generation


def _name(new: Any, old: Any) -> list[str]:
    wrong = names.dns1123_label(new.metadata.name) if old is None else ()
    return [f"metadata.name: this is used in Pod names and hostnames, {hostname_advice(wrong)}"] if wrong else []


def _replicas(new: Any, old: Any) -> list[str]:
    """Warn about a Deployment, ReplicaSet or ReplicationController."""
    found = _name(new, old)
    return found + template(_AT, new.spec.template) if new.spec.template is not None and _changed(new, old) else found


def _daemon_set(new: DaemonSet, old: DaemonSet | None) -> list[str]:
    return template(_AT, new.spec.template) if old is None or new.spec.template != old.spec.template else []


def _stateful_set(new: StatefulSet, old: StatefulSet | None) -> list[str]:
    found = template(_AT, new.spec.template) if _changed(new, old) else []
    below = "" if old is None else ".Spec"  # the paths are upstream's
    for i, claim in enumerate(new.spec.volumeClaimTemplates):
        found += claim_spec(f"spec.volumeClaimTemplates[{i}]{below}", claim.spec)
    limit = new.spec.revisionHistoryLimit
    return [*found, _ALL_REVISIONS] if limit is not None and limit < 0 else found


def _pod_template(new: PodTemplate, old: PodTemplate | None) -> list[str]:
    return template("template.", new.template) if _changed(new, old) else []


def _job_spec(at: str, spec: JobSpec) -> list[str]:
    many = spec.completionMode == "Indexed" and (spec.completions or 0) > _MANY_COMPLETIONS and (spec.parallelism or 0) > _MANY_PODS
    return [*([f"{at}: {_MANY}"] if many else []), *template(f"{at}.template.", spec.template)]


def _job(new: Job, old: Job | None) -> list[str]:
    return _name(new, old) + _job_spec("spec", new.spec) if _changed(new, old) else []


def _cron_job(new: CronJob, old: CronJob | None) -> list[str]:
    found = _name(new, old)
    if _changed(new, old):
        found += _job_spec("spec.jobTemplate.spec", new.spec.jobTemplate.spec)
    return [*found, _NO_ZONE] if old is not None and "TZ" in new.spec.schedule else found


TABLE: dict[type[Any], Warner] = {
    **dict.fromkeys((Deployment, ReplicaSet, ReplicationController), Warner(_replicas)),
    DaemonSet: Warner(_daemon_set),
    StatefulSet: Warner(_stateful_set),
    PodTemplate: Warner(_pod_template),
    Job: Warner(_job),
    CronJob: Warner(_cron_job),
}
