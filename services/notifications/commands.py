"""What a client may order: subscribe, rotate, test, enable, remove, redrive. Every order is repeatable."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field

from services.notifications.channels.endpoint_url import check_endpoint_url
from services.notifications.intake import Intake
from services.notifications.model import (
    EVERYTHING,
    Audience,
    Delivery,
    EndpointNotEnabled,
    NotificationsError,
    SigningSecret,
    Subscription,
    SubscriptionState,
    delivery_id,
)
from services.notifications.notices import notice_of_test, partner_types, told_types
from services.notifications.repository import NotificationRepository
from services.notifications.secret_box import SecretBox
from services.notifications.subscription_index import SubscriptionIndex
from services.notifications.sweeper import Sweeper
from shared.clock import Clock
from shared.errors import NotFound
from shared.events.payload import Departement, NodePath, Payload
from shared.idempotency import RequestKey, already_done, check_same_request, remember
from shared.security.caller import Act, Caller, Owner, covers
from shared.security.nir import WithoutNir
from shared.settings import PlatformSettings
from shared.store.port import AlreadyExists

log = structlog.get_logger()

MAX_SUBSCRIPTIONS = 100
"""For each institution or partner: every event is matched against them, and each may be called for it."""

EventType = Annotated[str, Field(min_length=1, max_length=100)]
VenueId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,100}$"), WithoutNir]


class InvalidSubscription(NotificationsError):
    """A field names what this client can't subscribe to."""

    status = 422

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"The field {field} {problem}.", field=field)


class TooManySubscriptions(NotificationsError):
    """The institution or partner has as many as it may have."""

    status = 409

    def __init__(self) -> None:
        super().__init__(f"There are {MAX_SUBSCRIPTIONS} subscriptions already; delete one that is not used.")


class NewSubscription(BaseModel):
    """What is asked for. `*` among the event types means all that this client may hear of; empty filters let all pass.

    `venue_ids`: a partner names its own venues, and gets all of those it has now when it names none. `subtree`:
    an institution's own node or one below it.
    """

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    event_types: Annotated[list[EventType], Field(min_length=1, max_length=100)]
    venue_ids: Annotated[list[VenueId], Field(max_length=1000)] = []
    departements: Annotated[list[Departement], Field(max_length=110)] = []
    subtree: NodePath | None = None


@dataclass(frozen=True, slots=True)
class WithSecret:
    """A subscription, and its current secret in clear when this very request made it."""

    subscription: Subscription
    secret: str | None


