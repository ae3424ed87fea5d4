"""Independent probes that keep the floors honest: what each part of a floor reaches alone, in the same run."""

import asyncio
import time

import aiohttp

from benchmarks.chain_client import WORKERS

REQUESTS = 2_000
WEBHOOKS_SENT = 1_000
SHARE = 0.8


class FloorTooLow(Exception):
    """The floor is slower than it should be: a ratio to it would flatter us."""


def refuse_low_floor(name: str, floor: float, expected: float) -> None:
    """Let a floor pass that reaches 80 % of what its parts reach alone.

    Raises:
        FloorTooLow: it does not.
    """
    if floor < SHARE * expected:
        raise FloorTooLow(f"{name}: the floor reaches {floor:.1f}/s, its parts alone {expected:.1f}/s")


async def bare_posts(http: aiohttp.ClientSession, base: str, body_bytes: int) -> float:
    """Return requests per second to a route without token, body model or write."""
    numbers, body, started = iter(range(REQUESTS)), b"z" * body_bytes, time.perf_counter()

    async def work() -> None:
        for _ in numbers:
            async with http.post(f"{base}/bare", data=body) as answer:
                await answer.read()

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return REQUESTS / (time.perf_counter() - started)


async def bare_webhooks(http: aiohttp.ClientSession, base: str) -> float:
    """Return webhooks per second that a bare client in the floor's process sends to the receiver, a few at once."""
    started = time.perf_counter()
    async with http.post(f"{base}/webhooks", params={"count": WEBHOOKS_SENT}) as answer:
        await answer.read()
    return WEBHOOKS_SENT / (time.perf_counter() - started)
