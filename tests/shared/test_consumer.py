"""The consumer runtime over the embedded engine: what becomes of each record, in which order, and what is committed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.bus.consumer import HANDLER_WAITS, MAX_IN_FLIGHT, STALLED_SECONDS, Consumer
from shared.bus.deadletter import DeadLetter
from shared.bus.embedded import EmbeddedBus
from shared.bus.failures import ALLOWED, WINDOW_SECONDS, FailureBudget
from shared.bus.lanes import LowWater
from shared.bus.port import Partition, Record
from shared.errors import Unavailable
from shared.events.cases import CaseErased
from shared.events.deliveries import DeliveryExhausted
from shared.events.envelope import Event, stamp
from shared.observability import metrics
from shared.observability.health import Level
from shared.observability.tracing import current_traceparent
from shared.service import Handlers
from shared.store.port import Document, Store, StoreUnavailable
from shared.store.sqlite import SqliteEngine, log_table
from tests.contract.samples import MORNING, NUMBERED, OTHER, a_note, numbered, other
from tests.support.background import BackgroundFailures
from tests.support.clock import ManualClock

PATIENCE_SECONDS = 20
PARTITION = Partition(NUMBERED, 0)


class AwayError(Unavailable):
    def __init__(self) -> None:
        super().__init__("the town hall is closed")


class Handler:
    """A handler whose every call ends when the test says how: `await call(...)`, then `end` or `fail` it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Event[Any], asyncio.Future[None]]] = []
        self.done: list[str] = []
        self._called = asyncio.Event()

    async def __call__(self, event: Event[Any]) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.calls.append((event, future))
        self._called.set()
        await future
        self.done.append(event.id)

    @property
    def running(self) -> list[str]:
        return [event.id for event, future in self.calls if not future.done()]

    async def until_called(self, times: int) -> None:
        while len(self.calls) < times:
            self._called.clear()
            await asyncio.wait_for(self._called.wait(), PATIENCE_SECONDS)

    def end(self, event_id: str, error: Exception | None = None) -> None:
        future = next(future for event, future in self.calls if event.id == event_id and not future.done())
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


