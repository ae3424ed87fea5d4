"""The process dies between any two steps of a write or of a consumer: nothing acknowledged is lost, doubled or half done.

A forked child saves notes with events while a consumer copies the events into a read model, and calls `os._exit` at the
n-th step it is told of. It writes each acknowledgement to a journal, synced, before it goes on. The parent then opens what
is left and compares it with the journal. What a note must hold follows from its version alone, so any gap shows.
"""

import asyncio
import itertools
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import apsw
import pytest

from shared.bus.consumer import Consumer
from shared.bus.embedded import EmbeddedBus
from shared.clock import SystemClock
from shared.events.deliveries import DeliveryExhausted
from shared.events.envelope import Event, decode
from shared.sqlite.writer import OnStep, no_step
from shared.store.port import AlreadyExists, Document, Store
from shared.store.retry import deciding_again
from shared.store.sqlite import SqliteEngine, log_table
from tests.contract.samples import MORNING, NUMBERED, Note, a_note, numbered

KEYS = ("a", "b", "c")
KILLED, ENDED = 17, 0
SAVES = 12
"""How many writes of each key one life of the child does when nothing kills it: about 150 steps."""


class Copy(Document):
    kind: ClassVar[str] = "copies"

    numbers: tuple[int, ...] = ()
    seen: int = 0


def events_of(key: str, version: int) -> list[int]:
    """Return the numbers of the events that this version of a note publishes: none, one or two."""
    return [version * 10 + index for index in range((version + KEYS.index(key)) % 3)]


async def copy_event(event: Event[DeliveryExhausted], *, store: Store) -> None:
    """Append an event's number to the read model, once."""

    async def decide() -> None:
        copy = await store.get(Copy, event.aggregate_id)
        if copy is None:
            first = Copy(id=event.aggregate_id, created_at=MORNING, numbers=(event.data.attempts,))
            try:
                await store.add(first.model_copy(update={"seen": event.sequence}))
            except AlreadyExists:
                await decide()
        elif event.sequence > copy.seen:
            await store.save(
                copy.model_copy(
                    update={"numbers": (*copy.numbers, event.data.attempts), "seen": event.sequence}
                )
            )

    await deciding_again(decide)


