"""Deciding again when somebody else saved first: one loop for API and handlers."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

from shared.store.port import StaleVersion

T = TypeVar("T")

ATTEMPTS = 5


async def deciding_again(decide: Callable[[], Awaitable[T]]) -> T:
    """Run load → decide → save, up to 5 times with jitter when the version was stale.

    `decide` must load afresh each time. The last `StaleVersion` is raised (409).
    """
    try:
        return await decide()
    except StaleVersion:
        return await _again(decide)


async def _again(decide: Callable[[], Awaitable[T]]) -> T:
    """Try what is left of the attempts; apart, because preparing stamina costs more than most decisions."""
    async for attempt in stamina.retry_context(
        on=StaleVersion, attempts=ATTEMPTS - 1, wait_initial=0.002, wait_max=0.1, wait_jitter=0.02
    ):
        with attempt:
            return await decide()
    raise AssertionError("stamina either returns or raises")
