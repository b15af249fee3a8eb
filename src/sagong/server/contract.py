"""What the request pipeline asks of its parts. Each part is plugged in by `server/app.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct, field

from sagong.api.types.authentication import TokenRequest, TokenReview
from sagong.api.types.base import ApiStruct
from sagong.api.types.core import Service
from sagong.api.types.rbac import PolicyRule
from sagong.server.messages import Answer, Request

T = TypeVar("T", bound=ApiStruct)


class User(Struct, frozen=True):
    """Who asks, as authentication found: user.Info of upstream."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Attributes(Struct, frozen=True):
    """What is asked, as authorization sees it. `path` is set for every request, the rest only where `resource_request`.

    The selectors are those of list, watch and deletecollection requests, as text (KEP-4601).
    """

    user: User
    verb: str
    path: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    resource_request: bool = True
    field_selector: str = ""
    label_selector: str = ""


class Decision(Struct, frozen=True):
    """Whether it may, and why (or why not); `reason` ends up in the Forbidden message.

    Not allowed is no opinion: somebody else may still allow, unless it is `denied`. `error` is what kept the authorizer from an opinion.
    """

    allowed: bool
    reason: str = ""
    denied: bool = False
    error: str = ""


FLOW_CONSUMER = "api-priority-and-fairness-config-consumer-v1"
"""The manager of what priority and fairness says in the status of its configuration."""


class Authenticator(Protocol):
    """Finds out who asks."""

    async def authenticate(self, request: Request) -> User | None:
        """Return the user; None when the request carries no credentials. Raises UnauthorizedError for bad ones."""
        ...


class Authorizer(Protocol):
    """Decides whether a user may."""

    async def authorize(self, attributes: Attributes) -> Decision:
        """Decide; fast, since it is on every request."""
        ...


class RuleLister(Protocol):
    """Lists what a user may. `partial`: there is an authorizer that decides but cannot list, and its name."""

    partial: str

    def rules_of(self, user: User, namespace: str) -> tuple[Sequence[PolicyRule], str]:
        """Return every rule that applies in a namespace, and what went wrong in finding them ("" if nothing)."""
        ...


class TokenReviewer(Protocol):
    """Answers TokenReviews."""

    async def review_token(self, review: TokenReview) -> TokenReview:
        """Return the review answered. Raises BadRequestError."""
        ...


class Issuer(Protocol):
    """Issues service account tokens."""

    def issue(self, namespace: str, name: str, asked: TokenRequest) -> tuple[TokenRequest, Sequence[str]]:
        """Return the answered request, and warnings. Raises NotFoundError, InvalidError, BadRequestError, ConflictError."""
        ...


class Connector(Protocol):
    """Serves the connect subresources: pods exec, attach, portforward, log, proxy; services and nodes proxy."""

    async def connect(self, request: Request, attributes: Attributes, parent: ApiStruct, path: str) -> Answer:
        """Serve `attributes.subresource` of `parent` (a Pod, Service or Node); `path` is what follows `/proxy`."""
        ...


class Reservation(Protocol):
    """Addresses and ports taken for one write of a Service."""

    def commit(self) -> None:
        """Settle after the write went through: let go of what the old object held and the new one does not."""
        ...

    def revert(self) -> None:
        """Undo after the write failed: let go of what was taken for it."""
        ...


class ServiceAllocator(Protocol):
    """Hands out ClusterIPs, NodePorts and health-check ports."""

    async def allocate(self, new: Service, old: Service | None, *, dry_run: bool) -> Reservation:
        """Fill addresses and ports of `new` in place. Raises InvalidError when one that is asked for is taken."""
        ...

    async def release(self, service: Service) -> None:
        """Let go of what a deleted Service held."""
        ...


class Objects(Protocol):
    """Typed access to the server's own state, for the parts that live inside it (`server/objects.py`).

    What is read is shared and must not be changed: `copy()` first. Writes pass defaulting, validation and strategies,
    not authorization or admission.
    """

    def get(self, kind: type[T], name: str, namespace: str = "") -> T | None:
        """Return the object, with its resourceVersion."""
        ...

    def list(self, kind: type[T], namespace: str = "") -> Sequence[T]:
        """Return all of a kind (in one namespace)."""
        ...

    async def create(self, obj: T) -> T:
        """Create. Raises AlreadyExistsError, InvalidError."""
        ...

    async def update(self, obj: T, subresource: str = "") -> T:
        """Replace; with a resourceVersion, only that version. Raises ConflictError, NotFoundError, InvalidError."""
        ...

    async def apply_status(self, obj: T, manager: str) -> T:
        """Apply a status, by force: of `obj`, nothing else counts. Raises NotFoundError, InvalidError."""
        ...

    async def delete(self, kind: type[ApiStruct], name: str, namespace: str = "") -> None:
        """Delete. Raises NotFoundError."""
        ...
