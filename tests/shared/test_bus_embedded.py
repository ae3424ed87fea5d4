"""The bus inside the process: the port's contract, and what is this engine's own (forgetting, bounded work)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.bus.embedded import EmbeddedBus
from shared.bus.port import Partition, Record
from shared.bus.topics import TOPICS, Topic
from shared.store.port import Store
from shared.store.sqlite import SqliteEngine, log_table
from tests.contract.bus import NO_WAIT, BusContract, after, nobody_revokes, numbers, take
from tests.contract.samples import COMPACTED, NUMBERED, a_note, numbered, snapshot
from tests.support.clock import ManualClock

RETENTION = TOPICS[NUMBERED].retention
ONE = timedelta(microseconds=1)


class Running:
    def __init__(self, engine: SqliteEngine, clock: ManualClock) -> None:
        self.engine, self.clock, self.bus = engine, clock, EmbeddedBus(engine)

    def store(self, service: str) -> Store:
        return self.engine.store(service)

    async def tombstone(self, topic: Topic, key: str) -> None:
        sql = f"INSERT INTO {log_table(topic)} (key, body, at) VALUES (?, NULL, ?)"
        await self.engine.write(
            lambda connection: connection.execute(sql, (key, self.clock.now().timestamp()))
        )


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Running]:
    clock = ManualClock()
    engine = SqliteEngine(folder / "relais.db", clock)
    try:
        yield Running(engine, clock)
    finally:
        await engine.close()


class TestContract(BusContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path

    def opened(self) -> Any:
        return opened(self.tmp_path)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with opened(tmp_path) as running:
        yield running


async def publish(running: Running, *events: int) -> None:
    store = running.store("agenda")
    for number in events:
        await store.add(a_note(f"n{number}"), [numbered(number)])


async def read_and_commit(running: Running, group: str, topic: Topic, count: int) -> list[Record]:
    reader = await running.bus.join(group, [topic], nobody_revokes)
    records = await take(reader, count)
    await reader.commit(after(records))
    await reader.close()
    return records


async def left(running: Running, topic: Topic) -> list[Record]:
    reader = await running.bus.follow(topic, {})
    records = []
    while found := await reader.fetch(100, NO_WAIT):
        records += found
    await reader.close()
    return records


class TestForgetting:
    async def test_what_is_past_its_retention_and_read_is_forgotten(self, running: Running) -> None:
        await publish(running, 1, 2)
        running.clock.advance(timedelta(days=1))
        await publish(running, 3)
        await read_and_commit(running, "readers", NUMBERED, 3)
        running.clock.advance(RETENTION - timedelta(days=1))
        assert await running.bus.trim(running.clock.now()) == 0
        running.clock.advance(ONE)
        assert await running.bus.trim(running.clock.now()) == 2
        assert numbers(await left(running, NUMBERED)) == [3]
        assert await running.bus.trim(running.clock.now()) == 0

    async def test_nothing_is_forgotten_before_the_slowest_group_has_read_it(self, running: Running) -> None:
        await publish(running, 1, 2, 3)
        await read_and_commit(running, "fast", NUMBERED, 3)
        await read_and_commit(running, "slow", NUMBERED, 1)
        running.clock.advance(RETENTION * 2)
        assert await running.bus.trim(running.clock.now()) == 1
        assert numbers(await left(running, NUMBERED)) == [2, 3]

    async def test_nothing_is_forgotten_before_a_member_that_has_not_committed_yet(
        self, running: Running
    ) -> None:
        await publish(running, 1, 2, 3)
        await read_and_commit(running, "fast", NUMBERED, 3)
        newcomer = await running.bus.join("newcomer", [NUMBERED], nobody_revokes)
        running.clock.advance(RETENTION * 2)
        assert await running.bus.trim(running.clock.now()) == 0
        assert numbers(await take(newcomer, 3)) == [1, 2, 3]

    async def test_nothing_is_forgotten_while_nobody_reads(self, running: Running) -> None:
        await publish(running, 1)
        running.clock.advance(RETENTION * 2)
        assert await running.bus.trim(running.clock.now()) == 0

    async def test_more_than_a_batch_goes(self, running: Running) -> None:
        store = running.store("agenda")
        await store.add(a_note(), [numbered(number) for number in range(1, 1_300)])
        await read_and_commit(running, "readers", NUMBERED, 1_299)
        running.clock.advance(RETENTION * 2)
        assert await running.bus.trim(running.clock.now()) == 1_299
        assert await left(running, NUMBERED) == []

    async def test_positions_stay_true_when_everything_is_forgotten(self, running: Running) -> None:
        await publish(running, 1, 2, 3)
        records = await read_and_commit(running, "readers", NUMBERED, 3)
        end = await running.bus.end_positions(NUMBERED)
        running.clock.advance(RETENTION * 2)
        await running.bus.trim(running.clock.now())
        assert await running.bus.end_positions(NUMBERED) == end == after(records)
        newcomer = await running.bus.join("newcomer", [NUMBERED], nobody_revokes)
        assert sum((await newcomer.lag()).values()) == 0
        await publish(running, 4)
        assert (await running.bus.end_positions(NUMBERED))[Partition(NUMBERED, 0)] == records[-1].offset + 2
        assert sum((await newcomer.lag()).values()) == 1
        (record,) = await take(newcomer, 1)
        assert record.offset >= records[-1].offset + 1

    async def test_lag_does_not_count_what_was_forgotten(self, running: Running) -> None:
        await publish(running, 1, 2, 3, 4)
        await read_and_commit(running, "readers", NUMBERED, 3)
        running.clock.advance(RETENTION * 2)
        await running.bus.trim(running.clock.now())
        newcomer = await running.bus.join("newcomer", [NUMBERED], nobody_revokes)
        assert await newcomer.lag() == {Partition(NUMBERED, 0): 1}


class TestCompaction:
    async def test_the_newest_of_each_key_is_kept(self, running: Running) -> None:
        store = running.store("agenda")
        for key in ("v1", "v2"):
            venue = await store.add(a_note(key), [snapshot(1)])
            for version in (2, 3):
                venue = await store.save(venue, [snapshot(version)])
        await store.add(a_note("v3"), [snapshot(1)])
        await running.tombstone(COMPACTED, "v2")
        await read_and_commit(running, "readers", COMPACTED, 8)
        running.clock.advance(RETENTION * 3)
        assert await running.bus.trim(running.clock.now()) == 5
        kept = await left(running, COMPACTED)
        assert [(record.key, record.value is None) for record in kept] == [
            ("v1", False),
            ("v3", False),
            ("v2", True),
        ]
        assert b'"version":3' in (kept[0].value or b"")

    async def test_what_a_group_has_not_read_is_kept(self, running: Running) -> None:
        store = running.store("agenda")
        venue = await store.add(a_note("v1"), [snapshot(1)])
        for version in (2, 3, 4):
            venue = await store.save(venue, [snapshot(version)])
        await read_and_commit(running, "slow", COMPACTED, 2)
        assert await running.bus.trim(running.clock.now()) == 2
        assert len(await left(running, COMPACTED)) == 2

    async def test_finding_what_was_replaced_uses_an_index(self, running: Running) -> None:
        sql = f"SELECT 1 FROM {log_table(COMPACTED)} AS newer WHERE newer.key = ? AND newer.position > ?"
        ((*_, step),) = running.engine.read(f"EXPLAIN QUERY PLAN {sql}", ("v1", 5))
        assert step.startswith("SEARCH newer USING COVERING INDEX")
