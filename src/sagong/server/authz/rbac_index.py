"""Who is bound to what: the roles and bindings of the store, indexed by subject."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

import msgspec
from msgspec import Struct

from sagong.api.field_errors import quote
from sagong.api.types.rbac import ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject
from sagong.server.contract import User
from sagong.store.base import Store
from sagong.store.view import Apply, View

_SERVICE_ACCOUNT = "system:serviceaccount:"
_Subject = tuple[str, str]  # "User" or "Group", its name


class Grant(Struct, frozen=True):
    """A binding, seen from one of its subjects. `namespace` is "" for a ClusterRoleBinding."""

    name: str
    namespace: str
    role: RoleRef
    subject: Subject

    def __str__(self) -> str:
        """Return the words that follow "allowed by"."""
        kind, name = ("RoleBinding", f"{self.name}/{self.namespace}") if self.namespace else ("ClusterRoleBinding", self.name)
        subject = self.subject.name
        if self.subject.kind == "ServiceAccount":
            subject += f"/{self.subject.namespace or self.namespace}"
        return f"{kind} {quote(name)} of {self.role.kind} {quote(self.role.name)} to {self.subject.kind} {quote(subject)}"


class RoleMissingError(Exception):
    """A binding refers to a role that is not there; the message is upstream's."""


class RbacIndex:
    """Always as new as the store; `version` grows with every change."""

    def __init__(self, store: Store) -> None:
        self.version = 0
        self._names: frozenset[str] | None = None
        self._reset()
        self._view = View(
            store,
            {
                "/registry/clusterroles/": self._roles(ClusterRole),
                "/registry/roles/": self._roles(Role),
                "/registry/clusterrolebindings/": self._bindings(ClusterRoleBinding),
                "/registry/rolebindings/": self._bindings(RoleBinding),
            },
            self._reset,
        )

    @property
    def names(self) -> Collection[str]:
        """The names of objects that any rule speaks of."""
        if self._names is None:
            self._names = frozenset(name for rules in self._rules.values() for rule in rules for name in rule.resourceNames)
        return self._names

    def refresh(self) -> int:
        """Catch up with the store; return the version."""
        if self._view.catch_up():
            self.version += 1
            self._names = None
        return self.version

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """Iterate the bindings that name the user: cluster-wide ones, then those of the namespace if one is given."""
        subjects = [("User", user.name), *(("Group", group) for group in user.groups)]
        for scope in ("", namespace) if namespace else ("",):
            by_subject = self._grants.get(scope)
            if by_subject:
                for subject in subjects:
                    yield from by_subject.get(subject, {}).values()

    def rules(self, role: RoleRef, namespace: str) -> list[PolicyRule]:
        """Return the rules of a role that is bound in `namespace`. Raises RoleMissingError."""
        found = self._rules.get((role.kind, namespace if role.kind == "Role" else "", role.name))
        if found is not None:
            return found
        if role.kind not in ("Role", "ClusterRole"):
            raise RoleMissingError(f"unsupported role reference kind: {quote(role.kind)}")
        raise RoleMissingError(f"{role.kind.lower()}.rbac.authorization.k8s.io {quote(role.name)} not found")

    def _reset(self) -> None:
        self._rules: dict[tuple[str, str, str], list[PolicyRule]] = {}
        # namespace ("": cluster-wide) -> subject -> key of the binding -> grant
        self._grants: dict[str, dict[_Subject, dict[str, Grant]]] = defaultdict(lambda: defaultdict(dict))
        self._subjects: dict[str, list[tuple[str, _Subject]]] = {}

    def _roles(self, kind: type[ClusterRole | Role]) -> Apply:
        decoder = msgspec.json.Decoder(kind)

        def apply(key: str, value: bytes | None, _revision: int) -> None:
            *_, namespace, name = key.split("/")
            at = (kind.__name__, namespace if kind is Role else "", name)
            if value is None:
                self._rules.pop(at, None)
            else:
                self._rules[at] = decoder.decode(value).rules or []

        return apply

    def _bindings(self, kind: type[ClusterRoleBinding | RoleBinding]) -> Apply:
        decoder = msgspec.json.Decoder(kind)

        def apply(key: str, value: bytes | None, _revision: int) -> None:
            for place, old in self._subjects.pop(key, ()):
                self._grants[place][old].pop(key, None)
            if value is None:
                return
            binding = decoder.decode(value)
            namespace = binding.metadata.namespace if kind is RoleBinding else ""
            places = self._subjects[key] = []
            for named in binding.subjects:
                subject = _subject(named, namespace)
                if subject is not None and key not in self._grants[namespace][subject]:
                    self._grants[namespace][subject][key] = Grant(binding.metadata.name, namespace, binding.roleRef, named)
                    places.append((namespace, subject))

        return apply


def _subject(subject: Subject, namespace: str) -> _Subject | None:
    if subject.kind in ("User", "Group"):
        return subject.kind, subject.name
    own = subject.namespace or namespace
    if subject.kind == "ServiceAccount" and own:
        return "User", f"{_SERVICE_ACCOUNT}{own}:{subject.name}"
    return None
