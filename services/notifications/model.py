"""Subscriptions and deliveries: who asked to be told, and what became of each message.

A *subscription* is one endpoint of an institution or a partner with what it wants to hear. An institution hears of
its own subtree; a partner of referrals addressed to its venues; nobody of anybody else's. A *delivery* is one event
on its way to one endpoint, with every *attempt* made; it holds the exact thin body, never anything personal.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.notifications.notices import Notice
from shared.errors import RelaisError
from shared.events.payload import Departement, NodePath
from shared.idempotency import CommandRecord
from shared.ids import derived_id
from shared.security.caller import OWNED_INDEXES, Owner, covers
from shared.store.port import Document, Index

EVERYTHING = "*"
SECRET_OVERLAP = timedelta(hours=24)
MAX_SECRETS = 5
FAILING_LIMIT = timedelta(days=5)
"""An endpoint that has not taken anything for this long is disabled.
Source: Standard Webhooks 1.0.0 asks to disable after consistent failure; five days is what its reference does."""


class NotificationsError(RelaisError):
    """The base of what this service refuses."""


class EndpointNotEnabled(NotificationsError):
    """A test was asked of an endpoint that receives nothing."""

    status = 409

    def __init__(self, subscription_id: str) -> None:
        super().__init__(
            f"Subscription {subscription_id} is disabled; POST /v1/subscriptions/{subscription_id}/enable first."
        )


class NotExhausted(NotificationsError):
    """Only an exhausted delivery can be redriven."""

    status = 409

    def __init__(self, delivery_id: str, state: "DeliveryState") -> None:
        super().__init__(
            f"Delivery {delivery_id} is {state.value}; only an exhausted one can be redriven.",
            state=state.value,
        )


class SubscriptionState(StrEnum):
    """`removed`: deleted by its owner, its lanes being cleared."""

    ACTIVE = "active"
    DISABLED = "disabled"
    REMOVED = "removed"


class DisabledReason(StrEnum):
    """Why an endpoint was disabled: it answered 410, or failed for `FAILING_LIMIT`."""

    GONE = "gone"
    FAILING = "failing"


class Audience(StrEnum):
    """What an owner may hear of: its subtree, or what is addressed to its venues."""

    INSTITUTION = "institution"
    PARTNER = "partner"


class SigningSecret(BaseModel):
    """A signing secret, sealed. `until` is set when a newer one replaced it; `made_by` names the request."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    sealed: str
    made_by: str
    until: AwareDatetime | None = None


class Subscription(Document):
    """One endpoint. `secrets` has the current one first. Empty filters let everything of the audience through."""

    kind: ClassVar[str] = "subscriptions"
    indexes: ClassVar[tuple[Index, ...]] = OWNED_INDEXES

    owner: Owner
    audience: Audience
    url: str
    event_types: tuple[str, ...]
    venue_ids: tuple[str, ...] = ()
    departements: tuple[Departement, ...] = ()
    subtree: NodePath | None = None
    secrets: tuple[SigningSecret, ...]
    state: SubscriptionState = SubscriptionState.ACTIVE
    disabled_reason: DisabledReason | None = None
    disabled_at: AwareDatetime | None = None
    failing_since: AwareDatetime | None = None
    changed_by: str
    fingerprint: str
    commands: tuple[CommandRecord, ...] = ()

    def wants(self, notice: Notice) -> bool:
        """Tell whether this endpoint is to be told: allowed to its audience, and let through by its filters.

        A département filter lets an event pass that does not say its département: unknown is never no.
        """
        if self.state is SubscriptionState.REMOVED or not self._may_hear(notice):
            return False
        if EVERYTHING not in self.event_types and notice.event_type not in self.event_types:
            return False
        if self.venue_ids and notice.venue_id not in self.venue_ids:
            return False
        return not self.departements or notice.departement is None or notice.departement in self.departements

    def _may_hear(self, notice: Notice) -> bool:
        if self.audience is Audience.PARTNER:
            return notice.venue_body is not None and notice.venue_id in self.venue_ids
        return covers(self.subtree or self.owner.node, notice.owner) and covers(self.owner.node, notice.owner)

    def body_of(self, notice: Notice) -> str:
        """Return what this endpoint is sent of a notice that it wants."""
        if self.audience is Audience.PARTNER and notice.venue_body is not None:
            return notice.venue_body
        return notice.body

    def signing(self, now: datetime) -> tuple[SigningSecret, ...]:
        """Return the secrets that sign now: the current one, and replaced ones within their overlap."""
        return tuple(secret for secret in self.secrets if secret.until is None or secret.until > now)

    def rotated(self, secret: SigningSecret, now: datetime) -> Self:
        """Return the subscription with a new current secret; the former one still signs for `SECRET_OVERLAP`.

        At most `MAX_SECRETS` are kept: rotating more often within the overlap ends the oldest ones early.
        """
        kept = tuple(
            old if old.until else old.model_copy(update={"until": now + SECRET_OVERLAP})
            for old in self.signing(now)
        )
        return self.model_copy(update={"secrets": (secret, *kept)[:MAX_SECRETS]})

    def failed(self, now: datetime, reason: DisabledReason) -> Self:
        """Return the subscription after a failed attempt: failing since then, or disabled when it is too long."""
        since = self.failing_since or now
        if reason is DisabledReason.FAILING and now - since < FAILING_LIMIT:
            return self.model_copy(update={"failing_since": since})
        return self.model_copy(
            update={
                "failing_since": since,
                "state": SubscriptionState.DISABLED,
                "disabled_reason": reason,
                "disabled_at": now,
            }
        )

    def enabled(self) -> Self:
        """Return the subscription receiving again, with a clean record."""
        return self.model_copy(
            update={
                "state": SubscriptionState.ACTIVE,
                "disabled_reason": None,
                "disabled_at": None,
                "failing_since": None,
            }
        )

    def removed(self) -> Self:
        """Return the subscription ended, without its secrets."""
        return self.model_copy(update={"state": SubscriptionState.REMOVED, "secrets": ()})


