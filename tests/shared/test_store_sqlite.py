"""The store on SQLite: the port's contract, and what is this engine's own (plans, files, group commit, durability)."""

import asyncio
import pkgutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import apsw
import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

import services
import shared
from shared.bus.topics import Topic
from shared.events.envelope import Event, decode
from shared.sqlite import file as sqlite_file
from shared.sqlite.file import FileUnusable, SqliteTooOld
from shared.sqlite.writer import MAX_BATCH, MAX_QUEUED, GroupCommitWriter
from shared.store.port import (
    AlreadyExists,
    Document,
    Index,
    Store,
    StoreUnavailable,
    WriteRefused,
)
from shared.store.query import Find, plan_find, write_cursor
from shared.store.schema import prepare_table
from shared.store.sqlite import SqliteEngine, log_table
from tests.contract.samples import MORNING, NUMBERED, Note, a_note, numbered
from tests.contract.store import OpenedStorage, StoreContract
from tests.contract.store_machine import StoreHistory
from tests.support.background import BackgroundFailures
from tests.support.clock import ManualClock


class OpenedSqlite:
    def __init__(self, engine: SqliteEngine) -> None:
        self.engine = engine

    def store(self, service: str) -> Store:
        return self.engine.store(service)

    async def published(self, topic: Topic) -> list[Event[Any]]:
        rows = self.engine.read(f"SELECT body FROM {log_table(topic)} ORDER BY position")
        return [decode(row[0]) for row in rows]


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[OpenedSqlite]:
    engine = SqliteEngine(folder / "relais.db", ManualClock(), **options)
    try:
        yield OpenedSqlite(engine)
    finally:
        await engine.close()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    async with opened(tmp_path) as storage:
        yield storage.engine


