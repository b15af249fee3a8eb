"""Validation of jobs and cron jobs; the status of jobs is in job_status."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Collection, Sequence

from sagong.api import cron, names
from sagong.api.field_errors import OMIT, Errors
from sagong.api.selectors import SelectorError, from_label_selector
from sagong.api.types import batch, core
from sagong.api.validation import metadata, pods
from sagong.api.validation.indexes import IndexError_, count_indexes
from sagong.api.validation.job_status import job_status
from sagong.api.validation.rules import Rules, each, immutable, not_negative, one_of, status

_MANY = 100_000
_FEWER = 10_000
_MAX_RULES, _MAX_VALUES, _MAX_PATTERNS = 20, 255, 20
_MANAGED_BY_LENGTH, _INDEXES_LENGTH = 63, 64 * 1024
_CRON_NAME_LENGTH = 52
_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "backoffLimitPerIndex")
_UID_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid")
_NAME_LABELS = ("job-name", "batch.kubernetes.io/job-name")
_ZONE_PART = re.compile(r"[A-Za-z._0-9+-]{1,14}")
_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"


def _job(errors: Errors, new: batch.Job, old: batch.Job | None) -> None:
    if old is None or _UID_LABELS[1] in old.spec.template.metadata.labels:
        _generated_selector(errors, new)
    _job_spec(errors, "spec", new.spec)
    metadata.label_selector(errors, "spec.selector", new.spec.selector)
    if new.spec.selector is None:
        errors.required("spec.selector")
    if not _matches(new.spec, new.spec.template.metadata.labels):
        errors.invalid("spec.template.metadata.labels", new.spec.template.metadata.labels, "`selector` does not match template `labels`")
    if old is None and new.spec.completionMode == "Indexed" and new.spec.completions:
        hostname = f"{new.metadata.name}-{new.spec.completions - 1}"
        if names.dns1123_label(hostname):
            errors.invalid("metadata.name", new.metadata.name, f"will not able to create pod with invalid DNS label: {hostname}")


def _matches(spec: batch.JobSpec, labels: dict[str, str]) -> bool:
    try:
        return from_label_selector(spec.selector).matches(labels)
    except SelectorError:
        return True


def _generated_selector(errors: Errors, new: batch.Job) -> None:
    """Check selector and labels that the server makes from a job's uid, unless the user takes that on."""
    if new.spec.manualSelector or new.spec.selector is None:
        return
    if not new.metadata.uid:
        errors.required("metadata.uid")
    wanted = {**dict.fromkeys(_UID_LABELS, new.metadata.uid), **dict.fromkeys(_NAME_LABELS, new.metadata.name)}
    labels = new.spec.template.metadata.labels
    for key in (_UID_LABELS[0], _NAME_LABELS[0], _UID_LABELS[1], _NAME_LABELS[1]):
        path = f"spec.template.metadata.labels[{key}]"
        if key not in labels:
            errors.required(path, f"must be '{wanted[key]}'")
        elif labels[key] != wanted[key]:
            errors.invalid(path, labels, f"must be '{wanted[key]}'")
    if not _matches(new.spec, wanted):
        errors.invalid("spec.selector", new.spec.selector, "`selector` not auto-generated")


def _job_spec(errors: Errors, path: str, spec: batch.JobSpec) -> None:
    for name in (*_COUNTS, "maxFailedIndexes"):
        not_negative(errors, f"{path}.{name}", getattr(spec, name))
    if spec.maxFailedIndexes is not None and spec.backoffLimitPerIndex is None:
        errors.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if spec.managedBy is not None:
        _managed_by(errors, f"{path}.managedBy", spec.managedBy)
    one_of(errors, f"{path}.completionMode", spec.completionMode, ("NonIndexed", "Indexed"))
    if spec.completionMode == "Indexed":
        _indexed(errors, path, spec)
    else:
        for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.completionMode in (None, "NonIndexed") and getattr(spec, name) is not None:
                errors.invalid(f"{path}.{name}", getattr(spec, name), "requires indexed completion mode")
    if spec.podFailurePolicy is not None:
        _failure_policy(errors, f"{path}.podFailurePolicy.rules", spec, spec.podFailurePolicy)
    if spec.successPolicy is not None and spec.completionMode != "Indexed":
        errors.invalid(f"{path}.successPolicy", spec.successPolicy, "requires indexed completion mode")
    elif spec.successPolicy is not None:
        _success_policy(errors, f"{path}.successPolicy.rules", spec, spec.successPolicy)
    replacement = ("Failed",) if spec.podFailurePolicy is not None else ("Failed", "TerminatingOrFailed")
    one_of(errors, f"{path}.podReplacementPolicy", spec.podReplacementPolicy, replacement)
    pods.template(errors, f"{path}.template", spec.template)
    _restart_policy(errors, f"{path}.template.spec.restartPolicy", spec)


