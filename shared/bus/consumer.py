"""The consumer runtime: one loop for each service's group, the same over every engine of the bus.

Keys run side by side, one key in order; positions are committed after the effects are stored, never beyond the
lowest record still in flight. What happens to a record:

| what it is | what is done |
| --- | --- |
| a type this group has no handler for, or a tombstone | skipped and counted |
| not JSON, not CloudEvents, or a known type that breaks its schema | dead letter at once |
| its handler says that something is away (`Unavailable`) | tried again without end; health is degraded |
| its handler fails otherwise | tried again after 0.1, 0.5, 2 and 8 s, then dead letter (under 60 s in all) |

A dead letter that can't be stored is tried again without end as well: nothing is dropped. When handlers fail for more than
20 records in 5 minutes, and for more than 1 % of what was handled meanwhile, the bug is ours: the consumer stops and health fails.
"""

import asyncio
import base64
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from shared.bus.deadletter import DeadLetter
from shared.bus.lanes import LowWater
from shared.bus.port import Bus, Partition, Record, Subscription
from shared.bus.topics import Topic
from shared.clock import Clock
from shared.errors import Unavailable
from shared.events.envelope import Envelope, InvalidEvent, open_envelope, read_envelope
from shared.events.payload import Payload
from shared.observability import metrics
from shared.observability.health import OK, Level, State
from shared.observability.tracing import continue_trace
from shared.service import Handler, Handlers
from shared.sqlite.writer import OnStep, no_step
from shared.store.port import AlreadyExists, Store

log = structlog.get_logger()

T = TypeVar("T")

HANDLER_WAITS = tuple(timedelta(seconds=seconds) for seconds in (0.1, 0.5, 2, 8))
AWAY_FIRST_WAIT = timedelta(seconds=0.2)
AWAY_LONGEST_WAIT = timedelta(seconds=15)
FETCH_LIMIT = 256
MAX_IN_FLIGHT = 1_024
POLL = timedelta(seconds=1)
STALLED_SECONDS = 60.0
FAILURES_WINDOW_SECONDS = 300.0
FAILURES_ALLOWED = 20
FAILURES_SHARE = 0.01


class _LeftUndoneError(Exception):
    """A stop came while something was away: the record stays uncommitted and comes again."""


