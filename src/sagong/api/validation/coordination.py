"""Validation of leases."""

from __future__ import annotations

from sagong.api import names
from sagong.api.field_errors import Errors
from sagong.api.types import coordination
from sagong.api.validation.rules import Rules, each, not_negative

_STRATEGIES = ("OldestEmulationVersion",)


def _lease(errors: Errors, new: coordination.Lease, _: coordination.Lease | None) -> None:
    spec = new.spec
    if spec.leaseDurationSeconds is not None and spec.leaseDurationSeconds <= 0:
        errors.invalid("spec.leaseDurationSeconds", spec.leaseDurationSeconds, "must be greater than 0")
    not_negative(errors, "spec.leaseTransitions", spec.leaseTransitions)
    if spec.strategy is not None:
        _strategy(errors, "spec.strategy.strategy", spec.strategy)
    if spec.preferredHolder and not spec.strategy:
        errors.forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined")


def _strategy(errors: Errors, path: str, strategy: str) -> None:
    if "/" in strategy:
        each(errors, path, strategy, names.qualified_name)
    elif strategy not in _STRATEGIES:
        errors.not_supported(path, strategy, _STRATEGIES)


TABLE: dict[type, Rules] = {coordination.Lease: Rules(spec=_lease)}