@dataclass(frozen=True, slots=True)
class SubscriptionDesk:
    """Carries out the orders of clients on their subscriptions and deliveries."""

    repository: NotificationRepository
    index: SubscriptionIndex
    intake: Intake
    sweeper: Sweeper
    box: SecretBox
    settings: PlatformSettings
    clock: Clock

    async def subscribe(self, act: Act, key: RequestKey, new: NewSubscription) -> WithSecret:
        """Create a subscription; a repeat of the request returns it as it is now.

        Raises:
            InvalidEndpointUrl, InvalidSubscription, TooManySubscriptions, IdempotencyKeyReused.
            NotFound: the request is repeated after the subscription was removed.
        """
        check_endpoint_url(new.url, allow_private=self.settings.webhook_allow_private)
        _check_filters(act.caller, new)
        try:
            added = await self.repository.add_subscription(self._new(act, key, new))
        except AlreadyExists:
            stored = await self.repository.subscription(key.creation_id(act.caller), act.caller)
            check_same_request(stored.fingerprint, key)
            return self._shown(stored, key, act.caller)
        self.index.put(added)
        log.info("subscription.created", subscription_id=added.id, event_types=len(added.event_types))
        return self._shown(added, key, act.caller)

    async def rotate(self, act: Act, key: RequestKey, identifier: str) -> WithSecret:
        """Make a new current secret; the former one signs beside it for 24 hours.

        Raises:
            NotFound, IdempotencyKeyReused.
        """
        secret = SigningSecret(
            sealed=self.box.seal(identifier, self.box.make()), made_by=key.command_key(act.caller)
        )
        now = self.clock.now()
        rotated = await self._command(act, key, identifier, lambda current: current.rotated(secret, now))
        return self._shown(rotated, key, act.caller)

    async def enable(self, act: Act, key: RequestKey, identifier: str) -> Subscription:
        """Let a disabled endpoint receive again, what waited for it first; an active one gets a clean record.

        Raises:
            NotFound, IdempotencyKeyReused.
        """
        enabled = await self._command(act, key, identifier, Subscription.enabled)
        self.sweeper.hurry()
        return enabled

    async def remove(self, act: Act, identifier: str) -> None:
        """End a subscription: nothing more is sent, what waited is dropped.

        Raises:
            NotFound: unknown, removed already, or another's.
        """
        stored = await self.repository.subscription(identifier, act.caller)

        def end(current: Subscription) -> tuple[Subscription, list[Payload]] | None:
            return current.removed().model_copy(update={"changed_by": act.agent}), []

        removed = await self.repository.change(stored, end)
        if removed is not None:
            self.index.put(removed)
            self.sweeper.hurry()
            log.info("subscription.removed", subscription_id=identifier)

    async def test(self, act: Act, key: RequestKey, identifier: str) -> Delivery:
        """Send a signed test event by the ordinary path; return its delivery, pending.

        Raises:
            NotFound, EndpointNotEnabled.
        """
        subscription = await self.repository.subscription(identifier, act.caller)
        if subscription.state is not SubscriptionState.ACTIVE:
            raise EndpointNotEnabled(identifier)
        event_id = f"{key.creation_id(act.caller)}:1"
        notice = notice_of_test(
            event_id, identifier, subscription.owner.node, self.clock.now(), self.settings.public_url
        )
        await self.intake.take(notice, subscription)
        return await self.repository.delivery(delivery_id(event_id, identifier), act.caller)

    async def redrive(self, act: Act, key: RequestKey, identifier: str) -> Delivery:
        """Try an exhausted delivery again from the start of the table, after what waits in its lane.

        Raises:
            NotFound, NotExhausted, IdempotencyKeyReused.
        """
        stored = await self.repository.delivery(identifier, act.caller)
        subscription = await self.repository.subscription(stored.subscription_id, act.caller)
        now = self.clock.now()

        def again(current: Delivery) -> tuple[Delivery, list[Payload]] | None:
            if already_done(current.commands, key, act.caller):
                return None
            commands = remember(current.commands, key, act.caller, current.version + 1)
            return current.redriven(now).model_copy(update={"commands": commands}), []

        redriven = await self.repository.change(stored, again)
        if redriven is None:
            return await self.repository.delivery(identifier, act.caller)
        log.info("delivery.redriven", delivery_id=identifier, subscription_id=subscription.id)
        await self.intake.push(redriven, subscription)
        return redriven

    async def _command(
        self, act: Act, key: RequestKey, identifier: str, decide: Callable[[Subscription], Subscription]
    ) -> Subscription:
        stored = await self.repository.subscription(identifier, act.caller)

        def carry_out(current: Subscription) -> tuple[Subscription, list[Payload]] | None:
            if current.state is SubscriptionState.REMOVED:
                raise NotFound("subscription", identifier)
            if already_done(current.commands, key, act.caller):
                return None
            commands = remember(current.commands, key, act.caller, current.version + 1)
            update = {"commands": commands, "changed_by": act.agent}
            return decide(current).model_copy(update=update), []

        changed = await self.repository.change(stored, carry_out)
        if changed is None:
            return await self.repository.subscription(identifier, act.caller)
        self.index.put(changed)
        log.info("subscription.changed", subscription_id=identifier, route=key.route)
        return changed

    def _new(self, act: Act, key: RequestKey, new: NewSubscription) -> Subscription:
        caller = act.caller
        identifier = key.creation_id(caller)
        known = self.index.get(identifier) is not None
        if not known and self.index.count_of(caller.institution) >= MAX_SUBSCRIPTIONS:
            raise TooManySubscriptions
        secret = SigningSecret(
            sealed=self.box.seal(identifier, self.box.make()), made_by=key.command_key(caller)
        )
        venues = new.venue_ids or sorted(caller.venues)
        return Subscription(
            id=identifier,
            created_at=self.clock.now(),
            owner=Owner.of(caller.node),
            audience=Audience.PARTNER if caller.venues else Audience.INSTITUTION,
            url=new.url,
            event_types=tuple(dict.fromkeys(new.event_types)),
            venue_ids=tuple(dict.fromkeys(venues)),
            departements=tuple(dict.fromkeys(new.departements)),
            subtree=None if caller.venues else new.subtree or caller.node,
            secrets=(secret,),
            changed_by=act.agent,
            fingerprint=key.fingerprint,
        )

    def _shown(self, subscription: Subscription, key: RequestKey, caller: Caller) -> WithSecret:
        current = subscription.secrets[0]
        if current.made_by != key.command_key(caller):
            return WithSecret(subscription, None)
        return WithSecret(subscription, self.box.open(subscription.id, current.sealed))


def _check_filters(caller: Caller, new: NewSubscription) -> None:
    known = partner_types() if caller.venues else frozenset(told_types())
    unknown = sorted(set(new.event_types) - known - {EVERYTHING})
    if unknown:
        allowed = ", ".join(sorted(known))
        raise InvalidSubscription(
            "event_types", f"names {len(unknown)} unknown or not open to this client; choose * or {allowed}"
        )
    if not caller.venues:
        if new.subtree is not None and not covers(caller.node, new.subtree):
            raise InvalidSubscription("subtree", f"must be {caller.node} or a node below it")
        return
    if new.subtree is not None:
        raise InvalidSubscription("subtree", "is for institutions; a partner filters by venue_ids")
    if not caller.venues.issuperset(new.venue_ids):
        raise InvalidSubscription("venue_ids", "must hold venues that this client answers for")