def _restart_policy(errors: Errors, path: str, spec: batch.JobSpec) -> None:
    policy = spec.template.spec.restartPolicy
    if policy in ("", "Always"):
        errors.required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        errors.not_supported(path, policy, ("OnFailure", "Never"))
    elif spec.podFailurePolicy is not None and policy != "Never":
        errors.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _managed_by(errors: Errors, path: str, value: str) -> None:
    host, slash, rest = value.partition("/")
    if not value:
        errors.required(path)
    elif not (host and slash and rest):
        errors.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')
    else:
        each(errors, path, host, names.dns1123_subdomain)
        if not re.fullmatch(_PATH, rest):
            errors.invalid(path, rest, names.regex_complaint("Invalid path", _PATH))
    if len(value) > _MANAGED_BY_LENGTH:
        errors.too_long(path, _MANAGED_BY_LENGTH)


def _indexed(errors: Errors, path: str, spec: batch.JobSpec) -> None:
    parallelism, completions, failed = spec.parallelism or 0, spec.completions, spec.maxFailedIndexes
    if completions is None:
        errors.required(f"{path}.completions", "when completion mode is Indexed")
    if parallelism > _MANY:
        errors.invalid(f"{path}.parallelism", parallelism, f"must be less than or equal to {_MANY} when completion mode is Indexed")
    if failed is not None and completions is not None and failed > completions:
        errors.invalid(f"{path}.maxFailedIndexes", failed, "must be less than or equal to completions")
    if failed is not None and failed > _MANY:
        errors.invalid(f"{path}.maxFailedIndexes", failed, f"must be less than or equal to {_MANY}")
    if completions is None or completions <= _MANY or spec.backoffLimitPerIndex is None:
        return
    if failed is None:
        errors.required(f"{path}.maxFailedIndexes", f"must be specified when completions is above {_MANY}")
    for name, value in (("parallelism", parallelism), ("maxFailedIndexes", failed or 0)):
        if value > _FEWER:
            text = f"must be less than or equal to {_FEWER} when completions are above {_MANY} and used with backoff limit per index"
            errors.invalid(f"{path}.{name}", value, text)


def _failure_policy(errors: Errors, path: str, spec: batch.JobSpec, policy: batch.PodFailurePolicy) -> None:
    if policy.rules and len(policy.rules) > _MAX_RULES:
        errors.too_many(path, len(policy.rules), _MAX_RULES)
    containers = {container.name for container in (*spec.template.spec.containers, *spec.template.spec.initContainers)}
    for i, rule in enumerate(policy.rules or ()):
        at = f"{path}[{i}]"
        if rule.action == "FailIndex":
            if spec.backoffLimitPerIndex is None:
                errors.invalid(f"{at}.action", rule.action, "requires the backoffLimitPerIndex to be set")
        else:
            one_of(errors, f"{at}.action", rule.action, _ACTIONS, missing=f"valid values: {_quoted(_ACTIONS)}")
        if rule.onExitCodes is not None:
            _exit_codes(errors, f"{at}.onExitCodes", rule.onExitCodes, containers)
        _pod_conditions(errors, f"{at}.onPodConditions", rule.onPodConditions)
        if rule.onExitCodes is not None and rule.onPodConditions:
            errors.invalid(at, OMIT, "specifying both OnExitCodes and OnPodConditions is not supported")
        if rule.onExitCodes is None and not rule.onPodConditions:
            errors.invalid(at, OMIT, "specifying one of OnExitCodes and OnPodConditions is required")


