"""Pods that ask for an AppArmor profile are not let in where the kernel has no AppArmor: nothing would hold them to it."""

from __future__ import annotations

from pathlib import Path

from sagong.api.pods import all_containers
from sagong.api.types.core import Pod
from sagong.node.admission import Rejection

_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
_FILES = Path("/sys/kernel/security/apparmor")
_SWITCH = Path("/sys/module/apparmor/parameters/enabled")


def enabled(files: Path = _FILES, switch: Path = _SWITCH) -> bool:
    """Tell whether the kernel enforces profiles."""
    try:
        return files.exists() and switch.read_text().startswith("Y")
    except OSError:
        return False


def admit_apparmor(pod: Pod, *, able: bool) -> Rejection | None:
    """Return why the pod's profiles cannot be enforced, or None; `able`: the kernel enforces profiles."""
    if able or not _required(pod):
        return None
    return Rejection("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host")


def _required(pod: Pod) -> bool:
    contexts = [pod.spec.securityContext, *(container.securityContext for container in all_containers(pod))]
    profiles = [context.appArmorProfile.type for context in contexts if context is not None and context.appArmorProfile is not None]
    annotated = [value for key, value in pod.metadata.annotations.items() if key.startswith(_ANNOTATION)]
    return any(profile != "Unconfined" for profile in profiles) or any(value != "unconfined" for value in annotated)
