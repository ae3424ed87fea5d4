"""`store_vs_raw`: acknowledged saves per second through the store port, against bare apsw.

Both sides: 64 callers on one event loop, each awaiting its own durable commit; the same pydantic document with one event,
serialised by the same `model_dump_json`; group commit by one thread, WAL, full sync. The floor has no versions, no
indexes' values read by name, no envelope: it writes the two texts into the same tables.
"""

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from benchmarks.bare import CALLERS, BareGroupCommit
from benchmarks.measure import Measure, alternate
from shared.clock import SystemClock
from shared.events.matches import NeedUncovered
from shared.events.vocabulary import Need
from shared.ids import RandomIds
from shared.security.caller import OWNED_INDEXES, Owner
from shared.store.port import Document, Index
from shared.store.sqlite import SqliteEngine

SAVES = 12_000


class Sample(Document):
    """A document of the everyday size (about 1 KiB in JSON)."""

    kind: ClassVar[str] = "samples"
    indexes: ClassVar[tuple[Index, ...]] = OWNED_INDEXES

    owner: Owner
    needs: tuple[Need, ...]
    texts: tuple[str, ...]


OWNER = Owner.of("cpam93/bobigny/accueil")
EVENT = NeedUncovered(owner="cpam93/bobigny/accueil", departement="93", need=Need.BASIC_SKILLS)
IDS = RandomIds()
SCHEMA = [
    "CREATE TABLE doc (id TEXT PRIMARY KEY, version INTEGER, body TEXT, a TEXT, b TEXT, c TEXT, d INT)",
    *(f"CREATE INDEX i{column} ON doc ({column}, d, id)" for column in "abc"),
    "CREATE TABLE log (n INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, body TEXT, at REAL)",
]


def sample() -> Sample:
    """Return a new document."""
    return Sample(
        id=IDS.new(), created_at=datetime.now(UTC), owner=OWNER, needs=tuple(Need)[:6], texts=("x" * 60,) * 10
    )


async def through_the_port() -> float:
    """Return saves per second through the store port."""
    with tempfile.TemporaryDirectory() as folder:
        engine = SqliteEngine(Path(folder) / "store.db", SystemClock())
        store = engine.store("bench")
        await store.add(sample())
        started = time.perf_counter()

        async def caller() -> None:
            for _ in range(SAVES // CALLERS):
                await store.add(sample(), [EVENT])

        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        rate = SAVES / (time.perf_counter() - started)
        await engine.close()
        return rate


async def bare() -> float:
    """Return saves per second of bare apsw with group commit."""
    with tempfile.TemporaryDirectory() as folder:
        floor = BareGroupCommit(Path(folder) / "raw.db", SCHEMA)
        started = time.perf_counter()

        async def caller() -> None:
            for _ in range(SAVES // CALLERS):
                doc, service = sample(), "cpam93/bobigny/accueil"
                row = (doc.id, doc.model_dump_json(), "cpam93", "cpam93/bobigny", service, 0)
                event = (doc.id, EVENT.model_dump_json(), 0.0)
                await floor.write(
                    ("INSERT INTO doc VALUES (?,1,?,?,?,?,?)", row),
                    ("INSERT INTO log (key, body, at) VALUES (?,?,?)", event),
                )

        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        rate = SAVES / (time.perf_counter() - started)
        floor.close()
        return rate


def measure() -> Measure:
    """Alternate the two five times."""
    return alternate(
        "store_vs_raw",
        lambda: asyncio.run(through_the_port()),
        lambda: asyncio.run(bare()),
        unit="saves/s",
        target=0.70,
        how=f"{SAVES} adds with one event each by {CALLERS} callers; the floor is bare apsw with the same group commit and model_dump_json",
    )
