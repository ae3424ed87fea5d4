"""Who calls: the verified claims of a token, and the act of one agent in one service.

Institutions are trees (institution → body → service) and a node's id is its path, so that "sight follows the
subtree" is a comparison of prefixes that any service can make without asking identity.
"""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from shared.events.payload import NodePath
from shared.store.port import Index


class Scope(StrEnum):
    """What a client may be allowed to do; each route names exactly one."""

    ASSESSMENTS_READ = "assessments:read"
    ASSESSMENTS_WRITE = "assessments:write"
    VENUES_READ = "venues:read"
    VENUES_WRITE = "venues:write"
    MATCHES_READ = "matches:read"
    MATCHES_WRITE = "matches:write"
    REFERRALS_READ = "referrals:read"
    REFERRALS_WRITE = "referrals:write"
    REFERRALS_ANSWER = "referrals:answer"
    CASES_ERASE = "cases:erase"
    SUBSCRIPTIONS_MANAGE = "subscriptions:manage"
    EVENTS_READ = "events:read"
    STATISTICS_OWN = "statistics:own"
    STATISTICS_PUBLISHED = "statistics:published"
    INSTITUTIONS_MANAGE = "institutions:manage"
    CLIENTS_MANAGE = "clients:manage"


class Owner(BaseModel):
    """The node a document belongs to, at each level; each value is a full path, so one equality finds a subtree."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    institution: NodePath
    body: NodePath | None = None
    service: NodePath | None = None

    @classmethod
    def of(cls, node: str) -> "Owner":
        """Return the owner for a node path of one to three parts."""
        parts = node.split("/")
        return cls(
            institution=parts[0],
            body="/".join(parts[:2]) if len(parts) > 1 else None,
            service=node if len(parts) > 2 else None,
        )

    @property
    def node(self) -> str:
        """Return the deepest path known."""
        return self.service or self.body or self.institution


OWNED_INDEXES = (
    Index("by_institution", ("owner.institution",)),
    Index("by_body", ("owner.body",)),
    Index("by_service", ("owner.service",)),
)
"""For documents with an `owner: Owner` that are listed by what their caller may see."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified client. `venues` are those a partner answers for; an institution's client has none."""

    client_id: str
    node: str
    scopes: frozenset[str]
    venues: frozenset[str] = frozenset()

    @property
    def institution(self) -> str:
        """Return the root of this client's tree."""
        return self.node.split("/", 1)[0]

    def sees(self, owner: Owner) -> bool:
        """Tell whether the owner lies in this client's subtree."""
        return covers(self.node, owner.node)

    def owned(self) -> tuple[str, dict[str, str]]:
        """Return the index of `OWNED_INDEXES` and the values that list all this client may see."""
        level = ("institution", "body", "service")[self.node.count("/")]
        return f"by_{level}", {f"owner.{level}": self.node}


@dataclass(frozen=True, slots=True)
class Act:
    """One act: the client, the agent who does it (an opaque id of their institution) and the service they sit in."""

    caller: Caller
    agent: str
    service: str

    @property
    def owner(self) -> Owner:
        """Return the owner of what this act creates."""
        return Owner.of(self.service)


def covers(node: str, other: str) -> bool:
    """Tell whether `other` is `node` or lies below it."""
    return other == node or other.startswith(node + "/")
