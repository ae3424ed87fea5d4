"""Waiting for what is away, or too crowded: again and again, slower and slower, until it is back or a stop is asked.

| error in a row | wait before the next try |
| --- | --- |
| 1, 2, 3, … | 0.2, 0.4, 0.8, … s, each times a random 0.5 to 1 |
| from the 8th | 15 s: an engine that is back is noticed soon enough, and is not flooded while it starts |
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog

from shared.clock import Clock
from shared.errors import Unavailable
from shared.store.port import StaleVersion

log = structlog.get_logger()

T = TypeVar("T")

FIRST_WAIT = timedelta(seconds=0.2)
LONGEST_WAIT = timedelta(seconds=15)


class LeftUndone(Exception):
    """A stop came during a wait: the record stays uncommitted and comes again."""


class Patience:
    """The waits of one consumer. `progressed` is called after each try, so that waiting is not taken for a standstill."""

    def __init__(self, group: str, clock: Clock, rng: random.Random, progressed: Callable[[], None]) -> None:
        self._group, self._clock, self._random, self._progressed = group, clock, rng, progressed
        self._away: dict[str, str] = {}
        self.stop_asked = asyncio.Event()

    def waiting_for(self) -> str | None:
        """Return the reason of one of the waits that go on, or None."""
        return next(iter(self._away.values()), None)

    async def pause(self, duration: timedelta) -> None:
        """Wait.

        Raises:
            LeftUndone: a stop was asked.
        """
        waits = [
            asyncio.ensure_future(self._clock.sleep(duration)),
            asyncio.ensure_future(self.stop_asked.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self.stop_asked.is_set():
            raise LeftUndone

    async def until_back(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Run `call` again for as long as something it needs is away; its other errors are the caller's.

        A `StaleVersion` counts as away: others are quicker at a crowded aggregate, and that is no fault of the event.

        Raises:
            LeftUndone: a stop was asked.
        """
        wait = FIRST_WAIT
        try:
            while True:
                try:
                    return await call()
                except (Unavailable, StaleVersion) as error:
                    self._away[what] = str(error)
                    log.warning("event.consumer.waiting", group=self._group, error=type(error).__name__)
                self._progressed()
                await self.pause(wait * self._random.uniform(0.5, 1))
                wait = min(wait * 2, LONGEST_WAIT)
        finally:
            self._away.pop(what, None)
            self._progressed()