def _quoted(values: Sequence[str]) -> str:
    return "[" + " ".join(f'"{value}"' for value in values) + "]"


def _exit_codes(errors: Errors, path: str, found: batch.PodFailurePolicyOnExitCodesRequirement, containers: Collection[str]) -> None:
    one_of(errors, f"{path}.operator", found.operator, ("In", "NotIn"), missing=f"valid values: {_quoted(('In', 'NotIn'))}")
    if found.containerName is not None and found.containerName not in containers:
        text = "must be one of the container or initContainer names in the pod template"
        errors.invalid(f"{path}.containerName", found.containerName, text)
    if not found.values:
        errors.invalid(f"{path}.values", found.values, "at least one value is required")
    elif len(found.values) > _MAX_VALUES:
        errors.too_many(f"{path}.values", len(found.values), _MAX_VALUES)
    for i, value in enumerate(found.values):
        if found.operator == "In" and value == 0:
            errors.invalid(f"{path}.values[{i}]", value, "must not be 0 for the In operator")
        if value in found.values[:i]:
            errors.duplicate(f"{path}.values[{i}]", value)
    if found.values != sorted(found.values):
        errors.invalid(f"{path}.values", found.values, "must be ordered")


def _pod_conditions(errors: Errors, path: str, patterns: Sequence[batch.PodFailurePolicyOnPodConditionsPattern]) -> None:
    valid = ("False", "True", "Unknown")
    if len(patterns) > _MAX_PATTERNS:
        errors.too_many(path, len(patterns), _MAX_PATTERNS)
    for i, pattern in enumerate(patterns):
        each(errors, f"{path}[{i}].type", pattern.type, names.qualified_name)
        one_of(errors, f"{path}[{i}].status", pattern.status, valid, missing=f"valid values: {_quoted(valid)}")


def _success_policy(errors: Errors, path: str, spec: batch.JobSpec, policy: batch.SuccessPolicy) -> None:
    if not policy.rules:
        errors.required(path, "at least one rules must be specified when the successPolicy is specified")
    if len(policy.rules) > _MAX_RULES:
        errors.too_many(path, len(policy.rules), _MAX_RULES)
    for i, rule in enumerate(policy.rules):
        _success_rule(errors, f"{path}[{i}]", rule, spec.completions or 0)


def _success_rule(errors: Errors, path: str, rule: batch.SuccessPolicyRule, completions: int) -> None:
    if rule.succeededCount is None and rule.succeededIndexes is None:
        errors.required(path, "at least one of succeededCount or succeededIndexes must be specified")
    total = 0
    if rule.succeededIndexes is not None:
        if len(rule.succeededIndexes) > _INDEXES_LENGTH:
            errors.too_long(f"{path}.succeededIndexes", _INDEXES_LENGTH)
        try:
            total = count_indexes(rule.succeededIndexes, completions)
        except IndexError_ as error:
            errors.invalid(f"{path}.succeededIndexes", rule.succeededIndexes, f"error parsing succeededIndexes: {error}")
    count = rule.succeededCount
    not_negative(errors, f"{path}.succeededCount", count)
    if count is not None and count > completions:
        text = f"must be less than or equal to {completions} (the number of specified completions)"
        errors.invalid(f"{path}.succeededCount", count, text)
    if count is not None and rule.succeededIndexes is not None and count > total:
        text = f"must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
        errors.invalid(f"{path}.succeededCount", count, text)


def _job_change(errors: Errors, new: batch.Job, old: batch.Job) -> None:
    spec, before = new.spec, old.spec
    if spec.completionMode != "Indexed":
        immutable(errors, "spec.completions", spec.completions, before.completions)
    elif spec.completions != before.completions and spec.completions is not None and spec.completions != spec.parallelism:
        errors.invalid("spec.completions", spec.completions, "can only be modified in tandem with spec.parallelism")
    immutable(errors, "spec.selector", spec.selector, before.selector)
    _template_change(errors, new, old)
    for name in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
        immutable(errors, f"spec.{name}", getattr(spec, name), getattr(before, name))