class Consumer:
    """Reads the topics of its handlers' types as one group. `run` it as a task; `stop` ends it cleanly."""

    def __init__(
        self,
        group: str,
        handlers: Handlers,
        *,
        bus: Bus,
        store: Store,
        clock: Clock,
        rng: random.Random,
        on_step: OnStep = no_step,
    ) -> None:
        self.group = group
        self._handlers: Mapping[str, tuple[type[Payload], Handler]] = {
            payload.event_type: (payload, handler) for payload, handler in handlers.items()
        }
        self._topics: Sequence[Topic] = sorted({payload.topic for payload in handlers})
        self._bus, self._store, self._clock, self._random = bus, store, clock, rng
        self._on_step = on_step
        self._water = LowWater()
        self._lanes: dict[str, deque[Record]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._stop_asked = asyncio.Event()
        self._waiting: asyncio.Timeout | None = None
        self._subscription: Subscription | None = None
        self._last_turn = time.monotonic()
        self._away: dict[str, str] = {}
        self._failures: deque[float] = deque()
        self._handled: deque[float] = deque(maxlen=100_000)
        self._stopped_why = ""

    async def run(self) -> None:
        """Read and handle until `stop`; then let what is in flight end and commit it."""
        with suppress(_LeftUndoneError):
            await self._read()
        if self._subscription is not None:
            await self._drain()
            await self._subscription.close()

    async def _read(self) -> None:
        subscription = self._subscription = await self._until_back(
            "join", lambda: self._bus.join(self.group, self._topics, self._revoked)
        )
        while not self._stop_asked.is_set():
            self._last_turn = time.monotonic()
            await self._turn(subscription)

    def stop(self) -> None:
        """Ask the loop to end."""
        self._stop_asked.set()
        self._ended.set()
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    def health(self) -> State:
        """Failed: stopped, or no turn of the loop for a minute. Degraded: something is away and work waits."""
        if self._stopped_why:
            return State(Level.FAILED, self._stopped_why)
        if time.monotonic() - self._last_turn > STALLED_SECONDS:
            return State(Level.FAILED, f"no progress for {STALLED_SECONDS:.0f} s")
        if self._away:
            return State(Level.DEGRADED, f"waiting: {next(iter(self._away.values()))}")
        return OK

    async def idle(self) -> bool:
        """Tell whether everything published so far is handled and committed."""
        if self._subscription is None or self._water.in_flight() or self._water.to_commit():
            return False
        return not any((await self._subscription.lag()).values())

    async def _turn(self, subscription: Subscription) -> None:
        """One turn: take records while there is room, else wait for some to end; commit what is done."""
        if self._water.in_flight() < MAX_IN_FLIGHT:
            # While work is in flight or just ended the wait is short, so that its positions are committed soon.
            busy = self._water.in_flight() or self._water.to_commit()
            wait = timedelta(milliseconds=20) if busy else POLL
            for record in await self._until_back("fetch", lambda: self._fetch(subscription, wait)):
                self._submit(record)
        else:
            await self._ended.wait()
        self._ended.clear()
        await asyncio.sleep(0)
        await self._commit(subscription)

    async def _fetch(self, subscription: Subscription, wait: timedelta) -> list[Record]:
        """Take the next records. A stop ends the wait: what was taken meanwhile is not committed and comes again.

        Awaited in the loop's own task: between the moment the reader moves on and `_submit`, `idle` must not look.
        """
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await subscription.fetch(FETCH_LIMIT, wait)
        except TimeoutError:
            if not self._stop_asked.is_set():
                raise
            return []
        finally:
            self._waiting = None

    def _submit(self, record: Record) -> None:
        self._water.began(record)
        lane = self._lanes.get(record.key)
        if lane is not None:
            lane.append(record)
            return
        self._lanes[record.key] = deque([record])
        task = asyncio.create_task(self._work(record.key))
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(f"the runtime itself failed: {type(error).__name__}")

    async def _work(self, key: str) -> None:
        """Handle one key's records in order until there are none left."""
        lane = self._lanes[key]
        while lane and not self._stopped_why:
            record = lane[0]
            try:
                await self._handle(record)
            except _LeftUndoneError:
                return
            self._on_step("handled")
            lane.popleft()
            self._water.ended(record)
            self._ended.set()
        if not lane:
            del self._lanes[key]

    async def _handle(self, record: Record) -> None:
        if record.value is None:
            self._count("tombstone", "skipped")
            return
        envelope: Envelope | None = None
        try:
            envelope = read_envelope(record.value)
            entry = self._handlers.get(envelope.type)
            if entry is None:
                self._count("other", "skipped")
                return
            payload_type, handler = entry
            event = open_envelope(envelope, payload_type)
        except InvalidEvent as error:
            known = envelope.type if envelope and envelope.type in self._handlers else None
            await self._bury(record, known, error.cause, attempts=1)
            return
        metrics.DELIVERY_SECONDS.labels(self.group).observe(
            max(0.0, (self._clock.now() - event.time).total_seconds())
        )
        continue_trace(event.traceparent)
        await self._try(record, event.type, handler, event)

    async def _try(self, record: Record, event_type: str, handler: Handler, event: Any) -> None:
        for attempt in range(1, len(HANDLER_WAITS) + 2):
            try:
                await self._until_back(event.id, lambda: self._timed(event_type, handler, event))
            except _LeftUndoneError:
                raise
            except Exception as error:
                log.exception(
                    "event.handler.failed",
                    group=self.group,
                    type=event_type,
                    event_id=event.id,
                    attempt=attempt,
                )
                if attempt > len(HANDLER_WAITS):
                    await self._bury(record, event_type, type(error).__name__, attempts=attempt)
                    self._note_failure()
                    return
                self._count(event_type, "retried")
                await self._pause(HANDLER_WAITS[attempt - 1])
            else:
                self._handled.append(time.monotonic())
                self._count(event_type, "handled")
                return

    async def _timed(self, event_type: str, handler: Handler, event: Any) -> None:
        started = time.perf_counter()
        try:
            await handler(event)
        finally:
            metrics.HANDLER_SECONDS.labels(self.group, event_type).observe(time.perf_counter() - started)

    async def _pause(self, duration: timedelta) -> None:
        """Wait; a stop ends the wait and leaves the record for the next start."""
        waits = [
            asyncio.ensure_future(self._clock.sleep(duration)),
            asyncio.ensure_future(self._stop_asked.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._stop_asked.is_set():
            raise _LeftUndoneError

    async def _until_back(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Run `call` again for as long as something it needs is away, slower and slower."""
        wait = AWAY_FIRST_WAIT
        while True:
            try:
                result = await call()
            except Unavailable as error:
                self._away[what] = str(error)
                log.warning("event.consumer.waiting", group=self.group, error=type(error).__name__)
                await self._pause(wait * self._random.uniform(0.5, 1))
                wait = min(wait * 2, AWAY_LONGEST_WAIT)
                self._last_turn = time.monotonic()
            else:
                self._away.pop(what, None)
                return result

    async def _bury(self, record: Record, event_type: str | None, cause: str, *, attempts: int) -> None:
        partition = record.partition
        letter = DeadLetter(
            id=f"{self.group}/{partition.topic}/{partition.number}/{record.offset}",
            created_at=self._clock.now(),
            group=self.group,
            topic=partition.topic,
            partition=partition.number,
            offset=record.offset,
            key=record.key,
            event_type=event_type,
            body=None if record.value is None else base64.b64encode(record.value).decode(),
            cause=cause,
            attempts=attempts,
            published_at=record.time,
        )

        async def store() -> None:
            with suppress(AlreadyExists):  # buried before a crash: the same letter
                await self._store.add(letter)

        await self._until_back(letter.id, store)
        metrics.DEAD_LETTERS.labels(
            self.group, cause.split(":", maxsplit=1)[0].split(" ", maxsplit=1)[0]
        ).inc()
        self._count(event_type or "unreadable", "dead_letter")
        log.error(
            "event.dead_letter.stored",
            group=self.group,
            dead_letter_id=letter.id,
            cause=cause,
            attempts=attempts,
        )

    def _note_failure(self) -> None:
        now = time.monotonic()
        self._failures.append(now)
        for times in (self._failures, self._handled):
            while times and times[0] < now - FAILURES_WINDOW_SECONDS:
                times.popleft()
        if len(self._failures) > max(FAILURES_ALLOWED, FAILURES_SHARE * len(self._handled)):
            self._fail(f"{len(self._failures)} records failed within {FAILURES_WINDOW_SECONDS:.0f} s")

    def _fail(self, why: str) -> None:
        self._stopped_why = why
        log.error("event.consumer.stopped", group=self.group, why=why)
        self.stop()

    async def _commit(self, subscription: Subscription) -> None:
        positions = self._water.to_commit()
        if positions:
            self._on_step("committing")
            await self._until_back("commit", lambda: subscription.commit(positions))
            self._water.committed(positions)
            self._on_step("position committed")

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        """Let the work in flight end before its partitions go to another member."""
        del partitions
        await self._drain()

    async def _drain(self) -> None:
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        if self._subscription is not None:
            with suppress(_LeftUndoneError):
                await self._commit(self._subscription)

    async def report_lag(self) -> None:
        """Put the group's lag on its gauge."""
        if self._subscription is None:
            return
        by_topic: dict[str, int] = {}
        for partition, records in (await self._subscription.lag()).items():
            by_topic[partition.topic] = by_topic.get(partition.topic, 0) + records
        for topic, records in by_topic.items():
            metrics.CONSUMER_LAG.labels(self.group, topic).set(records)

    def _count(self, event_type: str, outcome: str) -> None:
        metrics.EVENTS_HANDLED.labels(self.group, event_type, outcome).inc()
