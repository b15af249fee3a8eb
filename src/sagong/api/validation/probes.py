"""Validation of probes and lifecycle hooks: what is done, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import core
from sagong.api.validation.rules import not_negative, one_of, port_or_name, required

_SECONDS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_NAMED_SIGNALS = (
    "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP TSTP TTIN TTOU URG "
    "USR1 USR2 VTALRM WINCH XCPU XFSZ RTMAX RTMIN"
)
_REAL_TIME = (*(f"SIGRTMAX-{i}" for i in range(1, 15)), *(f"SIGRTMIN+{i}" for i in range(1, 16)))
_LINUX_SIGNALS = tuple(sorted((*_REAL_TIME, *(f"SIG{name}" for name in _NAMED_SIGNALS.split()))))
_WINDOWS_SIGNALS = ("SIGKILL", "SIGTERM")


def probes(errors: Errors, path: str, container: core.Container) -> None:
    """Check a container's three probes."""
    _probe(errors, f"{path}.livenessProbe", container.livenessProbe, once=True)
    _probe(errors, f"{path}.readinessProbe", container.readinessProbe, once=False)
    _probe(errors, f"{path}.startupProbe", container.startupProbe, once=True)


def _probe(errors: Errors, path: str, probe: core.Probe | None, *, once: bool) -> None:
    """Check a probe; with `once` one success is enough, and the probe may end the container."""
    if probe is None:
        return
    _handler(errors, path, probe, None)
    for name in _SECONDS:
        not_negative(errors, f"{path}.{name}", getattr(probe, name))
    seconds = probe.terminationGracePeriodSeconds
    if seconds is not None and seconds <= 0:
        errors.invalid(f"{path}.terminationGracePeriodSeconds", seconds, "must be greater than 0")
    if once and probe.successThreshold != 1:
        errors.invalid(f"{path}.successThreshold", probe.successThreshold, "must be 1")
    if not once and seconds is not None:
        errors.invalid(f"{path}.terminationGracePeriodSeconds", seconds, "must not be set for readinessProbes")


def lifecycle(errors: Errors, path: str, found: core.Lifecycle | None, spec: core.PodSpec) -> None:
    """Check a container's hooks and its stop signal."""
    if found is None:
        return
    for name in ("postStart", "preStop"):
        if handler := getattr(found, name):
            _handler(errors, f"{path}.{name}", handler, spec.terminationGracePeriodSeconds)
    if found.stopSignal is None:
        return
    if spec.os is None:
        errors.forbidden(f"{path}.stopSignal", "may not be set for containers with empty `spec.os.name`")
    elif spec.os.name == "windows":
        one_of(errors, f"{path}.stopSignal", found.stopSignal, _WINDOWS_SIGNALS)
    elif spec.os.name == "linux":
        one_of(errors, f"{path}.stopSignal", found.stopSignal, _LINUX_SIGNALS)


def _handler(errors: Errors, path: str, holder: core.Probe | core.LifecycleHandler, grace: int | None) -> None:
    count = 0
    for name, check in _HANDLERS.items():
        action = getattr(holder, name, None)
        if action is None:
            continue
        if count:
            errors.forbidden(f"{path}.{name}", "may not specify more than 1 handler type")
        else:
            check(errors, f"{path}.{name}", action, grace)
        count += 1
    if not count:
        errors.required(path, "must specify a handler type")


def _exec(errors: Errors, path: str, action: core.ExecAction, _: int | None) -> None:
    required(errors, path, action, "command")


def _http_get(errors: Errors, path: str, action: core.HTTPGetAction, _: int | None) -> None:
    required(errors, path, action, "path")
    port_or_name(errors, f"{path}.port", action.port)
    one_of(errors, f"{path}.scheme", action.scheme, ("HTTP", "HTTPS"))
    for header in action.httpHeaders:
        errors.each(f"{path}.httpHeaders", header.name, names.http_header_name(header.name))


def _port(errors: Errors, path: str, action: core.TCPSocketAction | core.GRPCAction, _: int | None) -> None:
    port_or_name(errors, f"{path}.port", action.port)


def _sleep(errors: Errors, path: str, action: core.SleepAction, grace: int | None) -> None:
    if grace is not None and not 0 <= action.seconds <= grace:
        errors.invalid(path, action.seconds, f"must be non-negative and less than terminationGracePeriodSeconds ({grace})")


_HANDLERS: dict[str, Callable[[Errors, str, Any, int | None], None]] = {
    "exec": _exec,
    "httpGet": _http_get,
    "tcpSocket": _port,
    "grpc": _port,
    "sleep": _sleep,
}
