"""What the queue asks of plugins, looked up in tables: thousands of changes meet thousands of waiting pods."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from sagong.scheduler.events import Change
from sagong.scheduler.framework import GateHint, Plugin, PreEnqueue, QueueingHint
from sagong.scheduler.pod_info import PodInfo
from sagong.scheduler.profile import Profile

_Hint = Callable[[PodInfo, Change], bool]
_Registered = tuple[Mapping[str, int], _Hint | None]
"""What a plugin waits for, and how it looks closer."""


class Hints:
    """Over the profiles that are served."""

    def __init__(self, profiles: Iterable[Profile], others: Mapping[str, Mapping[str, int]] = MappingProxyType({})) -> None:
        """Take what `others` than plugins wait for, by name."""
        profiles = list(profiles)
        more = {name: (events, None) for name, events in others.items()}
        self._plugins: dict[str, dict[str, _Registered]] = {profile.name: {**_registered(profile), **more} for profile in profiles}
        self._gates: dict[str, Sequence[PreEnqueue]] = {profile.name: profile.at(PreEnqueue) for profile in profiles}
        self._gate_hints = {plugin.name: plugin for profile in profiles for plugin in profile.at(GateHint)}
        self._events: dict[str, Mapping[str, int]] = {}
        for registered in self._plugins.values():
            self._events.update((name, events) for name, (events, _) in registered.items())

    @property
    def interest(self) -> dict[str, set[int]]:
        """By kind, the unions of actions that some plugin waits for."""
        found: dict[str, set[int]] = {}
        for events in self._events.values():
            for kind, actions in events.items():
                found.setdefault(kind, set()).add(actions)
        return found

    def gate_of(self, info: PodInfo) -> str:
        """Return the plugin that keeps a pod out of the active queue, "" for none."""
        for plugin in self._gates.get(info.pod.spec.schedulerName, ()):
            if plugin.pre_enqueue(info) is not None:
                return plugin.name
        return ""

    def concerned(self, gate: str, change: Change) -> Collection[str] | None:
        """Return the pods, by uid, whose gate a change may open; None for all of them."""
        if not self._waits_for(gate, change):
            return ()
        hint = self._gate_hints.get(gate)
        return None if hint is None else hint.concerned(change)

    def listens(self, rejected_by: Collection[str], change: Change) -> bool:
        """Say whether any of these plugins waits for such changes."""
        return any(self._waits_for(name, change) for name in rejected_by)

    def may_help(self, info: PodInfo, rejected_by: Collection[str], change: Change) -> bool:
        """Say whether a change may make a pod schedulable that these plugins rejected."""
        registered = self._plugins.get(info.pod.spec.schedulerName, {})
        for name in rejected_by:
            events, hint = registered.get(name, _NOTHING)
            if change.is_one_of(events.get(change.kind, 0)) and (hint is None or hint(info, change)):
                return True
        return False

    def _waits_for(self, name: str, change: Change) -> bool:
        return change.is_one_of(self._events.get(name, {}).get(change.kind, 0))


def _registered(profile: Profile) -> dict[str, _Registered]:
    hints = {plugin.name: plugin.may_help for plugin in profile.at(QueueingHint)}
    return {plugin.name: (plugin.events, hints.get(plugin.name)) for plugin in profile.at(Plugin)}


_NOTHING: _Registered = ({}, None)
