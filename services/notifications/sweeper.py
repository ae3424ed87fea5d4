"""Puts right what a crash, a stale view or time has left, every `SWEEP_INTERVAL`.

- An orphan: a pending delivery that its lane does not name. It is pushed. Only deliveries older than
  `ORPHAN_AGE` are looked at, each once: the first sweep after a start reads all pending ones.
- A parked lane whose endpoint is enabled is made due.
- A removed subscription is cleared: lanes discarded, pending deliveries dropped, then the subscription itself.
- Deliveries, and lanes in which nothing happens, are forgotten after `RETENTION`.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from services.notifications.dispatcher import Dispatcher
from services.notifications.intake import Intake
from services.notifications.lane_worker import drop
from services.notifications.metrics import SWEPT
from services.notifications.model import Delivery, DeliveryState, Subscription, SubscriptionState
from services.notifications.repository import NotificationRepository
from services.notifications.subscription_index import SubscriptionIndex
from shared.clock import Clock
from shared.errors import Unavailable
from shared.store.port import Cursor

log = structlog.get_logger()

SWEEP_INTERVAL = timedelta(seconds=30)
ORPHAN_AGE = timedelta(minutes=1)
CLOCK_MARGIN = timedelta(minutes=5)
"""How far the clocks of two processes may differ before an orphan is overlooked until the next start."""
RETENTION = timedelta(days=90)
FORGET_INTERVAL = timedelta(hours=6)


class Sweeper:
    """The slow loop behind the fast path."""

    def __init__(
        self,
        repository: NotificationRepository,
        index: SubscriptionIndex,
        intake: Intake,
        dispatcher: Dispatcher,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._index = index
        self._intake = intake
        self._dispatcher = dispatcher
        self._clock = clock
        self._checked_until: datetime | None = None
        self._next_forgetting: datetime | None = None
        self._hurried = asyncio.Event()

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.sweep()
            except Unavailable as error:
                log.warning("notifications.sweep.postponed", error=type(error).__name__)
            await self._wait()

    def hurry(self) -> None:
        """Sweep now: a subscription was enabled or removed."""
        self._hurried.set()

    async def sweep(self) -> None:
        """Do everything once."""
        for subscription in self._index.in_state(SubscriptionState.REMOVED):
            await self.clear(subscription)
        for subscription in self._index.in_state(SubscriptionState.ACTIVE):
            await self.resume(subscription)
        await self._push_orphans()
        now = self._clock.now()
        if self._next_forgetting is None or self._next_forgetting <= now:
            await self._forget(now - RETENTION)
            self._next_forgetting = now + FORGET_INTERVAL

    async def resume(self, subscription: Subscription) -> None:
        """Make every parked lane of an enabled endpoint due."""
        now = self._clock.now()
        while lanes := await self._repository.parked_of(subscription.id):
            for lane in lanes:
                resumed = await self._repository.change(lane, lambda current: (current.resumed(now), []))
                SWEPT.labels("resumed").inc()
                if resumed is not None and resumed.next_at is not None:
                    self._dispatcher.expect(subscription.id, resumed.id, resumed.next_at)

    async def clear(self, subscription: Subscription) -> None:
        """Remove what a removed subscription left, and then itself."""
        async for delivery in self._repository.pending_by_subscription(subscription.id):
            await self._repository.change(delivery, drop)
        async for lane in self._repository.lanes_by_subscription(subscription.id):
            await self._repository.discard(lane)
        await self._repository.discard(subscription)
        self._index.forget(subscription.id)
        SWEPT.labels("cleared").inc()

    async def _wait(self) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(SWEEP_INTERVAL))
        hurried = asyncio.ensure_future(self._hurried.wait())
        try:
            await asyncio.wait({sleeping, hurried}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            hurried.cancel()
            self._hurried.clear()

    async def _push_orphans(self) -> None:
        until = self._clock.now() - ORPHAN_AGE
        since = self._checked_until - CLOCK_MARGIN if self._checked_until else None
        after: Cursor | None = None
        while True:
            page = await self._repository.pending_deliveries(since, until, after)
            await self._push_missing(page.items)
            if page.next is None:
                break
            after = page.next
        self._checked_until = until

    async def _push_missing(self, deliveries: list[Delivery]) -> None:
        lanes = await self._repository.lanes_of(deliveries)
        for delivery in deliveries:
            lane = lanes.get(delivery.lane_id)
            if lane is not None and delivery.id in lane.pending:
                continue
            subscription = self._index.get(delivery.subscription_id)
            if subscription is None:
                await self._repository.change(delivery, drop)
            elif await self._still_pending(delivery):
                SWEPT.labels("orphan").inc()
                await self._intake.push(delivery, subscription)

    async def _still_pending(self, delivery: Delivery) -> bool:
        current = await self._repository.load_delivery(delivery.id)
        return current is not None and current.state is DeliveryState.PENDING

    async def _forget(self, limit: datetime) -> None:
        async for delivery in self._repository.deliveries_before(limit):
            await self._repository.discard(delivery)
            SWEPT.labels("forgotten").inc()
        async for lane in self._repository.lanes_before(limit):
            if lane.idle:
                await self._repository.discard(lane)
