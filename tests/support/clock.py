"""A clock that only moves when a test moves it."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class ManualClock:
    """Starts on Monday 23 November 2026 at 09:00 UTC; sleepers wake when `advance` passes their time."""

    def __init__(self, start: datetime = NOON) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """Return the hand-set time."""
        return self._now

    async def sleep(self, duration: timedelta) -> None:
        """Return once the clock was advanced by `duration`."""
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + duration, next(self._order), waiter))
        await waiter

    def advance(self, duration: timedelta) -> None:
        """Move the clock forward and wake those whose time has come."""
        self._now += duration
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, waiter = heapq.heappop(self._sleepers)
            if not waiter.done():
                waiter.set_result(None)

    def sleeping(self) -> int:
        """Return how many wait for the clock to move."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)
