"""`chain_vs_floor` and `assessment_to_webhook_p99`: whole chains through a platform in a process of its own.

The floor is given what one chain cost the product in the same run: requests, writes, bytes and webhooks, read from the platform's own metrics.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import apsw
from joserfc.jwk import ECKey
from rich.console import Console

from benchmarks.chain_client import WEBHOOKS, WORKERS, ChainClient
from benchmarks.measure import REPEATS, Measure, absolute, ratio_of
from benchmarks.probes import posts, refuse_low_floor
from deploy.demo.api import TIMEOUT
from deploy.demo.host import Host, free_port
from deploy.demo.receiver import Receiver
from shared.clock import SystemClock
from shared.events.assessments import AssessmentCompleted
from shared.ids import RandomIds
from shared.security.caller import Caller, Scope
from shared.security.tokens import TokenIssuer

LOAD = 20
"""Chains started each second when latency is measured; the national average is 0.45 assessments a second."""
LOAD_SECONDS = 15
CHAINS = 120


@dataclass(frozen=True, slots=True)
class Cost:
    """What one chain costs on average."""

    requests: float
    writes: float
    row_bytes: int
    body_bytes: int
    answer_bytes: int


def row_bytes(folder: Path) -> int:
    """Return the average length of what chains wrote: documents and log rows, the directory's venues left out."""
    connection = apsw.Connection(str(folder / "relais.db"), flags=apsw.SQLITE_OPEN_READONLY)
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '*__*'")
    tables = [name for (name,) in names.fetchall() if "venue" not in str(name)]
    totals = [
        connection.execute(f'SELECT sum(length(body)), count(*) FROM "{name}"').fetchall()[0]
        for name in tables
    ]
    connection.close()
    return sum(int(size or 0) for size, _ in totals) // max(1, sum(int(count or 0) for _, count in totals))


@contextmanager
def floor_process(folder: Path, hook: str, cost: Cost) -> Iterator[tuple[str, str]]:
    """Run the floor; give its address and a token for it."""
    key = ECKey.generate_key("P-256", {"kid": "floor"}, auto_kid=False)
    issuer = TokenIssuer("floor", SystemClock(), RandomIds(), timedelta(hours=1))
    token = issuer.issue(Caller("bench", "cpam-demo", frozenset({Scope.REFERRALS_WRITE.value})), key)
    port, config = free_port(), folder / "floor.json"
    config.write_text(
        json.dumps(
            {
                "port": port,
                "folder": str(folder),
                "hook": hook,
                "row_bytes": cost.row_bytes,
                "answer_bytes": cost.answer_bytes,
                "issuer": "floor",
                "jwk": key.as_dict(private=False),
            }
        )
    )
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.floor", str(config)])
    try:
        yield f"http://127.0.0.1:{port}", token
    finally:
        process.terminate()
        process.wait()


async def floor_rate(http: aiohttp.ClientSession, base: str, token: str, cost: Cost, chains: int) -> float:
    """Return the floor's chains per second for the same number of requests, writes, bytes and webhooks."""
    plan = _spread(round(cost.requests), round(cost.writes), WEBHOOKS)
    body, headers = b"z" * cost.body_bytes, {"Authorization": f"Bearer {token}"}
    numbers, started = iter(range(chains)), time.perf_counter()

    async def work() -> None:
        for _ in numbers:
            for query in plan:
                async with http.post(f"{base}/chain?{query}", data=body, headers=headers) as answer:
                    answer.raise_for_status()
                    await answer.read()

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    async with http.get(f"{base}/drain") as answer:
        await answer.read()
    return chains / (time.perf_counter() - started)


def _spread(requests: int, writes: int, webhooks: int) -> list[str]:
    """Share a chain's writes and webhooks out over its requests."""

    def share(total: int, number: int) -> int:
        return total * (number + 1) // requests - total * number // requests

    return [f"{share(writes, number)}-{share(webhooks, number)}" for number in range(requests)]


