"""Which IP families a Service has: filled in from its policy, its addresses and what the cluster is configured for (KEP-563)."""

from __future__ import annotations

from collections.abc import Sequence

from sagong.api.errors import invalid
from sagong.api.field_errors import Errors
from sagong.api.types.core import Service
from sagong.server.allocators.cluster_ips import family_of

_BOTH = ("IPv4", "IPv6")
_POLICY = "spec.ipFamilyPolicy"


def _check_families(errors: Errors, families: Sequence[str], configured: Sequence[str]) -> None:
    for index, family in enumerate(families):
        if family not in _BOTH:
            errors.not_supported(f"spec.ipFamilies[{index}]", family, _BOTH)
        elif family not in configured:
            errors.invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")


def sync_cluster_ips(new: Service, old: Service | None) -> None:
    """Bring clusterIP and clusterIPs in step: an old client knows the first only."""
    after = new.spec
    if old is None:
        if after.clusterIP and not after.clusterIPs:
            after.clusterIPs = [after.clusterIP]
        return
    before = old.spec
    if before.clusterIPs and not after.clusterIPs and before.clusterIP == after.clusterIP:
        after.clusterIPs = list(before.clusterIPs)
    if before.clusterIP != after.clusterIP and before.clusterIPs == after.clusterIPs:
        after.clusterIPs = [after.clusterIP] if after.clusterIP or not before.clusterIP else []


def settled(new: Service, old: Service | None) -> bool:
    """Say whether a PreferDualStack Service stays as it is: it follows no change of the cluster by itself."""
    if old is None or new.spec.ipFamilyPolicy is None or new.spec.type != old.spec.type or new.spec.type == "ExternalName":
        return False
    if new.spec.ipFamilyPolicy != "PreferDualStack" or old.spec.ipFamilyPolicy not in (None, "PreferDualStack"):
        return False
    return (new.spec.clusterIPs, new.spec.ipFamilies) == (old.spec.clusterIPs, old.spec.ipFamilies)


def init_families(new: Service, old: Service | None, configured: Sequence[str]) -> None:
    """Fill in ipFamilyPolicy and ipFamilies; `configured` are the cluster's families, the default first. Raises InvalidError."""
    spec = new.spec
    if spec.type == "ExternalName" or settled(new, old):
        return
    bare = spec.clusterIP == "None" and not spec.selector
    if spec.ipFamilyPolicy is None:
        inherited = old.spec.ipFamilyPolicy if old else None
        spec.ipFamilyPolicy = inherited or ("RequireDualStack" if bare else "SingleStack")
    errors = Errors()
    if old is not None:
        _release_second(new, old, errors)
    _check_single(new, errors)
    _infer(new, configured, errors)
    _raise(new, errors)
    dual = spec.ipFamilyPolicy != "SingleStack"
    if bare:
        spec.ipFamilies = spec.ipFamilies or [configured[0]]
        if dual:
            _add_other(new)
        return
    if spec.ipFamilyPolicy == "RequireDualStack" and len(configured) < len(_BOTH):
        errors.invalid(_POLICY, spec.ipFamilyPolicy, "this cluster is not configured for dual-stack services")
    _check_families(errors, spec.ipFamilies, configured)
    _raise(new, errors)
    spec.ipFamilies = spec.ipFamilies or [configured[0]]
    if dual and len(configured) == len(_BOTH):
        _add_other(new)


def _release_second(new: Service, old: Service, errors: Errors) -> None:
    after, before = new.spec, old.spec
    if after.ipFamilyPolicy == "SingleStack":
        if after.clusterIPs == before.clusterIPs:
            after.clusterIPs = after.clusterIPs[:1]
        if after.ipFamilies == before.ipFamilies:
            after.ipFamilies = after.ipFamilies[:1]
        return
    if 0 < len(after.clusterIPs) < len(before.clusterIPs):
        errors.invalid(_POLICY, after.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP")
    if 0 < len(after.ipFamilies) < len(before.ipFamilies):
        errors.invalid(_POLICY, after.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family")


def _check_single(new: Service, errors: Errors) -> None:
    spec = new.spec
    if spec.ipFamilyPolicy != "SingleStack":
        return
    for values, what in ((spec.clusterIPs, "cluster IPs"), (spec.ipFamilies, "IP families")):
        if len(values) == len(_BOTH):
            message = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {what} are specified"
            errors.invalid(_POLICY, spec.ipFamilyPolicy, message)


def _infer(new: Service, configured: Sequence[str], errors: Errors) -> None:
    """Take families from addresses where none are given."""
    spec = new.spec
    for index, address in enumerate(spec.clusterIPs):
        if address == "None":
            return
        if index < len(spec.ipFamilies):
            continue
        family = family_of(address)
        if family in configured:
            spec.ipFamilies.append(family)
        else:
            errors.invalid(f"spec.clusterIPs[{index}]", spec.clusterIPs, f"{family} is not configured on this cluster")


def _add_other(new: Service) -> None:
    if len(new.spec.ipFamilies) == 1:
        new.spec.ipFamilies += [family for family in _BOTH if family not in new.spec.ipFamilies]


def _raise(new: Service, errors: Errors) -> None:
    if errors:
        raise invalid("", "Service", new.metadata.name, errors)
