"""`rss_50k`: the memory of a whole platform with 50,000 venues, after it has answered chains."""

import asyncio
import csv
import subprocess
from pathlib import Path

import aiohttp
from rich.console import Console

from benchmarks.chain_client import ChainClient
from benchmarks.grow import grow
from benchmarks.measure import Measure, absolute
from deploy.demo.api import TIMEOUT
from deploy.demo.host import Host
from services.directory.cli import import_file
from services.directory.importing import Importer
from services.directory.repository import ImportRepository
from services.identity.bootstrap import Demonstration
from services.platform import Platform
from services.trial import demonstration
from shared.security.caller import Owner

VENUES = 50_000
CHAINS = 40


async def _import_grown(host: Host, path: Path) -> Demonstration:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = grow(VENUES)
        first = next(rows)
        writer = csv.DictWriter(file, fieldnames=list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)
    platform = await Platform.start(host.settings())
    await import_file(
        path,
        "grown",
        importer=platform.component("directory", Importer),
        imports=platform.component("directory", ImportRepository),
        owner=Owner.of("relais"),
        clock=platform.clock,
        ids=platform.ids,
        console=Console(quiet=True),
        shown_entries=0,
    )
    clients = await demonstration(platform)  # again: the venues near Bobigny are others now
    await platform.stop()
    return clients


def _resident_mib(host: Host) -> float:
    assert host.process is not None
    command = ["ps", "-o", "rss=", "-p", str(host.process.pid)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1_024


async def measure(folder: Path) -> Measure:
    """Import, start in a process of its own, run chains, read the resident memory."""
    host = Host(folder / "large")
    await host.prepare(Console(quiet=True))
    clients = await _import_grown(host, folder / "grown.csv")
    host.start()
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
            client = ChainClient(http, host, clients)
            await client.connect()
            await client.run(CHAINS)
            await client.receiver.stop()
        resident = _resident_mib(host)
    finally:
        host.stop()
    return absolute(
        "rss_50k",
        [resident],
        unit="MiB",
        target=400,
        at_most=True,
        how=f"{VENUES:,} venues, after {CHAINS} chains",
    )


def run(folder: Path) -> Measure:
    """Measure on a loop of its own."""
    return asyncio.run(measure(folder))
