"""PodSecurity: a namespace's labels say which Pod Security Standard its pods must meet, and which it warns about (KEP-2579)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from sagong.api.errors import invalid
from sagong.api.field_errors import Errors
from sagong.api.types.core import Namespace, Pod, PodTemplateSpec
from sagong.server.admission.plugin import PODS, Plugin, Review
from sagong.server.admission.pod_security_checks import LATEST, evaluate
from sagong.server.contract import Objects

PREFIX = "pod-security.kubernetes.io/"
LEVELS = ("privileged", "baseline", "restricted")
NAMESPACES = ("", "namespaces")
_IGNORED = ("exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status")
_CONTROLLERS = (
    ("", "podtemplates"),
    ("", "replicationcontrollers"),
    *(("apps", plural) for plural in ("replicasets", "deployments", "statefulsets", "daemonsets")),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
)
_VERSION = re.compile(r"v1\.([0-9]|[1-9][0-9]*)", re.ASCII)
MOST_PODS = 3000


class Standard(NamedTuple):
    """A level at a version; `version` is latest or v1.x."""

    level: str = "privileged"
    version: str = "latest"

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    def violations(self, template: Any) -> list[tuple[str, str]]:
        """Return (reason, detail) of what a pod or template violates."""
        minor = LATEST if self.version == "latest" else min(int(self.version.removeprefix("v1.")), LATEST)
        return evaluate(self.level, minor, template.spec, template.metadata.annotations)


class Policy(NamedTuple):
    """What a namespace enforces and what it warns about."""

    enforce: Standard
    warn: Standard


def policy_of(labels: Mapping[str, str], errors: Errors) -> Policy:
    """Read a namespace's labels; what cannot be read counts as restricted, latest."""
    found = {}
    for mode in ("enforce", "audit", "warn"):
        level, version = labels.get(PREFIX + mode), labels.get(f"{PREFIX}{mode}-version")
        if level is not None and level not in LEVELS:
            errors.invalid(f"metadata.labels[{PREFIX}{mode}]", level, f"must be one of {', '.join(LEVELS)}")
        if version is not None and version != "latest" and not _VERSION.fullmatch(version):
            errors.invalid(f"metadata.labels[{PREFIX}{mode}-version]", version, 'must be "latest" or "v1.x"')
            version = "latest"
        found[mode] = (level if level in (*LEVELS, None) else "restricted", version)
    enforce = Standard(found["enforce"][0] or "privileged", found["enforce"][1] or "latest")
    level, version = found["warn"]
    if level is None and labels.get(PREFIX + "enforce") in LEVELS:
        level, version = enforce.level, version or enforce.version
    return Policy(enforce, Standard(level or "privileged", version or "latest"))


class PodSecurity(Plugin):
    """Asked about pods, about what makes pods, and about namespaces."""

    operations = ("CREATE", "UPDATE")
    resources = (PODS, NAMESPACES, *_CONTROLLERS)
    subresources = ("", "ephemeralcontainers", "resize")

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def validate(self, review: Review) -> None:
        """Judge."""
        kind = (review.row.group, review.row.plural)
        if kind == NAMESPACES:
            self._check_namespace(review)
        elif kind == PODS:
            self._check_pod(review)
        elif not review.call.subresource:
            self._check_template(review)

    def _policy(self, review: Review) -> Policy:
        namespace = self._objects.get(Namespace, review.namespace)
        return policy_of(namespace.metadata.labels if namespace is not None else {}, Errors())

    def _check_pod(self, review: Review) -> None:
        pod: Pod = review.obj
        policy = self._policy(review)
        if review.call.subresource in _IGNORED or (review.operation == "UPDATE" and not _changed(pod, review.old)):
            return
        if violations := policy.enforce.violations(pod):
            raise review.forbidden(f'violates PodSecurity "{policy.enforce}": {_detail(violations)}')
        _warn(review, policy.warn, pod)

    def _check_template(self, review: Review) -> None:
        template = _template_of(review.obj)
        if template is not None:
            _warn(review, self._policy(review).warn, template)

    def _check_namespace(self, review: Review) -> None:
        new: Namespace = review.obj
        errors = Errors()
        policy = policy_of(new.metadata.labels, errors)
        before = Errors()
        old = policy_of(review.old.metadata.labels, before) if review.old is not None else None
        if errors and errors != before:
            raise invalid("", "Namespace", new.metadata.name, errors)
        if old is None or policy.enforce == old.enforce:
            return
        laxer = LEVELS.index(policy.enforce.level) <= LEVELS.index(old.enforce.level)
        if not (laxer and policy.enforce.version == old.enforce.version):
            review.call.warnings += self._existing_violations(new.metadata.name, policy.enforce)

    def _existing_violations(self, namespace: str, enforce: Standard) -> list[str]:
        pods: dict[str, list[str]] = {}
        for pod in self._objects.list(Pod, namespace)[:MOST_PODS]:
            if violations := enforce.violations(pod):
                pods.setdefault(", ".join(reason for reason, _ in violations), []).append(pod.metadata.name)
        if not pods:
            return []
        shown = sorted(f"{min(names)}{_and_others(len(names) - 1)}: {reasons}" for reasons, names in pods.items())
        return [f'existing pods in namespace "{namespace}" violate the new PodSecurity enforce level "{enforce}"', *shown]


def _and_others(count: int) -> str:
    return {0: "", 1: " (and 1 other pod)"}.get(count, f" (and {count} other pods)")


def _detail(violations: list[tuple[str, str]]) -> str:
    return ", ".join(f"{reason} ({detail})" for reason, detail in violations)


def _warn(review: Review, standard: Standard, template: Any) -> None:
    if violations := standard.violations(template):
        review.call.warnings.append(f'would violate PodSecurity "{standard}": {_detail(violations)}')


def _template_of(obj: Any) -> PodTemplateSpec | None:
    if hasattr(obj, "template"):
        found: PodTemplateSpec | None = obj.template
        return found
    spec = obj.spec.jobTemplate.spec if hasattr(obj.spec, "jobTemplate") else obj.spec
    of_spec: PodTemplateSpec | None = spec.template
    return of_spec


def _changed(new: Pod, old: Pod) -> bool:
    """Tell whether an update brings containers or images that were not judged yet."""
    ephemeral = {container.name: container.image for container in old.spec.ephemeralContainers}
    return (
        [container.image for container in new.spec.containers] != [container.image for container in old.spec.containers]
        or [container.image for container in new.spec.initContainers] != [container.image for container in old.spec.initContainers]
        or any(ephemeral.get(container.name) != container.image for container in new.spec.ephemeralContainers)
    )
