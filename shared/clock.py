"""Time as a part that can be replaced: no other module asks the machine what time it is."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits. Times are aware and in UTC."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""

    async def sleep(self, duration: timedelta) -> None:
        """Return once `duration` has passed on this clock."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, duration: timedelta) -> None:
        """Return after `duration` of real time."""
        await asyncio.sleep(duration.total_seconds())