class FlakyStore:
    """The consumer's own store, that can be away or refuse; everything else is the real one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.error: Exception | None = None

    async def add(self, document: Document, events: Sequence[Any] = ()) -> Document:
        if self.error is not None:
            raise self.error
        return await self._store.add(document, events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass
class Bench:
    engine: SqliteEngine
    bus: EmbeddedBus
    clock: ManualClock
    store: FlakyStore
    group: str = "relais.bench"
    seconds: float = 1_000.0
    started: list[tuple[Consumer, asyncio.Task[None]]] = field(default_factory=list)

    def start(self, handlers: Handlers) -> Consumer:
        consumer = Consumer(
            self.group,
            handlers,
            bus=self.bus,
            store=self.store,  # type: ignore[arg-type]
            clock=self.clock,
            rng=random.Random(3),
            monotonic=lambda: self.seconds,
        )
        self.started.append((consumer, asyncio.create_task(consumer.run())))
        return consumer

    async def stop(self) -> None:
        """Stop the newest consumer; it must end by itself."""
        consumer, task = self.started[-1]
        consumer.stop()
        await asyncio.wait_for(task, PATIENCE_SECONDS)

    async def publish(self, key: str, *numbers: int) -> None:
        store = self.engine.store("agenda")
        await store.add(a_note(key), [numbered(number) for number in numbers])

    async def publish_raw(self, key: str, body: bytes | None) -> None:
        sql = f"INSERT INTO {log_table(NUMBERED)} (key, body, at) VALUES (?, ?, ?)"
        at = self.clock.now().timestamp()
        await self.engine.write(lambda connection: connection.execute(sql, (key, body, at)))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not true():
                await asyncio.sleep(0)

    async def until_idle(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self.started[-1][0].idle():
                await asyncio.sleep(0)

    async def keep_advancing(self, step: timedelta = timedelta(seconds=20)) -> None:
        """Move the clock on for as long as this runs, so that every wait ends."""
        while True:
            self.clock.advance(step)
            await asyncio.sleep(0)

    async def position(self) -> int:
        return (await self.bus.stored_positions(self.group, [NUMBERED])).get(PARTITION, 1)

    async def until_position(self, position: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.position() != position:
                await asyncio.sleep(0)

    async def letters(self) -> list[DeadLetter]:
        return (await self.store.find(DeadLetter, "by_group", {"group": self.group})).items


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = ManualClock()
    engine = SqliteEngine(tmp_path / "relais.db", clock)
    bench = Bench(engine, EmbeddedBus(engine), clock, FlakyStore(engine.store("bench")))
    yield bench
    for _, task in bench.started:
        task.cancel()
    await asyncio.gather(*(task for _, task in bench.started), return_exceptions=True)
    await engine.close()


@asynccontextmanager
async def time_passing(bench: Bench) -> AsyncIterator[None]:
    passing = asyncio.create_task(bench.keep_advancing())
    try:
        yield
    finally:
        passing.cancel()


class TestOrder:
    async def test_keys_run_side_by_side_and_one_key_in_order(self, bench: Bench) -> None:
        handler = Handler()
        await bench.publish("a", 1, 2, 3)
        await bench.publish("b", 1, 2)
        bench.start({DeliveryExhausted: handler})
        await handler.until_called(2)
        assert handler.running == ["a:1", "b:1"]
        handler.end("b:1")
        await handler.until_called(3)
        assert handler.running == ["a:1", "b:2"]
        for event_id in ("a:1", "a:2", "a:3"):
            await bench.until(lambda wanted=event_id: wanted in handler.running)  # type: ignore[misc]
            handler.end(event_id)
        handler.end("b:2")
        await bench.until_idle()
        assert [event_id for event_id in handler.done if event_id.startswith("a")] == ["a:1", "a:2", "a:3"]

    async def test_only_what_lies_below_everything_in_flight_is_committed(self, bench: Bench) -> None:
        handler = Handler()
        for key in "abcd":
            await bench.publish(key, 1)
        bench.start({DeliveryExhausted: handler})
        await handler.until_called(4)
        handler.end("b:1")
        handler.end("d:1")
        await bench.until(lambda: len(handler.done) == 2)
        assert await bench.position() == 1
        handler.end("a:1")
        await bench.until_position(3)
        handler.end("c:1")
        await bench.until_position(5)

    async def test_a_record_that_is_slow_does_not_hold_up_other_keys(self, bench: Bench) -> None:
        slow, quick = Handler(), Handler()

        async def handle(event: Event[Any]) -> None:
            await (slow if event.aggregate_id == "slow" else quick)(event)

        await bench.publish("slow", 1)
        bench.start({DeliveryExhausted: handle})
        await slow.until_called(1)
        for number in range(1, 20):
            await bench.publish(f"k{number}", number)
            await quick.until_called(number)
            quick.end(f"k{number}:1")
        slow.end("slow:1")
        await bench.until_position(21)

    async def test_no_more_than_a_bound_is_in_flight(self, bench: Bench) -> None:
        handler = Handler()
        store = bench.engine.store("agenda")
        count = MAX_IN_FLIGHT + 600
        await asyncio.gather(*(store.add(a_note(f"n{n}"), [numbered(n + 1)]) for n in range(count)))
        bench.start({DeliveryExhausted: handler})
        await handler.until_called(MAX_IN_FLIGHT)
        for _ in range(50):
            await asyncio.sleep(0)
        taken = len(handler.calls)
        assert MAX_IN_FLIGHT <= taken < count
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(handler.done) < count:
                for event_id in handler.running:
                    handler.end(event_id)
                await asyncio.sleep(0)
        await bench.until_position(count + 1)

    async def test_a_handler_works_for_the_trace_of_its_event(self, bench: Bench) -> None:
        seen: list[str | None] = []

        async def note(_event: Event[Any]) -> None:
            seen.append(current_traceparent())

        trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
        (traced,) = stamp("k", 0, [numbered(1)], MORNING, trace)
        (plain,) = stamp("k", 1, [numbered(2)], MORNING, None)
        await bench.publish_raw("k", traced.body)
        await bench.publish_raw("k", plain.body)
        bench.start({DeliveryExhausted: note})
        await bench.until_idle()
        assert seen[0] == trace
        assert seen[1] not in (None, trace)


class TestUnreadable:
    async def test_types_without_a_handler_and_tombstones_are_skipped_and_counted(self, bench: Bench) -> None:
        counter = metrics.EVENTS_HANDLED.labels
        before = [counter(bench.group, name, "skipped")._value.get() for name in ("other", "tombstone")]
        (unknown,) = stamp("k", 0, [other()], MORNING, None)
        await bench.publish_raw("k", unknown.body)
        await bench.publish_raw("k", None)
        await bench.publish("n1", 1)
        handler = Handler()
        bench.start({DeliveryExhausted: handler})
        await handler.until_called(1)
        handler.end("n1:1")
        await bench.until_idle()
        after = [counter(bench.group, name, "skipped")._value.get() for name in ("other", "tombstone")]
        assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1]
        assert await bench.letters() == []
        assert await bench.position() == 4

    @pytest.mark.parametrize(
        ("change", "cause", "known"),
        [
            (b"{", "not JSON", False),
            (b"\xff\xfe", "not JSON", False),
            (b"", "not JSON", False),
            (b'["Mme Lefevre"]', "not CloudEvents 1.0:  (model_type)", False),
            ({"specversion": "Mme Lefevre"}, "not CloudEvents 1.0: specversion (literal_error)", False),
            ({"sequence": "Mme Lefevre"}, "not CloudEvents 1.0: sequence (string_pattern_mismatch)", False),
            (
                {"data": {"owner": "Mme Lefevre", "attempts": 0}},
                "fr.relais.delivery.exhausted.v1: attempts (greater_than_equal), event_id (missing), "
                "owner (string_pattern_mismatch), subscription_id (missing)",
                True,
            ),
        ],
    )
    async def test_what_cannot_be_read_becomes_a_dead_letter_and_the_rest_goes_on(
        self, bench: Bench, change: Any, cause: str, known: bool
    ) -> None:
        (good,) = stamp("k", 0, [numbered(1)], MORNING, None)
        body = change if isinstance(change, bytes) else orjson.dumps(orjson.loads(good.body) | change)
        await bench.publish_raw("k", body)
        await bench.publish_raw("k", good.body)
        handler = Handler()
        bench.start({DeliveryExhausted: handler})
        await handler.until_called(1)
        handler.end("k:1")
        await bench.until_idle()
        (letter,) = await bench.letters()
        assert letter.id == "relais.bench/relais.deliveries/0/1"
        assert (letter.cause, letter.attempts, letter.key) == (cause, 1, "k")
        assert letter.event_type == ("fr.relais.delivery.exhausted.v1" if known else None)
        assert "Lefevre" not in letter.cause
        assert await bench.position() == 3

    async def test_a_bug_in_a_validator_of_ours_does_not_block_the_partition(
        self, bench: Bench, background: BackgroundFailures
    ) -> None:
        class Broken(DeliveryExhausted):
            @classmethod
            def model_validate(cls, *_args: Any, **_options: Any) -> Any:
                raise KeyError("Mme Lefevre")

        handler = Handler()
        bench.start({Broken: handler})
        await bench.publish("n1", 1)
        await bench.until_idle()
        (letter,) = await bench.letters()
        assert letter.cause == "KeyError"
        assert handler.calls == []


class TestFailures:
    async def test_a_failing_handler_is_retried_on_the_table_then_gives_a_dead_letter(
        self, bench: Bench
    ) -> None:
        handler = Handler()
        await bench.publish("n1", 1, 2)
        bench.start({DeliveryExhausted: handler})
        for attempt, wait in enumerate(HANDLER_WAITS, start=1):
            await handler.until_called(attempt)
            handler.end("n1:1", ValueError("Mme Lefevre"))
            await bench.until(lambda: bool(bench.clock.sleeping()))
            bench.clock.advance(wait - timedelta(microseconds=1))
            for _ in range(5):
                await asyncio.sleep(0)
            assert len(handler.calls) == attempt
            bench.clock.advance(timedelta(microseconds=1))
        await handler.until_called(5)
        handler.end("n1:1", ValueError("Mme Lefevre"))
        await handler.until_called(6)
        assert handler.running == ["n1:2"]
        handler.end("n1:2")
        await bench.until_idle()
        (letter,) = await bench.letters()
        assert (letter.cause, letter.attempts) == ("ValueError", 5)
        assert letter.event_type == "fr.relais.delivery.exhausted.v1"
        assert "Lefevre" not in letter.model_dump_json(exclude={"body"})
        assert await bench.position() == 3

    async def test_the_table_stays_under_a_minute(self) -> None:
        assert sum(HANDLER_WAITS, timedelta()) < timedelta(seconds=60)

    async def test_a_handler_that_recovers_leaves_no_letter(self, bench: Bench) -> None:
        handler = Handler()
        await bench.publish("n1", 1)
        bench.start({DeliveryExhausted: handler})
        async with time_passing(bench):
            for attempt in range(1, 5):
                await handler.until_called(attempt)
                handler.end("n1:1", ValueError("once more"))
            await handler.until_called(5)
            handler.end("n1:1")
            await bench.until_idle()
        assert await bench.letters() == []

    async def test_what_is_away_is_waited_for_without_end(self, bench: Bench) -> None:
        handler = Handler()
        await bench.publish("n1", 1)
        consumer = bench.start({DeliveryExhausted: handler})
        async with time_passing(bench):
            for attempt in range(1, 40):
                await handler.until_called(attempt)
                handler.end("n1:1", AwayError())
                await bench.until(lambda: consumer.health().level is Level.DEGRADED)
                assert consumer.health().why == "waiting: the town hall is closed"
            await handler.until_called(40)
            handler.end("n1:1")
            await bench.until_idle()
        assert consumer.health().level is Level.OK
        assert await bench.letters() == []
        assert handler.done == ["n1:1"]

    async def test_away_then_failing_ends_as_a_letter_and_healthy(self, bench: Bench) -> None:
        handler = Handler()
        await bench.publish("n1", 1)
        consumer = bench.start({DeliveryExhausted: handler})
        async with time_passing(bench):
            for attempt in range(1, 6):
                await handler.until_called(2 * attempt - 1)
                handler.end("n1:1", AwayError())
                await handler.until_called(2 * attempt)
                handler.end("n1:1", ValueError("no"))
            await bench.until_idle()
        assert consumer.health().level is Level.OK
        assert [letter.attempts for letter in await bench.letters()] == [5]

    async def test_a_letter_waits_for_its_store(self, bench: Bench) -> None:
        bench.store.error = StoreUnavailable("it sleeps")
        await bench.publish_raw("k", b"{")
        consumer = bench.start({DeliveryExhausted: Handler()})
        async with time_passing(bench):
            await bench.until(lambda: consumer.health().level is Level.DEGRADED)
            assert await bench.position() == 1
            bench.store.error = None
            await bench.until_idle()
        assert len(await bench.letters()) == 1
        assert await bench.position() == 2

    async def test_a_letter_that_is_refused_stops_the_consumer_and_is_not_dropped(
        self, bench: Bench, background: BackgroundFailures
    ) -> None:
        background.expect("event.consumer.stopped")
        bench.store.error = KeyError("bug")
        await bench.publish_raw("k", b"{")
        consumer = bench.start({DeliveryExhausted: Handler()})
        await asyncio.wait_for(bench.started[-1][1], PATIENCE_SECONDS)
        assert consumer.health().level is Level.FAILED
        assert not await consumer.idle()
        assert await bench.position() == 1
        bench.store.error = None
        bench.start({DeliveryExhausted: Handler()})
        await bench.until_idle()
        assert len(await bench.letters()) == 1

    async def test_a_letter_stored_before_a_crash_is_the_same_letter(self, bench: Bench) -> None:
        await bench.publish_raw("k", b"{")
        for _ in range(2):
            bench.start({DeliveryExhausted: Handler()})
            await bench.until_idle()
            await bench.stop()
            await bench.engine.write(lambda connection: connection.execute("DELETE FROM positions"))
        assert len(await bench.letters()) == 1

    async def test_too_many_failures_stop_the_consumer(
        self, bench: Bench, background: BackgroundFailures
    ) -> None:
        background.expect("event.consumer.stopped")

        async def fail(_event: Event[Any]) -> None:
            raise ValueError("always")

        for number in range(ALLOWED + 5):
            await bench.publish(f"n{number:02d}", 1)
        consumer = bench.start({DeliveryExhausted: fail})
        async with time_passing(bench):
            await asyncio.wait_for(bench.started[-1][1], PATIENCE_SECONDS)
        assert consumer.health().level is Level.FAILED
        assert str(ALLOWED + 1) in consumer.health().why
        letters = await bench.letters()
        assert ALLOWED < len(letters) <= ALLOWED + 5
        # Every record is either kept as a letter or comes again.
        kept = {letter.offset for letter in letters}
        assert set(range(1, await bench.position())) <= kept

    async def test_a_poison_record_in_a_busy_lane_costs_only_itself(self, bench: Bench) -> None:
        handled: list[int] = []

        async def handle(event: Event[DeliveryExhausted]) -> None:
            if event.data.attempts == 2:
                raise ValueError("poison")
            handled.append(event.data.attempts)

        await bench.publish("n1", *range(1, 11))
        bench.start({DeliveryExhausted: handle})
        async with time_passing(bench):
            await bench.until_idle()
        assert handled == [1, *range(3, 11)]
        assert [letter.offset for letter in await bench.letters()] == [2]


class TestHealth:
    async def test_a_handler_that_never_ends_is_told(self, bench: Bench) -> None:
        handler = Handler()
        await bench.publish("n1", 1)
        consumer = bench.start({DeliveryExhausted: handler})
        await handler.until_called(1)
        for _ in range(3):  # the loop itself turns
            bench.seconds += STALLED_SECONDS / 2
            consumer._last_turn = bench.seconds
        assert consumer.health().level is Level.FAILED
        assert "handler" in consumer.health().why
        handler.end("n1:1")
        await bench.until_idle()
        assert consumer.health().level is Level.OK

    async def test_a_loop_that_turns_no_more_is_told(self, bench: Bench) -> None:
        consumer = bench.start({DeliveryExhausted: Handler()})
        await bench.until_idle()
        assert consumer.health().level is Level.OK
        bench.seconds += STALLED_SECONDS + 1
        assert consumer.health().level is Level.FAILED
        assert "no progress" in consumer.health().why

    async def test_the_gauge_counts_what_is_not_yet_handled(self, bench: Bench) -> None:
        handler = Handler()
        for key in "abc":
            await bench.publish(key, 1)
        consumer = bench.start({DeliveryExhausted: handler})
        await consumer.report_lag()
        await handler.until_called(3)
        await consumer.report_lag()
        gauge = metrics.CONSUMER_LAG.labels(bench.group, NUMBERED)
        assert gauge._value.get() == 3
        for key in "abc":
            handler.end(f"{key}:1")
        await bench.until_idle()
        await bench.stop()
        await consumer.report_lag()
        assert gauge._value.get() == 0


class TestStop:
    async def test_a_stop_ends_an_idle_consumer_and_leaves_the_group(self, bench: Bench) -> None:
        bench.start({DeliveryExhausted: Handler()})
        await bench.until_idle()
        await bench.stop()
        handler = Handler()
        bench.start({DeliveryExhausted: handler})
        await bench.publish("n1", 1)
        await handler.until_called(1)
        handler.end("n1:1")
        await bench.until_idle()

    async def test_a_stop_before_the_first_turn(self, bench: Bench) -> None:
        await bench.publish("n1", 1)
        handler = Handler()
        bench.start({DeliveryExhausted: handler})
        await bench.stop()
        assert handler.calls == []
        assert await bench.position() == 1

    async def test_a_stop_lets_running_handlers_end_and_leaves_the_rest(self, bench: Bench) -> None:
        handler = Handler()
        await bench.publish("a", 1, 2, 3)
        await bench.publish("b", 1)
        bench.start({DeliveryExhausted: handler})
        await handler.until_called(2)
        stopping = asyncio.create_task(bench.stop())
        await asyncio.sleep(0)
        handler.end("a:1")
        await asyncio.sleep(0)
        handler.end("b:1")
        await stopping
        assert handler.done == ["a:1", "b:1"]
        assert len(handler.calls) == 2
        assert await bench.position() == 2
        again = Handler()
        bench.start({DeliveryExhausted: again})
        await again.until_called(2)
        assert sorted(again.running) == ["a:2", "b:1"]

    async def test_a_stop_while_a_handler_waits_to_be_retried(self, bench: Bench) -> None:
        handler = Handler()
        await bench.publish("n1", 1)
        bench.start({DeliveryExhausted: handler})
        await handler.until_called(1)
        handler.end("n1:1", ValueError("no"))
        await bench.until(lambda: bool(bench.clock.sleeping()))
        await bench.stop()
        assert await bench.position() == 1
        assert await bench.letters() == []

    async def test_a_stop_while_something_is_away(self, bench: Bench) -> None:
        handler = Handler()
        await bench.publish("n1", 1)
        bench.start({DeliveryExhausted: handler})
        await handler.until_called(1)
        handler.end("n1:1", AwayError())
        await bench.until(lambda: bool(bench.clock.sleeping()))
        await bench.stop()
        assert await bench.position() == 1

    async def test_a_stop_while_a_letter_waits_for_its_store(self, bench: Bench) -> None:
        bench.store.error = StoreUnavailable("it sleeps")
        await bench.publish_raw("k", b"{")
        bench.start({DeliveryExhausted: Handler()})
        await bench.until(lambda: bool(bench.clock.sleeping()))
        await bench.stop()
        assert await bench.position() == 1
        bench.store.error = None
        bench.start({DeliveryExhausted: Handler()})
        await bench.until_idle()
        assert len(await bench.letters()) == 1

    async def test_a_stop_at_the_bound_of_what_is_in_flight(self, bench: Bench) -> None:
        handler = Handler()
        await bench.engine.store("agenda").add(
            a_note(), [numbered(number) for number in range(1, MAX_IN_FLIGHT + 300)]
        )
        bench.start({DeliveryExhausted: handler})
        await handler.until_called(1)
        stopping = asyncio.create_task(bench.stop())
        await asyncio.sleep(0)
        handler.end("n1:1")
        await stopping
        assert handler.done == ["n1:1"]
        assert await bench.position() == 2

    async def test_cancelling_abandons_handlers_that_do_not_end(self, bench: Bench) -> None:
        handler = Handler()
        await bench.publish("n1", 1)
        consumer = bench.start({DeliveryExhausted: handler})
        await handler.until_called(1)
        consumer.stop()
        bench.started[-1][1].cancel()
        await asyncio.gather(bench.started[-1][1], return_exceptions=True)
        assert [future.cancelled() for _, future in handler.calls] == [True]
        again = Handler()
        bench.start({DeliveryExhausted: again})
        await again.until_called(1)
        assert again.running == ["n1:1"]


class TestRedelivery:
    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        lives=st.lists(st.integers(1, 5), min_size=1, max_size=4),
        order=st.randoms(use_true_random=False),
        rounds=st.integers(1, 3),
    )
    async def test_everything_twice_and_shuffled_gives_the_same_state(
        self, bench: Bench, lives: list[int], order: random.Random, rounds: int
    ) -> None:
        """Repeats may come in any order across keys, and whole stretches of a key may come again."""
        bench.group = f"relais.bench{next(_examples)}"
        start = (await bench.bus.end_positions(NUMBERED))[PARTITION]
        await bench.engine.write(
            lambda connection: connection.execute(
                "INSERT INTO positions VALUES (?, ?, ?)", (bench.group, str(NUMBERED), start)
            )
        )
        per_key = {
            f"k{index}": [
                event.body
                for event in stamp(f"k{index}", 0, [numbered(n) for n in range(1, count + 1)], MORNING, None)
            ]
            for index, count in enumerate(lives)
        }
        stretches = [
            (key, bodies[:cut]) for key, bodies in per_key.items() for cut in range(1, len(bodies) + 1)
        ]
        wanted = {key: list(range(1, len(bodies) + 1)) for key, bodies in per_key.items()}
        for _ in range(rounds):
            order.shuffle(stretches)
            for key, bodies in stretches:
                for body in bodies:
                    await bench.publish_raw(key, body)
        seen: dict[str, list[int]] = {}
        last: dict[str, int] = {}

        async def count(event: Event[DeliveryExhausted]) -> None:
            if event.sequence <= last.get(event.aggregate_id, 0):
                return
            last[event.aggregate_id] = event.sequence
            seen.setdefault(event.aggregate_id, []).append(event.data.attempts)

        bench.start({DeliveryExhausted: count})
        await bench.until_idle()
        await bench.stop()
        assert seen == wanted


_examples = iter(range(10**9))


class TestLowWater:
    @given(data=st.data(), count=st.integers(1, 12))
    def test_the_position_is_below_the_lowest_open_record(self, data: st.DataObject, count: int) -> None:
        water = LowWater()
        gaps = data.draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
        offsets = [sum(gaps[: index + 1]) for index in range(count)]
        records = [Record(PARTITION, offset, "k", b"", MORNING) for offset in offsets]
        for record in records:
            water.began(record)
        ended: set[int] = set()
        for record in data.draw(st.permutations(records)):
            water.ended(record)
            ended.add(record.offset)
            done = 0
            while done < count and offsets[done] in ended:
                done += 1
            assert water.to_commit() == ({PARTITION: offsets[done - 1] + 1} if done else {})
            assert water.in_flight() == water.in_flight(PARTITION) == count - done
        water.committed(water.to_commit())
        assert water.to_commit() == {}

    def test_a_partition_that_comes_back_begins_afresh(self) -> None:
        water, elsewhere = LowWater(), Partition(OTHER, 0)
        for partition in (PARTITION, elsewhere):
            record = Record(partition, 8, "k", b"", MORNING)
            water.began(record)
            water.ended(record)
        water.began(Record(PARTITION, 9, "k", b"", MORNING))
        water.forget([PARTITION])
        assert (water.in_flight(), water.to_commit()) == (0, {elsewhere: 9})
        earlier = Record(PARTITION, 3, "k", b"", MORNING)
        water.began(earlier)
        water.ended(earlier)
        assert water.to_commit() == {PARTITION: 4, elsewhere: 9}


class TestBudget:
    def test_few_failures_are_borne(self) -> None:
        now = [0.0]
        budget = FailureBudget(lambda: now[0])
        for _ in range(ALLOWED):
            budget.failed()
        assert budget.overspent() == 0
        budget.failed()
        assert budget.overspent() == ALLOWED + 1

    def test_many_are_borne_among_very_many(self) -> None:
        now = [0.0]
        budget = FailureBudget(lambda: now[0])
        for _ in range(10_000):
            budget.handled()
        for _ in range(100):
            budget.failed()
        assert budget.overspent() == 0
        budget.failed()
        budget.failed()
        assert budget.overspent() == 102

    def test_old_failures_are_forgotten(self) -> None:
        now = [0.0]
        budget = FailureBudget(lambda: now[0])
        for _ in range(ALLOWED):
            budget.failed()
        now[0] += WINDOW_SECONDS + 1
        budget.failed()
        assert budget.overspent() == 0


async def test_handlers_of_several_topics_are_one_group(bench: Bench) -> None:
    handler = Handler()
    await bench.engine.store("agenda").add(a_note(), [numbered(1), other()])
    bench.start({DeliveryExhausted: handler, CaseErased: handler})
    for number in (1, 2):
        await handler.until_called(number)
        handler.end(*handler.running)
    await bench.until_idle()
    assert sorted(handler.done) == ["n1:1", "n1:2"]
