"""Independent probes that keep the floors honest: what each part of a floor reaches alone, in the same run."""

import asyncio
import tempfile
import time
from pathlib import Path

import aiohttp
import apsw

from benchmarks.chain_client import WORKERS

REQUESTS = 2_000
WRITES = 20_000
GROUP = 32
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


def bare_writes(row_bytes: int) -> float:
    """Return rows per second of apsw alone: WAL, full sync, transactions of 32 rows, one thread."""
    with tempfile.TemporaryDirectory() as folder:
        connection = apsw.Connection(str(Path(folder) / "probe.db"))
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE rows (id TEXT PRIMARY KEY, body TEXT)")
        body, started = "x" * row_bytes, time.perf_counter()
        for first in range(0, WRITES, GROUP):
            with connection:
                for number in range(first, first + GROUP):
                    connection.execute("INSERT INTO rows VALUES (?, ?)", (f"{number:036d}", body))
        rate = WRITES / (time.perf_counter() - started)
        connection.close()
        return rate
