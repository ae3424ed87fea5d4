"""The door of every message: a delivery is added, its lane pushed, and work begins at once when a slot is free.

Two writes, in this order, so that a lane never names a delivery that is not there. A crash between them leaves an
orphan: the event comes again and the repeat finishes it; the sweeper does when it does not come.
"""

from services.notifications.dispatcher import Dispatcher
from services.notifications.lanes import lane_id
from services.notifications.metrics import DELIVERIES
from services.notifications.model import (
    Delivery,
    DeliveryState,
    Subscription,
    SubscriptionState,
    delivery_id,
)
from services.notifications.notices import Notice
from services.notifications.repository import NotificationRepository
from shared.clock import Clock
from shared.store.port import AlreadyExists


class Intake:
    """Takes messages in, from events and from clients' commands."""

    def __init__(self, repository: NotificationRepository, dispatcher: Dispatcher, clock: Clock) -> None:
        self._repository = repository
        self._dispatcher = dispatcher
        self._clock = clock

    async def take(self, notice: Notice, subscription: Subscription) -> None:
        """Enqueue a notice for one endpoint; a repeat changes nothing."""
        delivery = self._delivery(notice, subscription)
        try:
            added = await self._repository.add_delivery(delivery)
        except AlreadyExists:
            stored = await self._repository.load_delivery(delivery.id)
            if stored is not None and stored.state is DeliveryState.PENDING:
                await self.push(stored, subscription)
            return
        DELIVERIES.labels(DeliveryState.PENDING.value).inc()
        await self.push(added, subscription, fresh=True)

    async def push(self, delivery: Delivery, subscription: Subscription, *, fresh: bool = False) -> None:
        """Put a stored delivery in its lane and see to it that somebody works on it.

        `fresh`: it was added a moment ago by this very caller. Only then is the document in hand good enough to be
        sent; any other may have been delivered since it was read, so the worker reads it again.
        """
        endpoint = subscription.id
        active = subscription.state is SubscriptionState.ACTIVE
        reserved = active and self._dispatcher.reserve(endpoint)
        leased = False
        try:
            lane, leased = await self._repository.push(
                delivery, self._clock.now(), lease=reserved, park=not active
            )
        finally:
            if reserved and not leased:
                self._dispatcher.release(endpoint)
        if leased:
            self._dispatcher.start(lane, delivery if fresh and lane.head == delivery.id else None)
        elif not lane.leased and lane.next_at is not None:
            self._dispatcher.expect(endpoint, lane.id, lane.next_at)

    def _delivery(self, notice: Notice, subscription: Subscription) -> Delivery:
        now = self._clock.now()
        return Delivery(
            id=delivery_id(notice.event_id, subscription.id),
            created_at=now,
            owner=subscription.owner,
            subscription_id=subscription.id,
            lane_id=lane_id(subscription.id, notice.aggregate_id),
            event_id=notice.event_id,
            event_type=notice.event_type,
            aggregate_id=notice.aggregate_id,
            case_id=notice.case_id,
            occurred_at=notice.occurred_at,
            body=subscription.body_of(notice),
            pending_since=now,
        )
