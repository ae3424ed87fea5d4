"""Kill -9 at any moment of the chain; the checker finds nothing lost, doubled or swapped, and finds what is planted."""

import asyncio
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import pytest
from rich.console import Console

from deploy.demo.__main__ import SERVICE
from deploy.demo.api import Api, Credentials, get_token
from deploy.demo.host import Host, free_port
from tests.crash.journal import read

KILLS = 20
SEED = 20261123
QUIET_SECONDS = 180
T = TypeVar("T")


@contextmanager
def child(module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of the harness's processes; end it at the end."""
    process = subprocess.Popen([sys.executable, "-m", f"tests.crash.{module}", *arguments])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def as_partner(host: Host, partner: dict[str, str], call: Callable[[Api], Awaitable[T]]) -> T:
    """Make one call as the partner."""
    async with aiohttp.ClientSession() as http:
        api = Api(http, host.base, await get_token(http, host.base, Credentials(**partner)), "partner-crash")
        return await call(api)


async def wait_quiet(host: Host, api: Api) -> None:
    """Return once every group has caught up and no delivery is pending.

    A lane that a killed process worked on is taken over when its lease ends, so this takes up to a minute.
    """
    async with asyncio.timeout(QUIET_SECONDS):
        while lag(host) or (await api.get("/v1/deliveries", state="pending"))["items"]:
            await asyncio.sleep(0.5)


def lag(host: Host) -> float:
    """Return how many records no group has handled yet."""
    metrics = urllib.request.urlopen(f"{host.base}/metrics", timeout=5).read().decode()
    rows = [row for row in metrics.splitlines() if row.startswith("relais_consumer_lag_records{")]
    return sum(float(row.rsplit(" ", 1)[1]) for row in rows)


def check(config: dict[str, Any], folder: Path, **changes: Any) -> subprocess.CompletedProcess[str]:
    """Run the checker as a process."""
    path = folder / f"check-{len(list(folder.glob('check-*')))}.json"
    path.write_text(json.dumps(config | changes))
    command = [sys.executable, "-m", "tests.crash.checker", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def planted(source: Path, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> str:
    """Return a copy of a log with a change planted in it."""
    copy = source.with_name(f"planted-{change.__name__}.jsonl")
    copy.write_text("".join(json.dumps(line) + "\n" for line in change(read(source))))
    return str(copy)


def _state(line: dict[str, Any]) -> tuple[str, str]:
    data = json.loads(line["body"])["data"]
    return data["id"], data["state"]


def a_loss(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out every webhook of one state of one referral."""
    gone = _state(lines[0])
    return [line for line in lines if _state(line) != gone]


def a_double(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tell one state again under another id."""
    name = next(key for key in lines[0]["headers"] if key.lower() == "webhook-id")
    return [*lines, lines[0] | {"headers": lines[0]["headers"] | {name: "another-id"}}]


def a_swap(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Move a referral's first webhooks behind its last ones."""
    referral = _state(lines[0])[0]
    first = [line for line in lines if _state(line) == (referral, "requested")]
    return [line for line in lines if line not in first] + first


def a_referral_nobody_made(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Acknowledge a referral that the platform does not hold."""
    return [*lines, {"chain": -1, "step": "requested", "id": "00000000-0000-4000-8000-000000000000"}]


@pytest.mark.long
def test_nothing_is_lost_doubled_or_swapped_when_killed(tmp_path: Path) -> None:
    draw, host = random.Random(SEED), Host(tmp_path / "data")
    clients = asyncio.run(host.prepare(Console(quiet=True)))
    credentials = {
        name: {"client_id": one.client_id, "client_secret": one.client_secret}
        for name, one in (("prescriber", clients.institution), ("partner", clients.partner))
    }
    journal, received, stop = tmp_path / "acknowledged.jsonl", tmp_path / "received.jsonl", tmp_path / "stop"
    port = free_port()
    host.start()
    try:
        with child("receiver", str(port), str(received)):
            subscription = {"url": f"http://127.0.0.1:{port}/hook", "event_types": ["*"]}
            asyncio.run(
                as_partner(
                    host, credentials["partner"], lambda api: api.post("/v1/subscriptions", subscription)
                )
            )
            config = {
                "base": host.base, "service": SERVICE, "workers": 4, "seed": SEED,
                "journal": str(journal), "received": str(received), "stop": str(stop), **credentials,
            }  # fmt: skip
            (tmp_path / "driver.json").write_text(json.dumps(config))
            with child("driver", str(tmp_path / "driver.json")) as driver:
                for _ in range(KILLS):
                    time.sleep(draw.uniform(0.05, 1.5))
                    assert driver.poll() is None, "the driver met an answer that it did not expect"
                    host.kill()
                    host.start()
                stop.touch()
                assert driver.wait(180) == 0
            asyncio.run(as_partner(host, credentials["partner"], lambda api: wait_quiet(host, api)))
            verdict = check(config, tmp_path)
            assert verdict.returncode == 0, verdict.stdout + verdict.stderr
            for change in (a_loss, a_double, a_swap):
                spoiled = check(config, tmp_path, received=planted(received, change), webhooks_only=True)
                assert spoiled.returncode == 1, f"the checker did not see {change.__name__}"
            spoiled = check(config, tmp_path, journal=planted(journal, a_referral_nobody_made))
            assert "lost: referral 00000000" in spoiled.stdout
    finally:
        host.stop()