def _template_change(errors: Errors, new: batch.Job, old: batch.Job) -> None:
    """Let the template of a suspended job be steered (KEP-2926) and its resources changed, and no other's."""
    template, allowed = new.spec.template, old.spec.template.copy()
    suspended = bool(old.spec.suspend)
    if suspended and (old.status.startTime is None or _is_suspended(old)):
        wanted = template.spec
        if wanted.affinity is not None or allowed.spec.affinity is not None:
            affinity = (allowed.spec.affinity or core.Affinity()).copy()
            affinity.nodeAffinity = wanted.affinity.nodeAffinity if wanted.affinity else None
            allowed.spec.affinity = affinity if affinity != core.Affinity() or wanted.affinity is not None else None
        for name in ("nodeSelector", "tolerations", "schedulingGates"):
            setattr(allowed.spec, name, getattr(wanted, name))
        allowed.metadata.annotations, allowed.metadata.labels = template.metadata.annotations, template.metadata.labels
    if not suspended:
        immutable(errors, "spec.template", template, allowed)
        return
    for name in ("containers", "initContainers"):
        after, before = getattr(template.spec, name), getattr(allowed.spec, name)
        for container, known in zip(after, before, strict=False):
            if len(after) == len(before) and container.name == known.name:
                known.resources = container.resources
    immutable(errors, "spec.template.spec", template.spec, allowed.spec)


def _is_suspended(job: batch.Job) -> bool:
    return any(condition.type == "Suspended" and condition.status == "True" for condition in job.status.conditions)


def _cron_job(errors: Errors, new: batch.CronJob, old: batch.CronJob | None) -> None:
    spec = new.spec
    if not spec.schedule:
        errors.required("spec.schedule")
    else:
        _schedule(errors, "spec.schedule", spec, zoned=old is not None and "TZ" in old.spec.schedule)
    not_negative(errors, "spec.startingDeadlineSeconds", spec.startingDeadlineSeconds)
    if spec.timeZone is not None and (old is None or old.spec.timeZone != spec.timeZone):
        _time_zone(errors, "spec.timeZone", spec.timeZone)
    one_of(errors, "spec.concurrencyPolicy", spec.concurrencyPolicy, ("Allow", "Forbid", "Replace"), missing="")
    template = spec.jobTemplate.spec
    _job_spec(errors, "spec.jobTemplate.spec", template)
    if template.selector is not None:
        errors.invalid("spec.jobTemplate.spec.selector", template.selector, "`selector` will be auto-generated")
    if template.manualSelector:
        errors.not_supported("spec.jobTemplate.spec.manualSelector", template.manualSelector, ("nil", "false"))
    for name in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        not_negative(errors, f"spec.{name}", getattr(spec, name))
    if old is None and len(new.metadata.name) > _CRON_NAME_LENGTH:
        errors.invalid("metadata.name", new.metadata.name, "must be no more than 52 characters")


def _schedule(errors: Errors, path: str, spec: batch.CronJobSpec, *, zoned: bool) -> None:
    """Check a schedule; `zoned` tolerates a time zone inside it, which was possible once."""
    text = re.sub(r"^(CRON_)?TZ=\S+\s+", "", spec.schedule)
    try:
        cron.parse(text)
    except cron.CronError as error:
        errors.invalid(path, spec.schedule, str(error))
    if "TZ" in spec.schedule and not zoned:
        errors.invalid(path, spec.schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    elif "TZ" in spec.schedule and spec.timeZone is not None:
        errors.invalid(path, spec.schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule")


def _time_zone(errors: Errors, path: str, zone: str) -> None:
    if not zone:
        errors.invalid(path, zone, "timeZone must be nil or non-empty string")
        return
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            errors.invalid(path, zone, f"unknown time zone {zone}")
    if zone.lower() == "local":
        errors.invalid(path, zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        errors.invalid(path, zone, f"unknown time zone {zone}")


TABLE: dict[type, Rules] = {
    batch.Job: Rules(spec=_job, change=_job_change, subresources=status(job_status)),
    batch.CronJob: Rules(spec=_cron_job),
}
