"""The webhooks that are configured now, compiled: read from the store at each write, so that a new configuration holds at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from sagong.api import selectors
from sagong.api.errors import ApiError, Cause
from sagong.api.resources import Resource, resource_of
from sagong.api.selectors import Selector, SelectorError
from sagong.api.types.admissionregistration import (
    MutatingWebhook,
    MutatingWebhookConfiguration,
    ValidatingWebhook,
    ValidatingWebhookConfiguration,
)
from sagong.api.types.meta import LabelSelector
from sagong.server.admission.matching import matched, namespace_selected, object_selected
from sagong.server.admission.plugin import Review
from sagong.server.contract import Objects
from sagong.store.base import Store

Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration


@dataclass
class Hook:
    """One webhook of a configuration. `index` is its place among all of the same type."""

    configuration: str
    index: int
    uid: str
    spec: MutatingWebhook | ValidatingWebhook
    conditions: Any = None
    """The compiled match conditions, once they were needed."""

    @property
    def fails_open(self) -> bool:
        """Whether a write goes on when the webhook cannot be asked."""
        return self.spec.failurePolicy == "Ignore"

    @cached_property
    def namespaces(self) -> Selector:
        """Which namespaces. Raises ApiError."""
        return _selector(self.spec.namespaceSelector)

    @cached_property
    def objects(self) -> Selector:
        """Which objects. Raises ApiError."""
        return _selector(self.spec.objectSelector)

    def concerns(self, review: Review, objects: Objects) -> Resource | None:
        """Return the version of the write to show to the webhook; None when it is not concerned. Raises NotFoundError."""
        row = matched(self.spec.rules, review, self.spec.matchPolicy)
        if row is None or not object_selected(self.objects, review) or not namespace_selected(self.namespaces, review, objects):
            return None
        return row


class Hooks:
    """All webhooks of one type, by the names of their configurations."""

    def __init__(self, store: Store, kind: type[Configuration]) -> None:
        self._store, self._kind = store, kind
        self._prefix = resource_of(kind).storage_prefix
        self._revisions: list[int] = []
        self._hooks: list[Hook] = []

    def all(self) -> list[Hook]:
        """Return them as they are at this moment."""
        entries = self._store.list(self._prefix)
        revisions = [entry.revision for entry in entries]
        if revisions != self._revisions:
            self._hooks = _compile([msgspec.json.decode(entry.value, type=self._kind) for entry in entries])
            self._revisions = revisions
        return self._hooks


def _compile(configurations: list[Any]) -> list[Hook]:
    hooks: list[Hook] = []
    for configuration in configurations:
        name = configuration.metadata.name
        seen: dict[str, int] = {}
        for spec in configuration.webhooks:
            seen[spec.name] = seen.get(spec.name, -1) + 1
            hooks.append(Hook(name, len(hooks), f"{name}/{spec.name}/{seen[spec.name]}", spec))
    return hooks


def _selector(selector: LabelSelector | None) -> Selector:
    try:
        return selectors.from_label_selector(selector)
    except SelectorError as error:
        raise internal_error(str(error)) from error


def internal_error(text: str) -> ApiError:
    """Return upstream's `Internal error occurred: ...`."""
    return ApiError(f"Internal error occurred: {text}", causes=[Cause("", text)])
