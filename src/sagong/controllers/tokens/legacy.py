"""legacy-serviceaccount-token-cleaner: the end of tokens in Secrets that were made for an account and are used no more (KEP-2799).

A token that was not used for a year is marked as invalid first, which the API server obeys; a year after that it is deleted. What
the account does not list, or a pod mounts, is left alone. Nothing happens before use has been noted for as long.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sagong.api.clock import parse_time
from sagong.api.errors import NotFoundError
from sagong.api.pod_references import pod_references
from sagong.api.types.core import ConfigMap, Pod, Secret, ServiceAccount
from sagong.client.plan import Action, Delete, Patch, Plan
from sagong.controllers.declaration import Controller, Key, writes
from sagong.controllers.tokens.service_account import NAME, TYPE, UID
from sagong.controllers.view import Live, View

TRACKING = Key("kube-system", "kube-apiserver-legacy-service-account-token-tracking")
LAST_USED, INVALID_SINCE = "kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since"
UNUSED = timedelta(days=365)
PERIOD = timedelta(days=1).total_seconds()
_DAY = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class Token:
    """A Secret with a token, its account, and whether a pod uses it."""

    secret: Secret
    account: ServiceAccount
    mounted: bool


def plan(tokens: Sequence[Token], tracked_since: str, now: datetime) -> Plan:
    """Plan one look at all tokens."""
    since = _day(tracked_since)
    if since is None or now < since + timedelta(days=1) + UNUSED:
        return Plan(requeue_after=PERIOD)
    actions = [action for token in tokens for action in _plan_token(token, now)]
    return Plan(tuple(actions), requeue_after=PERIOD)


def _plan_token(token: Token, now: datetime) -> Iterator[Action]:
    meta, oldest = token.secret.metadata, now - UNUSED
    day = oldest.strftime(_DAY)
    if parse_time(meta.creationTimestamp) >= oldest or meta.deletionTimestamp is not None or token.mounted:
        return
    used = meta.labels.get(LAST_USED)
    if used is not None and (_day(used) is None or used >= day):
        return
    if meta.name not in [reference.name for reference in token.account.secrets]:
        return
    invalid = meta.labels.get(INVALID_SINCE, "")
    if _day(invalid) is None:
        patch = {"metadata": {"uid": meta.uid, "labels": {INVALID_SINCE: now.strftime(_DAY)}}}
        yield Patch(Secret, meta.name, meta.namespace, patch, ignore=(NotFoundError,))
    elif invalid < day:
        yield Delete(Secret, meta.name, meta.namespace, resource_version=meta.resourceVersion)


def _day(text: str) -> datetime | None:
    try:
        return parse_time(datetime.strptime(text, _DAY).strftime(_DAY))  # noqa: DTZ007 - a day in UTC, which parse_time adds
    except ValueError:
        return None


async def reconcile(live: Live, _key: Key) -> Plan:
    """Look at all tokens."""
    try:
        tracking = await live.client.get(ConfigMap, TRACKING.name, TRACKING.namespace)
    except NotFoundError:
        return Plan(requeue_after=PERIOD)
    return plan(list(_tokens(live)), tracking.data.get("since", ""), live.now)


def _tokens(view: View) -> Iterator[Token]:
    mounted: dict[str, Collection[str]] = {}
    for secret in view.list(Secret):
        meta = secret.metadata
        if secret.type != TYPE:
            continue
        account = view.get(ServiceAccount, meta.namespace, meta.annotations.get(NAME, ""))
        if account is None or meta.annotations.get(UID, account.metadata.uid) not in ("", account.metadata.uid):
            continue
        if meta.namespace not in mounted:
            mounted[meta.namespace] = _mounted(view.list(Pod, meta.namespace))
        yield Token(secret, account, meta.name in mounted[meta.namespace])


def _mounted(pods: Sequence[Pod]) -> Collection[str]:
    return {name for pod in pods for plural, name in pod_references(pod) if plural == "secrets"}


CLEANER = Controller(
    name="legacy-serviceaccount-token-cleaner",
    account="legacy-service-account-token-cleaner",
    watches=(),
    reads=(Secret, ServiceAccount, Pod),
    writes=writes(("delete patch", Secret)),
    reconcile_live=reconcile,
    workers=1,
    start=(TRACKING,),
)
