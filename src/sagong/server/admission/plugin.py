"""What every admission plugin is: a declaration of the writes it has a say on, and two methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from msgspec import Struct, field

from sagong.api.errors import Cause, ForbiddenError, forbidden
from sagong.api.resources import Resource

if TYPE_CHECKING:
    from sagong.server.registry.write import Call

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
GroupResource = tuple[str, str]

PODS: GroupResource = ("", "pods")
NODES: GroupResource = ("", "nodes")
CLAIMS: GroupResource = ("", "persistentvolumeclaims")


def exempt(row: Resource) -> bool:
    """Tell whether nobody but the server has a say on such objects: the configurations of webhooks and policies themselves."""
    return row.group == "admissionregistration.k8s.io"


class Review(Struct):
    """One write before its chain. `obj` is None for a deletion, `old` for a creation; that of a connection are its options, as JSON.

    A plugin that changed the object after others had seen it sets `again`: then the chain mutates once more, in `round` 1.
    `memory` is what plugins remember from the first round.
    """

    operation: Operation
    row: Resource
    call: Call
    obj: Any
    old: Any
    again: bool = False
    round: int = 0
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        """The namespace of the object; "" at the cluster scope."""
        return self.call.namespace if self.row.namespaced else ""

    @property
    def name(self) -> str:
        """The object's name as messages give it: before it is generated, what it is generated from."""
        meta = getattr(self.obj, "metadata", None)
        return self.call.name or (meta and (meta.name or meta.generateName)) or "Unknown"

    def forbidden(self, message: str, causes: Sequence[Cause] = ()) -> ForbiddenError:
        """Return `pods "a" is forbidden: ...`."""
        error = forbidden(self.row.group, self.row.plural, self.name, message)
        error.causes = tuple(causes)
        return error


class Plugin:
    """One admission plugin. No `resources` means all; `subresources` None means any, "" is the object itself.

    `name` is upstream's, where that is not the name of the class.
    """

    name: ClassVar[str]
    operations: ClassVar[tuple[Operation, ...]] = ("CREATE",)
    resources: ClassVar[tuple[GroupResource, ...]] = ()
    subresources: ClassVar[tuple[str, ...] | None] = ("",)

    def __init_subclass__(cls) -> None:
        """Name it."""
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    def handles(self, operation: Operation, row: Resource, subresource: str) -> bool:
        """Say whether it has a say on such writes; asked once for each kind of write."""
        return (
            operation in self.operations
            and (not self.resources or (row.group, row.plural) in self.resources)
            and (self.subresources is None or subresource in self.subresources)
        )

    async def mutate(self, review: Review) -> None:
        """Change `review.obj`, or raise ForbiddenError."""

    async def validate(self, review: Review) -> None:
        """Raise ForbiddenError for what must not be."""
