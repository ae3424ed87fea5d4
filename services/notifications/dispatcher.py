"""Which lane is worked on, when, in this process.

A lane that the intake has just leased starts at once. A lane that is due waits for a slot, endpoints in turn. Retries
planned here are remembered in memory and started on time; what another process planned, or died over, is found by a
scan of the lanes that are due, at the start and every `SCAN_INTERVAL`. When a scan is full (an endpoint with
thousands of retries fills it), each endpoint is asked on its own, so that none hides behind another.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from services.notifications.lanes import Lane
from services.notifications.metrics import LANES_FAILED, LANES_READY, LANES_RUNNING
from services.notifications.model import Delivery, SubscriptionState
from services.notifications.repository import NotificationRepository
from services.notifications.slots import Slots
from services.notifications.subscription_index import SubscriptionIndex
from shared.clock import Clock
from shared.errors import Unavailable
from shared.store.port import MAX_PAGE

log = structlog.get_logger()

SCAN_INTERVAL = timedelta(seconds=30)
MAX_TIMERS = 10_000
"""Retries remembered in memory; the scan finds those beyond, up to `SCAN_INTERVAL` late."""
STOP_GRACE_SECONDS = 5.0
"""How long a stop waits for attempts under way; one that is cut off is made again after the restart."""

Serve = Callable[[str, Lane | None, Delivery | None], Awaitable[datetime | None]]
"""Works on a lane until it is empty or must wait; returns when it is due again, None when it is not."""


class Dispatcher:
    """Starts lanes. `run` is its loop; nothing starts while it does not run."""

    def __init__(
        self,
        serve: Serve,
        repository: NotificationRepository,
        index: SubscriptionIndex,
        slots: Slots,
        clock: Clock,
    ) -> None:
        self._serve = serve
        self._repository = repository
        self._index = index
        self._slots = slots
        self._clock = clock
        self._running = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[tuple[datetime, str, str]] = []
        self._next_scan: datetime | None = None
        self._crowded: set[str] = set()
        self._woken = asyncio.Event()

    def reserve(self, endpoint: str) -> bool:
        """Take a slot for an endpoint if one is free now; `start` uses it or `release` gives it back."""
        return self._running and self._slots.reserve(endpoint)

    def release(self, endpoint: str) -> None:
        """Give a slot back, to the next lane that waits; look for more when a crowd was left in the store."""
        self._slots.release(endpoint)
        if endpoint in self._crowded and not self._slots.waits(endpoint):
            self._crowded.discard(endpoint)
            self._next_scan = None
            self._woken.set()
        self._pump()

    def start(self, lane: Lane, delivery: Delivery | None) -> None:
        """Work on a lane whose lease was just taken, in the slot that was reserved for it."""
        self._spawn(lane.subscription_id, lane.id, lane, delivery)

    def expect(self, endpoint: str, lane_id: str, at: datetime) -> None:
        """Start a lane at its time, or at the first free slot after it."""
        if at <= self._clock.now():
            self._offer(endpoint, lane_id)
            self._pump()
        elif len(self._timers) < MAX_TIMERS:
            heapq.heappush(self._timers, (at, endpoint, lane_id))
            self._woken.set()

    async def run(self) -> None:
        """Start what is due, for ever; when cancelled, end what is under way."""
        self._running = True
        try:
            while True:
                await self.start_due()
                await self._wait()
        finally:
            self._running = False
            await self._end()

    async def start_due(self) -> None:
        """Offer every lane whose time has come a slot; scan the store when it is time to."""
        now = self._clock.now()
        self._woken.clear()
        while self._timers and self._timers[0][0] <= now:
            _, endpoint, lane_id = heapq.heappop(self._timers)
            self._offer(endpoint, lane_id)
        if self._next_scan is None or self._next_scan <= now:
            self._next_scan = now + SCAN_INTERVAL
            try:
                await self._scan(now)
            except Unavailable as error:
                log.warning("lanes.scan.postponed", error=type(error).__name__)
        self._pump()

    async def idle(self) -> None:
        """Return once no lane is being worked on or waits for a slot."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _scan(self, now: datetime) -> None:
        lanes = await self._repository.due(now)
        for lane in lanes:
            self._offer(lane.subscription_id, lane.id)
        if len(lanes) < MAX_PAGE:
            return
        for subscription in self._index.in_state(SubscriptionState.ACTIVE):
            await self._scan_endpoint(subscription.id, now)

    def _offer(self, endpoint: str, lane_id: str) -> None:
        if not self._slots.offer(endpoint, lane_id):
            self._crowded.add(endpoint)

    async def _scan_endpoint(self, endpoint: str, now: datetime) -> None:
        room = min(self._slots.room(endpoint), MAX_PAGE)
        lanes = await self._repository.due_of(endpoint, now, room) if room > 0 else []
        for lane in lanes:
            self._offer(endpoint, lane.id)
        if len(lanes) == room:
            self._crowded.add(endpoint)

    async def _wait(self) -> None:
        """Wait for the next retry, the next scan, or a retry planned for earlier than both."""
        now = self._clock.now()
        times = [self._next_scan or now, *(timer[0] for timer in self._timers[:1])]
        sleeping = asyncio.ensure_future(self._clock.sleep(max(min(times) - now, timedelta())))
        waking = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()

    def _pump(self) -> None:
        while self._running and (turn := self._slots.next()) is not None:
            endpoint, lane_id = turn
            self._spawn(endpoint, lane_id, None, None)
        LANES_READY.set(self._slots.waiting)
        LANES_RUNNING.set(self._slots.running)

    def _spawn(self, endpoint: str, lane_id: str, lane: Lane | None, delivery: Delivery | None) -> None:
        task = asyncio.create_task(self._work(endpoint, lane_id, lane, delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, endpoint: str, lane_id: str, lane: Lane | None, delivery: Delivery | None) -> None:
        again: datetime | None = None
        try:
            again = await self._serve(lane_id, lane, delivery)
        except Unavailable as error:
            # The lane stays due, or leased until its lease ends: a later scan finds it.
            log.warning("lane.work.postponed", lane_id=lane_id, error=type(error).__name__)
        except Exception as error:
            LANES_FAILED.inc()
            log.exception("lane.work.failed", lane_id=lane_id, error=type(error).__name__)
        finally:
            self.release(endpoint)
        if again is not None:
            self.expect(endpoint, lane_id, again)

    async def _end(self) -> None:
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=STOP_GRACE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