class Life:
    """One life of the process: the engine, the consumer, and whoever saves notes."""

    def __init__(self, folder: Path, on_step: OnStep = no_step) -> None:
        self.folder = folder
        self.engine = SqliteEngine(folder / "relais.db", SystemClock(), on_step=on_step)
        self.notes, self.copies = self.engine.store("agenda"), self.engine.store("copies")
        self.consumer = Consumer(
            "relais.copies",
            {DeliveryExhausted: lambda event: copy_event(event, store=self.copies)},
            bus=EmbeddedBus(self.engine),
            store=self.copies,
            clock=SystemClock(),
            rng=random.Random(1),
            on_step=on_step,
        )
        self.consuming = asyncio.create_task(self.consumer.run())

    async def drive(self, key: str) -> None:
        """Save a note again and again, writing down each acknowledgement before the next."""
        journal = os.open(self.folder / "journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

        def write_down(what: str, version: int) -> None:
            os.write(journal, f"{key} {version} {what}\n".encode())
            os.fsync(journal)

        note = await self.notes.get(Note, key)
        if note is not None:
            write_down("seen", note.version)
        for _ in range(SAVES):
            version = 1 if note is None else note.version + 1
            events = [numbered(number) for number in events_of(key, version)]
            if note is None:
                note = await self.notes.add(a_note(key, rank=version), events)
            else:
                note = await self.notes.save(note.model_copy(update={"rank": version}), events)
            write_down("saved", note.version)
        os.close(journal)

    async def catch_up(self) -> None:
        async with asyncio.timeout(20):
            while not await self.consumer.idle():
                await asyncio.sleep(0)

    async def end(self) -> None:
        self.consumer.stop()
        await self.consuming
        await self.engine.close()


def live_until(step: int, folder: Path) -> int:
    """Fork a child that dies at the n-th step; return how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    steps = itertools.count(1)

    def on_step(_name: str) -> None:
        if next(steps) == step:
            os._exit(KILLED)

    async def live() -> None:
        life = Life(folder, on_step)
        await asyncio.gather(*(life.drive(key) for key in KEYS))
        await life.catch_up()
        await life.end()

    try:
        asyncio.run(live())
        os._exit(ENDED)
    finally:
        os._exit(1)  # whatever happens the child never returns into the test run


@dataclass
class Wrong(AssertionError):
    what: str


def acknowledged(folder: Path) -> dict[str, int]:
    """Return the newest version of each key that was acknowledged, or seen by a life that began."""
    journal = folder / "journal"
    versions: dict[str, int] = {}
    for line in journal.read_text().splitlines() if journal.exists() else []:
        key, version, what = line.split()
        if int(version) < versions.get(key, 0) + (what == "saved"):
            raise Wrong(f"{key} {version} was {what} after {versions[key]}")
        versions[key] = int(version)
    return versions


async def check(folder: Path) -> int:
    """Compare what is stored with what was acknowledged; return how many versions there are.

    Raises:
        Wrong: something is lost, doubled, out of order or half done.
    """
    life = Life(folder)
    try:
        await life.catch_up()
        versions = acknowledged(folder)
        rows = life.engine.read(f"SELECT body FROM {log_table(NUMBERED)} ORDER BY position")
        log = [decode(row[0]) for row in rows]
        total = 0
        for key in KEYS:
            total += await check_key(
                life, key, versions.get(key, 0), [e for e in log if e.aggregate_id == key]
            )
        return total
    finally:
        await life.end()


async def check_key(
    life: Life, key: str, acknowledged_version: int, log: list[Event[DeliveryExhausted]]
) -> int:  # type: ignore[type-var]
    note = await life.notes.get(Note, key)
    version = note.version if note else 0
    # One more than acknowledged: the answer was lost, the write was not.
    if version not in (acknowledged_version, acknowledged_version + 1):
        raise Wrong(f"{key}: version {version} is stored, {acknowledged_version} was acknowledged")
    if note and note.rank != version:
        raise Wrong(f"{key}: version {version} holds the state of {note.rank}")
    numbers = [number for v in range(1, version + 1) for number in events_of(key, v)]
    if [event.data.attempts for event in log] != numbers:
        raise Wrong(f"{key}: the log holds {[event.data.attempts for event in log]}, not {numbers}")
    if [event.sequence for event in log] != list(range(1, len(numbers) + 1)):
        raise Wrong(f"{key}: sequences {[event.sequence for event in log]}")
    if note and note.sequence != len(numbers):
        raise Wrong(f"{key}: sequence {note.sequence} on the note, {len(numbers)} events")
    copy = await life.copies.get(Copy, key)
    if (list(copy.numbers) if copy else []) != numbers:
        raise Wrong(f"{key}: the read model holds {copy and copy.numbers}, not {numbers}")
    return version


def test_a_kill_at_any_of_the_first_steps_loses_nothing(tmp_path: Path) -> None:
    before = 0
    for step in (*range(1, 25), *range(25, 90, 5)):
        assert live_until(step, tmp_path) == KILLED, f"step {step}"
        after = asyncio.run(check(tmp_path))
        assert after >= before
        before = after
    assert live_until(10**9, tmp_path) == ENDED
    assert asyncio.run(check(tmp_path)) == before + SAVES * len(KEYS)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_many_kills_in_a_row_lose_nothing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    kills = 0
    for _ in range(120):
        # Some lives are killed while the checker's own restart would still be catching up.
        for _ in range(rng.randint(1, 3)):
            kills += live_until(rng.randint(1, 140), tmp_path) == KILLED
        asyncio.run(check(tmp_path))
    assert kills > 100


def sabotage(statement: str) -> Callable[[apsw.Connection], None]:
    return lambda connection: connection.execute(statement)


def lose_a_save(connection: apsw.Connection) -> None:
    body = a_note("a", rank=9, version=9).model_dump_json()
    connection.execute("UPDATE agenda__notes SET version = 9, body = ? WHERE id = 'a'", (body,))


LOG = log_table(NUMBERED)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lose_a_save, id="a lost save"),
        pytest.param(sabotage("DELETE FROM agenda__notes WHERE id = 'b'"), id="a lost document"),
        pytest.param(sabotage(f"DELETE FROM {LOG} WHERE position = 7"), id="a lost event"),
        pytest.param(
            sabotage(f"INSERT INTO {LOG} (key, body, at) SELECT key, body, at FROM {LOG} WHERE position = 7"),
            id="a doubled event",
        ),
        pytest.param(
            sabotage(f"UPDATE {LOG} SET position = -position; UPDATE {LOG} SET position = 1000 + position"),
            id="events in another order",
        ),
        pytest.param(
            sabotage("UPDATE copies__copies SET body = replace(body, '[10,', '[') WHERE id = 'a'"),
            id="a lost effect",
        ),
        pytest.param(
            sabotage("UPDATE copies__copies SET body = replace(body, '\"numbers\":[', '\"numbers\":[10,')"),
            id="a doubled effect",
        ),
    ],
)
def test_the_check_sees_damage(tmp_path: Path, damage: Callable[[apsw.Connection], None]) -> None:
    assert live_until(10**9, tmp_path) == ENDED
    assert asyncio.run(check(tmp_path)) == SAVES * len(KEYS)
    connection = apsw.Connection(str(tmp_path / "relais.db"))
    before = (
        connection.execute(f"SELECT group_concat(body) FROM {LOG}").get,
        *connection.execute("SELECT body FROM agenda__notes UNION ALL SELECT body FROM copies__copies"),
    )
    damage(connection)
    after = (
        connection.execute(f"SELECT group_concat(body) FROM {LOG}").get,
        *connection.execute("SELECT body FROM agenda__notes UNION ALL SELECT body FROM copies__copies"),
    )
    assert before != after, "the damage did nothing"
    connection.close()
    with pytest.raises(Wrong):
        asyncio.run(check(tmp_path))
