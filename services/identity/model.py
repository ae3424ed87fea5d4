"""Institutions, clients and signing keys, and who may give what to whom. Nothing here reads a clock or a store.

A node's id is its path: `institution/body/service`. The *operator* of an installation has a root of its own, outside
of every institution: its clients run the tree and the clients, and see no one's cases, because no case lies below
that root.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.errors import RelaisError
from shared.events.payload import NodePath
from shared.idempotency import CommandRecord
from shared.security.caller import OWNED_INDEXES, Caller, Owner, Scope, covers
from shared.store.port import Document, Index

OPERATOR_NODE = "operator"
"""The operator's own root. No institution can take this name: it is made by the first start."""

KEPT_SECRETS = 2
"""The secret in use, and the one it replaces until its grace ends."""


class IdentityError(RelaisError):
    """The base of what identity refuses."""


class OutsideOwnTree(IdentityError):
    """Something would be made outside of the administrator's own part of the tree."""

    status: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__(
            "A client may only make nodes below its own node, and clients at its own node or below."
        )


class MayNotGrant(IdentityError):
    """An administrator can't hand out what it does not hold."""

    status: ClassVar[int] = 403

    def __init__(self, scopes: Collection[str], venues: Collection[str]) -> None:
        parts = [f"the scopes {', '.join(sorted(scopes))}"] if scopes else []
        parts += [f"the venues {', '.join(sorted(venues))}"] if venues else []
        super().__init__(
            f"This token does not hold {' and '.join(parts)}: a client can only give, or take over, what its own "
            "token carries.",
            scopes=sorted(scopes),
            venues=sorted(venues),
        )


class ParentMissing(IdentityError):
    """A node is made below one that does not exist."""

    status: ClassVar[int] = 409

    def __init__(self, parent: str) -> None:
        super().__init__(f"There is no node {parent} yet: make it first.", parent=parent)


class NodeExists(IdentityError):
    """The path is taken."""

    status: ClassVar[int] = 409

    def __init__(self, node: str) -> None:
        super().__init__(f"The node {node} exists already.")


class ClientDisabled(IdentityError):
    """A disabled client gets no new secret."""

    status: ClassVar[int] = 409

    def __init__(self, client_id: str, at: datetime) -> None:
        super().__init__(f"Client {client_id} was disabled on {at:%Y-%m-%d}; make a new one.")


class NodeKind(StrEnum):
    """What a node is. The first three are roots; a body lies under a root, a service under a body."""

    INSTITUTION = "institution"
    PARTNER = "partner"
    OPERATOR = "operator"
    BODY = "body"
    SERVICE = "service"


class ClientKind(StrEnum):
    """Whose software a client is."""

    INSTITUTION = "institution"
    PARTNER = "partner"
    OPERATOR = "operator"


