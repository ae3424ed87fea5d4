"""Every question this service asks of its store, and the two-step writes that keep lanes and deliveries agreed."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime

from services.notifications.lanes import Lane
from services.notifications.model import Delivery, DeliveryState, Subscription, SubscriptionState
from shared.errors import NotFound
from shared.events.payload import Payload
from shared.security.caller import Caller
from shared.store.port import MAX_PAGE, AlreadyExists, Cursor, D, Page, Scalar, StaleVersion, Store
from shared.store.retry import deciding_again


class NotificationRepository:
    """Subscriptions, deliveries and lanes. Reads that serve a client take it as an argument."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def subscription(self, identifier: str, caller: Caller) -> Subscription:
        """Return a subscription that the client may see.

        Raises:
            NotFound: unknown, removed, or another's.
        """
        found = await self._store.get(Subscription, identifier)
        if found is None or found.state is SubscriptionState.REMOVED or not caller.sees(found.owner):
            raise NotFound("subscription", identifier)
        return found

    async def subscriptions(self, caller: Caller, after: Cursor | None, limit: int) -> Page[Subscription]:
        """Return a page of the client's subscriptions, oldest first; removed ones are left out."""
        index, values = caller.owned()
        page = await self._store.find(Subscription, index, values, after=after, limit=limit)
        return Page([item for item in page.items if item.state is not SubscriptionState.REMOVED], page.next)

    async def delivery(self, identifier: str, caller: Caller) -> Delivery:
        """Return a delivery that the client may see.

        Raises:
            NotFound: unknown or another's.
        """
        found = await self._store.get(Delivery, identifier)
        if found is None or not caller.sees(found.owner):
            raise NotFound("delivery", identifier)
        return found

    async def deliveries(
        self,
        caller: Caller,
        subscription_id: str | None,
        state: DeliveryState | None,
        after: Cursor | None,
        limit: int,
    ) -> Page[Delivery]:
        """Return a page of the client's deliveries, newest first.

        A client below the root of its tree sees part of its institution's: its pages may be shorter than `limit`.

        Raises:
            NotFound: the subscription is unknown or another's.
        """
        if subscription_id is not None:
            await self.subscription(subscription_id, caller)
            index, equals = "by_subscription", {"subscription_id": subscription_id}
        else:
            index, equals = "by_institution", {"owner.institution": caller.institution}
        if state is not None:
            index, equals = f"{index}_state", {**equals, "state": state.value}
        page = await self._store.find(Delivery, index, equals, after=after, limit=limit, newest_first=True)
        return Page([item for item in page.items if caller.sees(item.owner)], page.next)

    async def load_subscription(self, identifier: str) -> Subscription | None:
        """Return a subscription for the machinery, whoever owns it."""
        return await self._store.get(Subscription, identifier)

    async def load_delivery(self, identifier: str) -> Delivery | None:
        """Return a delivery for the machinery, whoever owns it."""
        return await self._store.get(Delivery, identifier)

    async def load_lane(self, identifier: str) -> Lane | None:
        """Return a lane."""
        return await self._store.get(Lane, identifier)

    async def lanes_of(self, deliveries: list[Delivery]) -> dict[str, Lane]:
        """Return the lanes of these deliveries by lane id."""
        identifiers = sorted({delivery.lane_id for delivery in deliveries})
        return {lane.id: lane for lane in await self._store.get_many(Lane, identifiers)}

    async def add_subscription(self, subscription: Subscription) -> Subscription:
        """Store a new subscription.

        Raises:
            AlreadyExists: its id is taken.
        """
        return await self._store.add(subscription)

    async def add_delivery(self, delivery: Delivery) -> Delivery:
        """Store a new delivery.

        Raises:
            AlreadyExists: its event was taken in before.
        """
        return await self._store.add(delivery)

    async def push(self, delivery: Delivery, now: datetime, *, lease: bool, park: bool) -> tuple[Lane, bool]:
        """Put a delivery at the end of its lane, and take the lane's lease in the same write when asked and free.

        Return the lane and whether its lease is now the caller's. A delivery that is already pending there is not
        added twice; one that was delivered meanwhile may be, and is skipped when its turn comes.
        """

        async def decide() -> tuple[Lane, bool]:
            stored = await self._store.get(Lane, delivery.lane_id)
            lane = (stored or _new_lane(delivery, now)).pushed(delivery.id, now, park=park)
            leased = lane.acquired(now) if lease else None
            if leased is None and lane == stored:
                return lane, False
            return await self._put_lane(leased or lane, new=stored is None), leased is not None

        return await deciding_again(decide)

    async def acquire(self, lane_id: str, now: datetime) -> Lane | None:
        """Take the lease of a lane that is due; None when somebody else was faster or there is nothing to do."""

        async def decide() -> Lane | None:
            stored = await self._store.get(Lane, lane_id)
            leased = stored.acquired(now) if stored else None
            return await self._store.save(leased) if leased else None

        return await deciding_again(decide)

    async def change(self, held: D, change: Callable[[D], tuple[D, list[Payload]] | None]) -> D | None:
        """Save a change of a document in hand; when somebody else saved it, decide again on what is stored.

        `change` returns the new state and its events, or None: nothing to write. Return what was written, or None.
        """
        in_hand: list[D] = [held]

        async def decide() -> D | None:
            current = in_hand.pop() if in_hand else await self._store.get(type(held), held.id)
            decision = change(current) if current is not None else None
            return await self._store.save(*decision) if decision else None

        return await deciding_again(decide)

    async def due(self, now: datetime) -> list[Lane]:
        """Return up to `MAX_PAGE` lanes that are due, longest first."""
        page = await self._store.find(Lane, "due", at_most=now, limit=MAX_PAGE)
        return page.items

    async def due_of(self, subscription_id: str, now: datetime, limit: int) -> list[Lane]:
        """Return lanes of one endpoint that are due, longest first."""
        equals = {"subscription_id": subscription_id}
        page = await self._store.find(Lane, "due_of", equals, at_most=now, limit=limit)
        return page.items

    async def parked_of(self, subscription_id: str) -> list[Lane]:
        """Return up to `MAX_PAGE` parked lanes of one endpoint."""
        page = await self._store.find(Lane, "parked", {"subscription_id": subscription_id}, limit=MAX_PAGE)
        return page.items

    async def pending_deliveries(
        self, since: datetime | None, until: datetime, after: Cursor | None
    ) -> Page[Delivery]:
        """Return a page of pending deliveries by the time they became so."""
        return await self._store.find(
            Delivery, "pending", at_least=since, at_most=until, after=after, limit=MAX_PAGE
        )

    def lanes_by_subscription(self, subscription_id: str) -> AsyncIterator[Lane]:
        """Yield the lanes of an endpoint."""
        return self._all(Lane, "by_subscription", {"subscription_id": subscription_id})

    def pending_by_subscription(self, subscription_id: str) -> AsyncIterator[Delivery]:
        """Yield the pending deliveries of an endpoint."""
        equals = {"subscription_id": subscription_id, "state": DeliveryState.PENDING.value}
        return self._all(Delivery, "by_subscription_state", equals)

    def deliveries_before(self, limit: datetime) -> AsyncIterator[Delivery]:
        """Yield the deliveries created until then."""
        return self._all(Delivery, "by_age", {}, limit)

    def lanes_before(self, limit: datetime) -> AsyncIterator[Lane]:
        """Yield the lanes created until then."""
        return self._all(Lane, "by_age", {}, limit)

    async def discard_case(self, case_id: str) -> int:
        """Remove every delivery and lane of a case; return how many deliveries."""
        async for lane in self._all(Lane, "by_case", {"case_id": case_id}):
            await self._store.discard(Lane, lane.id)
        count = 0
        async for delivery in self._all(Delivery, "by_case", {"case_id": case_id}):
            await self._store.discard(Delivery, delivery.id)
            count += 1
        return count

    async def discard(self, document: Subscription | Delivery | Lane) -> None:
        """Remove a document for good."""
        await self._store.discard(type(document), document.id)

    async def _put_lane(self, lane: Lane, *, new: bool) -> Lane:
        if not new:
            return await self._store.save(lane)
        try:
            return await self._store.add(lane)
        except AlreadyExists as error:
            raise StaleVersion(Lane.kind, lane.id) from error

    async def _all(
        self, model: type[D], index: str, equals: Mapping[str, Scalar], until: datetime | None = None
    ) -> AsyncIterator[D]:
        after: Cursor | None = None
        while True:
            page = await self._store.find(model, index, equals, at_most=until, after=after, limit=MAX_PAGE)
            for item in page.items:
                yield item
            if page.next is None:
                return
            after = page.next


def _new_lane(delivery: Delivery, now: datetime) -> Lane:
    return Lane(
        id=delivery.lane_id,
        created_at=now,
        subscription_id=delivery.subscription_id,
        case_id=delivery.case_id,
    )
