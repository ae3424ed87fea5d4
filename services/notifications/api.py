"""The HTTP surface: subscriptions, deliveries and their attempts, failed deliveries and how to try them again."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from services.notifications.channels.endpoint_url import InvalidEndpointUrl
from services.notifications.commands import (
    InvalidSubscription,
    NewSubscription,
    SubscriptionDesk,
    TooManySubscriptions,
    WithSecret,
)
from services.notifications.model import (
    Attempt,
    Audience,
    Delivery,
    DeliveryState,
    DisabledReason,
    EndpointNotEnabled,
    NotExhausted,
    Subscription,
    SubscriptionState,
)
from services.notifications.repository import NotificationRepository
from shared.errors import NotFound
from shared.http.auth import (
    InvalidActHeader,
    MissingScope,
    ServiceOutOfSight,
    Unauthenticated,
    acts,
    requires,
)
from shared.http.components import component
from shared.http.idempotency import Idempotent, InvalidIdempotencyKey
from shared.http.paging import ListOf, PageQuery, Paging
from shared.http.problems import InvalidRequest, documented
from shared.idempotency import IdempotencyKeyReused
from shared.security.caller import Act, Caller, Scope
from shared.store.port import InvalidCursor

REFUSED = (Unauthenticated, MissingScope, InvalidRequest)
ACTING = (*REFUSED, InvalidActHeader, ServiceOutOfSight)
COMMANDING = (*ACTING, NotFound, IdempotencyKeyReused, InvalidIdempotencyKey)

Desk = Annotated[SubscriptionDesk, component(SubscriptionDesk)]
Repository = Annotated[NotificationRepository, component(NotificationRepository)]
Reader = Annotated[Caller, requires(Scope.SUBSCRIPTIONS_MANAGE)]
Actor = Annotated[Act, acts(Scope.SUBSCRIPTIONS_MANAGE)]

subscriptions = APIRouter(prefix="/v1/subscriptions", tags=["subscriptions"])
deliveries = APIRouter(prefix="/v1/deliveries", tags=["deliveries"])
failed_deliveries = APIRouter(prefix="/v1/failed-deliveries", tags=["deliveries"])


class SubscriptionView(BaseModel):
    """A subscription. `secret` is only in the answer to the request that made it: keep it, it is not shown again.

    `former_secret_signs_until` is set for 24 hours after a rotation. `failing_since`: nothing was taken since then.
    """

    id: str
    created_at: AwareDatetime
    owner: str
    audience: Audience
    url: str
    event_types: list[str]
    venue_ids: list[str]
    departements: list[str]
    subtree: str | None
    state: SubscriptionState
    disabled_reason: DisabledReason | None
    disabled_at: AwareDatetime | None
    failing_since: AwareDatetime | None
    former_secret_signs_until: AwareDatetime | None
    secret: str | None = None


class DeliveryView(BaseModel):
    """One event for one endpoint, with every attempt. `event_id` is the `webhook-id` that the endpoint sees."""

    id: str
    created_at: AwareDatetime
    subscription_id: str
    event_id: str
    event_type: str
    aggregate_id: str
    occurred_at: AwareDatetime
    state: DeliveryState
    attempts: list[Attempt]


class DeliveryDetail(DeliveryView):
    """A delivery with what is sent. `next_attempt_at` is set when it waits for a retry at the head of its lane."""

    body: str
    next_attempt_at: AwareDatetime | None


class DeliveryQuery(PageQuery):
    """Filters of the list of deliveries."""

    subscription_id: str | None = None
    state: DeliveryState | None = None


@subscriptions.post(
    "",
    status_code=201,
    summary="Subscribe an endpoint to events",
    responses=documented(*COMMANDING, InvalidEndpointUrl, InvalidSubscription, TooManySubscriptions),
)
async def create_subscription(
    new: NewSubscription, act: Actor, key: Idempotent, desk: Desk
) -> SubscriptionView:
    """Create a subscription; the answer holds its signing secret, once."""
    return _with_secret(await desk.subscribe(act, key, new))


@subscriptions.get("", summary="List subscriptions", responses=documented(*REFUSED, InvalidCursor))
async def list_subscriptions(
    caller: Reader, page: Paging, repository: Repository
) -> ListOf[SubscriptionView]:
    """List the client's subscriptions, oldest first."""
    found = await repository.subscriptions(caller, page.after, page.limit)
    return ListOf(items=[_subscription(item) for item in found.items], next=found.next)


@subscriptions.get(
    "/{subscription_id}", summary="Read a subscription", responses=documented(*REFUSED, NotFound)
)
async def read_subscription(subscription_id: str, caller: Reader, repository: Repository) -> SubscriptionView:
    """Return a subscription, without its secret."""
    return _subscription(await repository.subscription(subscription_id, caller))


