"""Independent probes that keep the floors honest: what a bare part reaches in the same run."""

import asyncio
import time

import aiohttp

from benchmarks.chain_client import WORKERS

REQUESTS = 1_500
SHARE = 0.8


class FloorTooLow(Exception):
    """The floor is slower than it should be: a ratio to it would flatter us."""


def refuse_low_floor(name: str, floor: float, probe: float) -> None:
    """Let a floor pass that reaches 80 % of its probe.

    Raises:
        FloorTooLow: it does not.
    """
    if floor < SHARE * probe:
        raise FloorTooLow(f"{name}: the floor reaches {floor:.0f}/s, the bare probe {probe:.0f}/s")


async def posts(
    http: aiohttp.ClientSession, url: str, body_bytes: int, headers: dict[str, str] | None = None
) -> float:
    """Return how many POSTs a second a route answers, `WORKERS` at once."""
    numbers, body, started = iter(range(REQUESTS)), b"z" * body_bytes, time.perf_counter()

    async def work() -> None:
        for _ in numbers:
            async with http.post(url, data=body, headers=headers) as answer:
                answer.raise_for_status()
                await answer.read()

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return REQUESTS / (time.perf_counter() - started)