class DeliveryState(StrEnum):
    """`dropped`: its subscription was removed before it went out."""

    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    DROPPED = "dropped"


class AttemptOutcome(StrEnum):
    """What one attempt came to; all but `delivered` are failures."""

    DELIVERED = "delivered"
    GONE = "gone"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    CONNECTION_FAILED = "connection_failed"
    CERTIFICATE_INVALID = "certificate_invalid"
    NAME_NOT_FOUND = "name_not_found"
    ADDRESS_FORBIDDEN = "address_forbidden"


class Attempt(BaseModel):
    """One try: number from 1, when it began, how long it took, what it came to; `status` when one was received."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    number: int
    at: AwareDatetime
    duration_ms: int
    outcome: AttemptOutcome
    status: int | None = None


class Delivery(Document):
    """One event for one endpoint. `round_start` is how many attempts had been made when it was last redriven.

    `pending_since` is set while it is pending. `fence` is the highest that wrote: a lower one is a zombie's.
    """

    kind: ClassVar[str] = "deliveries"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("by_institution", ("owner.institution",)),
        Index("by_institution_state", ("owner.institution", "state")),
        Index("by_subscription", ("subscription_id",)),
        Index("by_subscription_state", ("subscription_id", "state")),
        Index("by_case", ("case_id",)),
        Index("pending", (), ("pending_since", "id"), sparse=True),
        Index("by_age"),
    )

    owner: Owner
    subscription_id: str
    lane_id: str
    event_id: str
    event_type: str
    aggregate_id: str
    case_id: str | None
    occurred_at: AwareDatetime
    body: str
    state: DeliveryState = DeliveryState.PENDING
    attempts: tuple[Attempt, ...] = ()
    round_start: int = 0
    fence: int = 0
    pending_since: AwareDatetime | None
    commands: tuple[CommandRecord, ...] = ()

    @property
    def failures_in_round(self) -> int:
        """Return how many attempts were made since the delivery was created or redriven."""
        return len(self.attempts) - self.round_start

    def attempted(self, attempt: Attempt, fence: int) -> Self | None:
        """Return the delivery with one more attempt, or None when the write comes from a zombie or too late."""
        if fence < self.fence or self.state is not DeliveryState.PENDING:
            return None
        numbered = attempt.model_copy(update={"number": len(self.attempts) + 1})
        update: dict[str, object] = {"attempts": (*self.attempts, numbered), "fence": fence}
        if attempt.outcome is AttemptOutcome.DELIVERED:
            update |= {"state": DeliveryState.DELIVERED, "pending_since": None}
        return self.model_copy(update=update)

    def ended(self, state: DeliveryState) -> Self:
        """Return the delivery in a state in which nothing more will be tried."""
        return self.model_copy(update={"state": state, "pending_since": None})

    def redriven(self, now: datetime) -> Self:
        """Return an exhausted delivery pending again, with the whole retry table before it.

        Raises:
            NotExhausted: it is in another state.
        """
        if self.state is not DeliveryState.EXHAUSTED:
            raise NotExhausted(self.id, self.state)
        return self.model_copy(
            update={
                "state": DeliveryState.PENDING,
                "round_start": len(self.attempts),
                "pending_since": now,
            }
        )


def delivery_id(event_id: str, subscription_id: str) -> str:
    """Return the id of the delivery of one event to one subscription: a repeat of the event makes the same."""
    return derived_id(event_id, subscription_id, "delivery")