async def _ready(http: aiohttp.ClientSession, base: str) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                async with http.get(f"{base}/drain") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def measure_chain(client: ChainClient, http: aiohttp.ClientSession, folder: Path) -> Measure:
    """Alternate the platform and its floor five times, on one platform that goes on growing.

    Raises:
        FloorTooLow: the floor's requests without writes are slower than 80 % of a bare route's with the same token check.
    """
    await client.run(CHAINS // 4)  # warm
    cost = await _cost(client, folder / "platform")
    with floor_process(folder, client.hook, cost) as (base, token):
        await _ready(http, base)
        await floor_rate(http, base, token, cost, CHAINS // 4)  # warm
        pairs = [
            (await client.run(CHAINS), await floor_rate(http, base, token, cost, CHAINS))
            for _ in range(REPEATS)
        ]
        headers = {"Authorization": f"Bearer {token}"}
        probes = [
            (
                await posts(http, f"{base}/chain?0-0", cost.body_bytes, headers),
                await posts(http, f"{base}/bare", cost.body_bytes, headers),
            )
            for _ in range(REPEATS)
        ]
    empty, bare = sorted(probes, key=lambda pair: pair[0] / pair[1])[REPEATS // 2]
    refuse_low_floor("chain_vs_floor, its requests without writes", empty, bare)
    return ratio_of(
        "chain_vs_floor",
        pairs,
        unit="chains/s",
        target=0.35,
        how=f"{CHAINS} chains, {WORKERS} at once; one costs {cost.requests:.1f} requests, {cost.writes:.1f} writes of "
        f"{cost.row_bytes} bytes, answers of {cost.answer_bytes} bytes and {WEBHOOKS} webhooks, and the floor does the same",
    )


async def _cost(client: ChainClient, folder: Path) -> Cost:
    """Run some chains and read what they cost."""
    chains, writes, requests, answers = (
        CHAINS // 4,
        await client.writes(),
        client.requests,
        client.answer_bytes,
    )
    await client.run(chains)
    requests = client.requests - requests
    return Cost(
        requests / chains,
        (await client.writes() - writes) / chains,
        row_bytes(folder),
        client.request_bytes,
        (client.answer_bytes - answers) // requests,
    )


async def measure_latency(client: ChainClient) -> Measure:
    """Start 20 chains a second, whatever their pace, and time "assessment posted → signed webhook received" of each."""
    receiver = Receiver()
    made = await client.prescriber.post(
        "/v1/subscriptions", {"url": await receiver.start(), "event_types": [AssessmentCompleted.event_type]}
    )
    receiver.secret = made["secret"]

    async def one(delay: float) -> None:
        await asyncio.sleep(delay)
        started = time.perf_counter()
        assessed = await client.chain()
        begun.append((assessed, started))

    begun: list[tuple[str, float]] = []
    await asyncio.gather(*(one(number / LOAD) for number in range(LOAD * LOAD_SECONDS)))
    await receiver.wait_for(lambda _: len(receiver.received) >= LOAD * LOAD_SECONDS, 60)
    when = {one.body["data"]["id"]: one.at for one in receiver.received}
    seconds = sorted(when[identifier] - started for identifier, started in begun)
    await receiver.stop()
    p50, p99 = seconds[len(seconds) // 2], seconds[int(len(seconds) * 0.99)]
    return absolute(
        "assessment_to_webhook_p99",
        [p99 * 1000],
        unit="ms",
        target=100,
        at_most=True,
        how=f"{len(seconds)} whole chains started at {LOAD}/s, whatever their pace; p50 {p50 * 1000:.0f} ms",
    )


async def measure_all(folder: Path) -> list[Measure]:
    """Run both measures against one platform with the sample's venues."""
    host = Host(folder / "platform")
    clients = await host.prepare(Console(quiet=True))
    host.start()
    try:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=TIMEOUT, connector=connector) as http:
            client = ChainClient(http, host, clients)
            await client.connect()
            latency = await measure_latency(client)
            chain = await measure_chain(client, http, folder)
            await client.receiver.stop()
    finally:
        host.stop()
    return [chain, latency]