class MadeBy(BaseModel):
    """Who made something: a client, and the agent it named."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    client_id: str
    agent: str


class Institution(Document):
    """A node of the tree. `id` is its path; `creation` and `fingerprint` name the request that made it."""

    kind: ClassVar[str] = "institutions"
    indexes: ClassVar[tuple[Index, ...]] = (*OWNED_INDEXES, Index("all"))

    owner: Owner
    name: str
    node_kind: NodeKind
    made_by: MadeBy
    creation: str = ""
    fingerprint: str = ""


class Secret(BaseModel):
    """A client secret: its HMAC, and until when it is accepted (None: until it is replaced)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    digest: str
    created_at: AwareDatetime
    ends_at: AwareDatetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Tell whether the secret is accepted at this moment."""
        return self.ends_at is None or now < self.ends_at


class Client(Document):
    """Software that calls Relais as one node. `venues` are those a partner answers for."""

    kind: ClassVar[str] = "clients"
    indexes: ClassVar[tuple[Index, ...]] = (*OWNED_INDEXES, Index("all"))

    owner: Owner
    client_kind: ClientKind
    name: str
    scopes: frozenset[Scope]
    venues: frozenset[str] = frozenset()
    secrets: tuple[Secret, ...]
    made_by: MadeBy
    disabled_at: AwareDatetime | None = None
    fingerprint: str = ""
    commands: tuple[CommandRecord, ...] = ()

    def live_digests(self, now: datetime) -> list[str]:
        """Return the digests of the secrets accepted now: none once disabled."""
        if self.disabled_at is not None:
            return []
        return [secret.digest for secret in self.secrets if secret.is_live(now)]

    def with_secret(self, digest: str, now: datetime, grace: timedelta) -> "Client":
        """Return the client with a new secret; the one in use is still accepted for `grace`.

        Raises:
            ClientDisabled: it no longer gets tokens.
        """
        if self.disabled_at is not None:
            raise ClientDisabled(self.id, self.disabled_at)
        in_use = self.secrets[-1].model_copy(update={"ends_at": now + grace})
        secrets = (in_use, Secret(digest=digest, created_at=now))[-KEPT_SECRETS:]
        return self.model_copy(update={"secrets": secrets})

    def disabled(self, now: datetime) -> "Client":
        """Return the client without access; a repeat keeps the first time."""
        return self if self.disabled_at is not None else self.model_copy(update={"disabled_at": now})

    def as_caller(self, scopes: Collection[Scope]) -> Caller:
        """Return what a token of this client says, narrowed to these scopes."""
        return Caller(self.id, self.owner.node, frozenset(scope.value for scope in scopes), self.venues)


class SigningKey(Document):
    """A key that signs tokens. `id` is its `kid`; `sealed` its private PEM, encrypted under the master key."""

    kind: ClassVar[str] = "signing_keys"

    sealed: str
    retired_at: AwareDatetime | None = None


def is_operator(caller: Caller) -> bool:
    """Tell whether a caller runs the installation."""
    return caller.node == OPERATOR_NODE


def sees_node(caller: Caller, node: str) -> bool:
    """Tell whether a caller may know of a node: the operator knows all, others their own subtree."""
    return is_operator(caller) or covers(caller.node, node)


def check_may_make_node(caller: Caller, node: str) -> None:
    """Let an administrator make a node strictly below its own; the operator makes any, roots included.

    Raises:
        OutsideOwnTree: it lies elsewhere.
    """
    if not is_operator(caller) and (node == caller.node or not covers(caller.node, node)):
        raise OutsideOwnTree


def check_may_give(caller: Caller, node: str, scopes: Collection[Scope], venues: Collection[str]) -> None:
    """Let an administrator hand out, at its node or below, what its own token carries; the operator anything.

    Also asked before a secret is replaced: whoever gets a client's secret gets its rights.

    Raises:
        OutsideOwnTree: the node lies elsewhere.
        MayNotGrant: a scope or a venue is not the administrator's.
    """
    if is_operator(caller):
        return
    if not covers(caller.node, node):
        raise OutsideOwnTree
    missing = {scope.value for scope in scopes} - caller.scopes
    foreign = set(venues) - caller.venues
    if missing or foreign:
        raise MayNotGrant(missing, foreign)


def parent_of(node: NodePath) -> str | None:
    """Return the path of the node above; None for a root."""
    return node.rpartition("/")[0] or None


def kind_below(node: NodePath) -> NodeKind:
    """Return what a node that is not a root is, by its depth."""
    return NodeKind.BODY if node.count("/") == 1 else NodeKind.SERVICE


def problem_of_client(
    kind: ClientKind, node: str, scopes: Collection[Scope], venues: Collection[str]
) -> str | None:
    """Return why a client can't be what is asked, or None.

    Venues and the right to answer for them go together and to partners only: with them a client reads referrals of
    every institution that addresses those venues.
    """
    if (kind is ClientKind.PARTNER) != bool(venues):
        return "venues: a partner's client names at least one venue, and no other client has any"
    if Scope.REFERRALS_ANSWER in scopes and kind is not ClientKind.PARTNER:
        return "scopes: referrals:answer is for the clients of partners"
    if (kind is ClientKind.OPERATOR) != covers(OPERATOR_NODE, node):
        return f"node: the operator's clients, and no others, lie at the node {OPERATOR_NODE}"
    return None