@subscriptions.delete(
    "/{subscription_id}",
    status_code=204,
    summary="Remove a subscription",
    responses=documented(*ACTING, NotFound),
)
async def remove_subscription(subscription_id: str, act: Actor, desk: Desk) -> None:
    """End a subscription: nothing more is sent to it, and what waited is dropped."""
    await desk.remove(act, subscription_id)


@subscriptions.post(
    "/{subscription_id}/rotate-secret",
    summary="Replace the signing secret",
    responses=documented(*COMMANDING),
)
async def rotate_secret(subscription_id: str, act: Actor, key: Idempotent, desk: Desk) -> SubscriptionView:
    """Make a new secret; messages carry the signatures of both for 24 hours."""
    return _with_secret(await desk.rotate(act, key, subscription_id))


@subscriptions.post(
    "/{subscription_id}/test",
    status_code=202,
    summary="Send a test event",
    responses=documented(*COMMANDING, EndpointNotEnabled),
)
async def test_subscription(subscription_id: str, act: Actor, key: Idempotent, desk: Desk) -> DeliveryView:
    """Send a signed test event by the ordinary path; follow it under `/v1/deliveries/{id}`."""
    return _delivery(await desk.test(act, key, subscription_id))


@subscriptions.post(
    "/{subscription_id}/enable",
    summary="Enable a disabled endpoint",
    responses=documented(*COMMANDING),
)
async def enable_subscription(
    subscription_id: str, act: Actor, key: Idempotent, desk: Desk
) -> SubscriptionView:
    """Let a disabled endpoint receive again, beginning with what waited for it."""
    return _subscription(await desk.enable(act, key, subscription_id))


@deliveries.get("", summary="List deliveries", responses=documented(*REFUSED, NotFound, InvalidCursor))
async def list_deliveries(
    caller: Reader, query: Annotated[DeliveryQuery, Query()], repository: Repository
) -> ListOf[DeliveryView]:
    """List the client's deliveries, newest first; a page may be shorter than its limit."""
    found = await repository.deliveries(caller, query.subscription_id, query.state, query.after, query.limit)
    return ListOf(items=[_delivery(item) for item in found.items], next=found.next)


@deliveries.get("/{delivery_id}", summary="Read a delivery", responses=documented(*REFUSED, NotFound))
async def read_delivery(delivery_id: str, caller: Reader, repository: Repository) -> DeliveryDetail:
    """Return a delivery with its attempts, its body, and when it is tried next."""
    found = await repository.delivery(delivery_id, caller)
    lane = await repository.load_lane(found.lane_id)
    waits = lane is not None and lane.head == found.id and not lane.leased
    return DeliveryDetail(
        **_delivery(found).model_dump(),
        body=found.body,
        next_attempt_at=lane.next_at if lane is not None and waits else None,
    )


@deliveries.post(
    "/{delivery_id}/redrive",
    status_code=202,
    summary="Try an exhausted delivery again",
    responses=documented(*COMMANDING, NotExhausted),
)
async def redrive_delivery(delivery_id: str, act: Actor, key: Idempotent, desk: Desk) -> DeliveryView:
    """Try an exhausted delivery again, with the whole retry table before it."""
    return _delivery(await desk.redrive(act, key, delivery_id))


@failed_deliveries.get("", summary="List exhausted deliveries", responses=documented(*REFUSED, InvalidCursor))
async def list_failed_deliveries(
    caller: Reader, page: Paging, repository: Repository
) -> ListOf[DeliveryView]:
    """List the deliveries that were given up, newest first; a page may be shorter than its limit."""
    found = await repository.deliveries(caller, None, DeliveryState.EXHAUSTED, page.after, page.limit)
    return ListOf(items=[_delivery(item) for item in found.items], next=found.next)


ROUTERS = (subscriptions, deliveries, failed_deliveries)


def _with_secret(made: WithSecret) -> SubscriptionView:
    return _subscription(made.subscription).model_copy(update={"secret": made.secret})


def _subscription(stored: Subscription) -> SubscriptionView:
    former = [secret.until for secret in stored.secrets if secret.until is not None]
    return SubscriptionView(
        **stored.model_dump(include=set(SubscriptionView.model_fields) - {"owner", "secret"}),
        owner=stored.owner.node,
        former_secret_signs_until=max(former) if former else None,
    )


def _delivery(stored: Delivery) -> DeliveryView:
    return DeliveryView(**stored.model_dump(include=set(DeliveryView.model_fields)))