class TestContract(StoreContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path

    def opened(self) -> Any:
        return opened(self.tmp_path)


def test_any_history_matches_a_dictionary(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        context = opened(tmp_path)

        class History(StoreHistory):
            storage: OpenedStorage = runner.run(context.__aenter__())

        History.runner = runner
        try:
            run_state_machine_as_test(  # type: ignore[no-untyped-call]
                History, settings=settings(max_examples=25, stateful_step_count=25, deadline=None)
            )
        finally:
            runner.run(context.__aexit__(None, None, None))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def every_document() -> list[type[Document]]:
    """Import every module of the product and return the documents that they declare."""
    for package in (shared, services):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)

    def below(model: type[Document]) -> list[type[Document]]:
        return [found for child in model.__subclasses__() for found in (child, *below(child))]

    product = [model for model in below(Document) if model.__module__.startswith(("shared.", "services."))]
    return sorted([*product, Note], key=lambda model: (model.__module__, model.__name__))


def every_index() -> list[Any]:
    return [
        pytest.param(model, index, id=f"{model.kind}-{index.name}")
        for model in every_document()
        for index in model.indexes
    ]


def a_plan(model: type[Document], index: Index, *, bounded: bool, paged: bool, newest_first: bool) -> Find:
    bound = 1 if bounded else None
    ask = partial(
        plan_find,
        "t",
        model,
        index.name,
        dict.fromkeys(index.equals, "x"),
        at_least=bound,
        at_most=bound,
        limit=50,
        newest_first=newest_first,
    )
    after = write_cursor(ask(after=None).fingerprint, [1] * len(index.order)) if paged else None
    return ask(after=after)


class TestPlans:
    """Every question that any document declares is answered by its index alone: no full scan, no sorting."""

    @pytest.mark.parametrize(("model", "index"), every_index())
    def test_an_index_answers_its_question(self, model: type[Document], index: Index) -> None:
        connection = apsw.Connection(":memory:")
        prepare_table(connection, "t", model)
        for bounded, paged, newest_first in product((False, True), repeat=3):
            plan = a_plan(model, index, bounded=bounded, paged=paged, newest_first=newest_first)
            steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {plan.sql}", plan.values)]
            assert len(steps) == 1, steps
            assert f"USING INDEX t__{index.name}" in steps[0]
            if index.equals or bounded or paged:
                assert steps[0].startswith("SEARCH t "), steps
            for field in index.equals:
                assert f"ix_{field.replace('.', '_')}=?" in steps[0]

    @pytest.mark.parametrize(
        "model", every_document(), ids=lambda model: f"{model.__module__}.{model.__name__}"
    )
    def test_the_last_of_an_order_makes_rows_unique(self, model: type[Document]) -> None:
        assert [index.name for index in model.indexes if index.order[-1] != "id"] == []

    @pytest.mark.parametrize(
        "model", every_document(), ids=lambda model: f"{model.__module__}.{model.__name__}"
    )
    def test_every_index_names_fields_that_exist(self, model: type[Document]) -> None:
        for index in model.indexes:
            for field in (*index.equals, *index.order):
                assert field.split(".")[0] in model.model_fields, f"{model.kind}.{index.name}: {field}"

    @pytest.mark.parametrize("query", ["select", "scan"])
    async def test_reading_by_id_uses_the_key(self, engine: SqliteEngine, query: str) -> None:
        await engine.store("agenda").add(a_note())
        sql = {
            "select": 'SELECT body FROM "agenda__notes" WHERE id = ?',
            "scan": 'SELECT id, body FROM "agenda__notes" WHERE id > ? ORDER BY id LIMIT 5',
        }[query]
        steps = [row[3] for row in engine.read(f"EXPLAIN QUERY PLAN {sql}", ("n1",))]
        assert len(steps) == 1
        assert steps[0].startswith("SEARCH")

    def test_kinds_that_could_meet_in_one_table_are_refused(self) -> None:
        for kind in ("Notes", "notes__by_age", "_notes", 'no"tes', "notes1 ", ""):
            with pytest.raises(TypeError, match="lower-case words"):
                type("Bad", (Document,), {"kind": kind, "__annotations__": {"kind": ClassVar[str]}})


class OlderNote(Document):
    kind: ClassVar[str] = "notes"
    indexes: ClassVar[tuple[Index, ...]] = (Index("by_age"), Index("by_rank", (), ("created_at", "id")))

    subject: str = "visits"
    rank: int = 0


class TestGrowth:
    async def test_an_index_that_a_newer_release_adds_finds_what_was_there(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as storage:
            store = storage.store("agenda")
            for number in range(25):
                await store.add(
                    OlderNote(id=f"n{number:02d}", created_at=MORNING, subject="ab"[number % 2], rank=-number)
                )
        async with opened(tmp_path) as storage:
            store = storage.store("agenda")
            found = await store.find(Note, "by_subject", {"subject": "a"})
            assert [note.id for note in found.items] == [f"n{number:02d}" for number in range(0, 25, 2)]

    async def test_an_index_that_a_newer_release_changes_is_made_again(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as storage:
            await storage.store("agenda").add(OlderNote(id="n1", created_at=MORNING))
        async with opened(tmp_path) as storage:
            await storage.store("agenda").get(Note, "n1")
            ((sql,),) = storage.engine.read(
                "SELECT sql FROM sqlite_schema WHERE name = 'agenda__notes__by_rank'"
            )
            assert "ix_rank" in sql

    async def test_an_index_that_a_newer_release_drops_is_gone(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as storage:
            await storage.store("agenda").add(a_note())
        async with opened(tmp_path) as storage:
            store = storage.store("agenda")
            await store.save(OlderNote(id="n1", created_at=MORNING, version=1))
            rows = storage.engine.read(
                "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
            )
            assert {name for (name,) in rows if name.startswith("agenda")} == {
                "agenda__notes__by_age",
                "agenda__notes__by_rank",
            }


class TestFile:
    async def test_another_process_is_refused_with_a_clear_message(self, tmp_path: Path) -> None:
        script = (
            "import asyncio, sys; from pathlib import Path; from shared.clock import SystemClock\n"
            "from shared.store.sqlite import SqliteEngine\n"
            "async def main(): SqliteEngine(Path(sys.argv[1]), SystemClock())\n"
            "asyncio.run(main())"
        )
        async with opened(tmp_path) as storage:
            done = await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", script, str(tmp_path / "relais.db")],
                capture_output=True,
                text=True,
                check=False,
            )
            assert (await storage.store("agenda").add(a_note())).version == 1
        assert done.returncode != 0
        message = done.stderr.strip().splitlines()[-1]
        assert "relais.db is already in use by process" in message
        assert "RELAIS_DATA_DIR" in message

    async def test_closing_twice_does_nothing(self, tmp_path: Path) -> None:
        engine = SqliteEngine(tmp_path / "relais.db", ManualClock())
        await engine.store("agenda").add(a_note())
        await asyncio.gather(engine.close(), engine.close())
        await engine.close()
        async with opened(tmp_path) as storage:
            assert await storage.store("agenda").get(Note, "n1") is not None

    async def test_a_clean_stop_leaves_one_file_with_everything_in_it(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as storage:
            await storage.store("agenda").add(a_note())
        assert names(tmp_path) == {"relais.db", "relais.db.lock"}

    async def test_what_was_queued_when_closing_is_written(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as storage:
            store = storage.store("agenda")
            await store.add(a_note("first"))
            writes = [asyncio.create_task(store.add(a_note(f"n{number}"))) for number in range(50)]
            await asyncio.sleep(0)
        await asyncio.gather(*writes)
        async with opened(tmp_path) as storage:
            assert len([note async for note in storage.store("agenda").scan(Note)]) == 51

    @pytest.mark.parametrize("content", [b"id,name\n" * 1_000, b"SQLite format 3\x00" + b"?" * 5_000])
    async def test_what_is_no_database_is_refused_and_left_alone(
        self, tmp_path: Path, content: bytes
    ) -> None:
        path = tmp_path / "relais.db"
        path.write_bytes(content)
        for _ in range(2):  # the refusal gives the lock back
            with pytest.raises(FileUnusable, match=r"relais\.db"):
                SqliteEngine(path, ManualClock())
        assert path.read_bytes() == content

    async def test_a_folder_that_cannot_be_made_is_refused_with_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(FileUnusable, match="RELAIS_DATA_DIR"):
            SqliteEngine(tmp_path / "file" / "relais.db", ManualClock())

    async def test_only_its_user_may_read_it(self, tmp_path: Path) -> None:
        async with opened(tmp_path / "data") as storage:
            await storage.store("agenda").add(a_note())
            assert {path.stat().st_mode & 0o077 for path in (tmp_path / "data").iterdir()} == {0}

    async def test_a_sqlite_that_loses_data_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
        monkeypatch.setattr(sqlite_file, "OLDEST_SQLITE", (found[0], found[1], found[2] + 1))
        with pytest.raises(SqliteTooOld, match=apsw.sqlite_lib_version()):
            SqliteEngine(tmp_path / "relais.db", ManualClock())
        assert names(tmp_path) == set()

    async def test_the_settings_that_make_writes_durable_are_in_force(self, engine: SqliteEngine) -> None:
        def pragma(name: str) -> Any:
            return engine.write(lambda connection: connection.execute(f"PRAGMA {name}").get)

        assert await pragma("journal_mode") == "wal"
        assert await pragma("synchronous") == 2  # FULL
        assert await pragma("secure_delete") == 1
        assert await pragma("foreign_key_check") is None

    async def test_what_was_discarded_is_nowhere_in_the_file(self, tmp_path: Path) -> None:
        secret = "joignable-le-matin"
        async with opened(tmp_path) as storage:
            store = storage.store("agenda")
            await store.add(a_note(text=secret))
            await store.discard(Note, "n1")
        assert secret.encode() not in (tmp_path / "relais.db").read_bytes()

    async def test_readers_cannot_write(self, engine: SqliteEngine) -> None:
        with pytest.raises(StoreUnavailable):
            engine.read("DELETE FROM positions")


class TestGroupCommit:
    async def test_a_failing_operation_fails_alone(self, engine: SqliteEngine) -> None:
        store = engine.store("agenda")
        await store.get(Note, "x")

        def broken(connection: apsw.Connection) -> None:
            connection.execute('DELETE FROM "agenda__notes"')
            raise KeyError("bug")

        answers = await asyncio.gather(
            *(store.add(a_note(f"a{number}"), [numbered(number + 1)]) for number in range(10)),
            engine.write(broken),
            *(store.add(a_note(f"b{number}")) for number in range(10)),
            store.add(a_note("a0")),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Note] * 10 + [KeyError] + [Note] * 10 + [
            AlreadyExists
        ]
        assert len([note async for note in store.scan(Note)]) == 20
        ((events,),) = engine.read(f"SELECT count(*) FROM {log_table(NUMBERED)}")
        assert events == 10

    async def test_a_refusal_caused_by_an_operation_that_was_undone_does_not_stick(
        self, engine: SqliteEngine
    ) -> None:
        store = engine.store("agenda")
        note = await store.add(a_note())
        held, gate = threading.Event(), threading.Event()

        def hold(_connection: apsw.Connection) -> None:
            held.set()
            assert gate.wait(30)

        runs = iter(("together", "alone"))

        def discard_when_together(connection: apsw.Connection) -> None:
            if next(runs) == "alone":
                raise KeyError("bug")
            connection.execute('DELETE FROM "agenda__notes"')

        def fail(_connection: apsw.Connection) -> None:
            raise KeyError("bug")

        holding = asyncio.create_task(engine.write(hold))
        while not held.is_set():
            await asyncio.sleep(0)
        discarding = asyncio.create_task(engine.write(discard_when_together))
        saving = asyncio.create_task(store.save(note))
        failing = asyncio.create_task(engine.write(fail))
        await asyncio.sleep(0)
        gate.set()
        assert (await saving).version == 2
        await asyncio.gather(holding, discarding, failing, return_exceptions=True)
        assert await store.get(Note, "n1") == await saving

    async def test_a_statement_that_is_wrong_is_a_bug_and_not_an_engine_away(
        self, engine: SqliteEngine
    ) -> None:
        with pytest.raises(WriteRefused, match="SQLError"):
            await engine.write(lambda connection: connection.execute("SELECT * FROM nowhere"))

    async def test_a_full_disk_refuses_what_does_not_fit_and_nothing_else(self, engine: SqliteEngine) -> None:
        store = engine.store("agenda")
        await store.add(a_note("before"))
        pages = await engine.write(lambda connection: connection.execute("PRAGMA page_count").get)
        await engine.write(lambda connection: connection.execute(f"PRAGMA max_page_count={pages + 20}").get)
        answers = await asyncio.gather(
            store.add(a_note("small")),
            store.add(a_note("big", text="x" * 500_000), [numbered(1)]),
            store.add(a_note("small too")),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [Note, StoreUnavailable, Note]
        assert [note.id async for note in store.scan(Note)] == ["before", "small", "small too"]
        ((events,),) = engine.read(f"SELECT count(*) FROM {log_table(NUMBERED)}")
        assert events == 0
        await engine.write(lambda connection: connection.execute("PRAGMA max_page_count=1000000").get)
        assert (await store.add(a_note("big", text="x" * 500_000))).version == 1

    async def test_writers_that_wait_together_share_transactions(self, tmp_path: Path) -> None:
        sizes: list[int] = []
        async with opened(tmp_path, on_commit=lambda size, _seconds: sizes.append(size)) as storage:
            store = storage.store("agenda")
            await store.get(Note, "x")
            sizes.clear()
            await asyncio.gather(*(store.add(a_note(f"n{number}")) for number in range(MAX_BATCH + 100)))
        assert sum(sizes) == MAX_BATCH + 100
        assert len(sizes) < 100
        assert max(sizes) <= MAX_BATCH

    async def test_an_observer_that_fails_does_not_write_twice(
        self, tmp_path: Path, background: BackgroundFailures
    ) -> None:
        background.expect("sqlite.observer.failed")
        failing = False

        def observe(_size: int, _seconds: float) -> None:
            if failing:
                raise RuntimeError("metrics are broken")

        async with opened(tmp_path, on_commit=observe) as storage:
            store = storage.store("agenda")
            await store.get(Note, "x")
            failing = True
            added = await store.add(a_note(), [numbered(1)])
            saved = await store.save(added, [numbered(2)])
            failing = False
            assert await store.get(Note, "n1") == saved
            assert [event.sequence for event in await storage.published(NUMBERED)] == [1, 2]

    async def test_beyond_a_bound_writes_are_refused_at_once(self, engine: SqliteEngine) -> None:
        store = engine.store("agenda")
        await store.get(Note, "x")
        held, gate = threading.Event(), threading.Event()

        def wait(_connection: apsw.Connection) -> None:
            held.set()
            assert gate.wait(30)

        blocking = asyncio.create_task(engine.write(wait))
        while not held.is_set():
            await asyncio.sleep(0)
        waiting = [asyncio.create_task(engine.write(lambda _connection: None)) for _ in range(MAX_QUEUED)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="too many"):
            await store.add(a_note())
        gate.set()
        await asyncio.gather(blocking, *waiting)
        assert (await store.add(a_note())).version == 1

    def test_a_loop_that_ended_leaves_no_thread_behind(self, tmp_path: Path) -> None:
        path = tmp_path / "bare.db"

        async def forget_to_close() -> GroupCommitWriter:
            connection = apsw.Connection(str(path))
            connection.execute("CREATE TABLE t (x)")
            writer = GroupCommitWriter(connection, "forgotten")
            await writer.submit(lambda connection: connection.execute("INSERT INTO t VALUES (1)"))
            writer.submit(lambda connection: connection.execute("INSERT INTO t VALUES (2)"))
            return writer

        writer = asyncio.run(forget_to_close())
        writer._queue.put(None)  # nobody is left who could call `close`
        writer._thread.join(10)
        assert not writer._thread.is_alive()

    async def test_events_of_a_cancelled_caller_wake_the_readers(self, tmp_path: Path) -> None:
        gate, held = threading.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_step(name: str) -> None:
            if armed and name == "begun":
                loop.call_soon_threadsafe(held.set)
                assert gate.wait(10)

        armed = False
        async with opened(tmp_path, on_step=on_step) as storage:
            store = storage.store("agenda")
            await store.get(Note, "x")
            woken = asyncio.Event()
            storage.engine.on_published(lambda _topics: woken.set())
            armed = True
            adding = asyncio.create_task(store.add(a_note(), [numbered(1)]))
            await held.wait()
            adding.cancel()
            await asyncio.gather(adding, return_exceptions=True)
            gate.set()
            async with asyncio.timeout(10):
                await woken.wait()
            assert [event.id for event in await storage.published(NUMBERED)] == ["n1:1"]

    async def test_a_listener_that_fails_keeps_no_caller_waiting(
        self, engine: SqliteEngine, background: BackgroundFailures
    ) -> None:
        store = engine.store("agenda")
        await store.get(Note, "x")

        def fail(_topics: frozenset[Topic]) -> None:
            raise KeyError("bug")

        engine.on_published(fail)
        async with asyncio.timeout(10):
            added = await asyncio.gather(
                *(store.add(a_note(f"n{number}"), [numbered(number + 1)]) for number in range(5))
            )
        assert {note.version for note in added} == {1}
        assert background.seen
        assert all("KeyError" in seen for seen in background.seen)
        background.seen.clear()
