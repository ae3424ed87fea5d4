"""The consumer runtime: one loop for each service's group, the same over every engine of the bus.

Keys run side by side, one key in order; positions are committed after the effects are stored, never beyond the
lowest record still in flight. What happens to a record:

| what it is | what is done |
| --- | --- |
| a type this group has no handler for, or a tombstone | skipped and counted |
| not JSON, not CloudEvents, or a known type that breaks its schema | dead letter at once |
| its handler says that something is away (`Unavailable`) | tried again without end; health is degraded |
| its handler fails otherwise | tried again after 0.1, 0.5, 2 and 8 s, then dead letter (under 60 s in all) |

A dead letter that can't be stored because the store is away is tried again without end as well; if it is refused otherwise
the consumer stops: nothing is dropped. When handlers fail for more than 20 records in 5 minutes, and for more than 1 % of
all meanwhile, the bug is ours: the consumer stops and health fails.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import structlog

from shared.bus.deadletter import DeadLetter
from shared.bus.failures import WINDOW_SECONDS, FailureBudget
from shared.bus.lanes import LowWater
from shared.bus.patience import LeftUndone, Patience
from shared.bus.port import Bus, Partition, Record, Subscription
from shared.bus.topics import Topic
from shared.clock import Clock
from shared.errors import Unavailable
from shared.events.envelope import InvalidEvent, open_envelope, read_envelope
from shared.events.payload import Payload
from shared.observability import metrics
from shared.observability.health import OK, Level, State
from shared.observability.tracing import continue_trace
from shared.service import Handler, Handlers
from shared.sqlite.writer import OnStep, no_step
from shared.store.port import AlreadyExists, Store

log = structlog.get_logger()

HANDLER_WAITS = tuple(timedelta(seconds=seconds) for seconds in (0.1, 0.5, 2, 8))
FETCH_LIMIT = 256
MAX_IN_FLIGHT = 1_024
POLL = timedelta(seconds=1)
POLL_BUSY = timedelta(milliseconds=20)
STALLED_SECONDS = 60.0


class Consumer:
    """Reads the topics of its handlers' types as one group. `run` it as a task; `stop` ends it cleanly.

    A stop lets each handler that runs end, and leaves the rest uncommitted; cancelling `run` abandons the handlers too.
    """

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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.group = group
        self._handlers: Mapping[str, tuple[type[Payload], Handler]] = {
            payload.event_type: (payload, handler) for payload, handler in handlers.items()
        }
        self._topics: Sequence[Topic] = sorted({payload.topic for payload in handlers})
        self._bus, self._store, self._clock = bus, store, clock
        self._on_step, self._monotonic = on_step, monotonic
        self._patience = Patience(group, clock, rng, self._progressed)
        self._budget = FailureBudget(monotonic)
        self._water = LowWater()
        self._lanes: dict[str, deque[Record]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._fetching: asyncio.Timeout | None = None
        self._subscription: Subscription | None = None
        self._last_turn = self._last_progress = monotonic()
        self._stopped_why = ""

    async def run(self) -> None:
        """Read and handle until `stop`; then let the handlers that run end, and commit what is done."""
        try:
            with suppress(LeftUndone):
                await self._read()
            await self._drain()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._subscription is not None:
                with suppress(Unavailable):  # the group will miss this member by itself
                    await self._subscription.close()

    async def _read(self) -> None:
        join = partial(self._bus.join, self.group, self._topics, self._revoked)
        subscription = self._subscription = await self._patience.until_back("join", join)
        while not self._stopping():
            self._last_turn = self._monotonic()
            await self._turn(subscription)

    def stop(self) -> None:
        """Ask the loop to end. Call from its event loop."""
        self._patience.stop_asked.set()
        self._ended.set()
        if self._fetching is not None:
            self._fetching.reschedule(asyncio.get_running_loop().time())

    def health(self) -> State:
        """Failed: stopped, or nothing moves for a minute. Degraded: something is away and work waits."""
        if self._stopped_why:
            return State(Level.FAILED, self._stopped_why)
        now = self._monotonic()
        if now - max(self._last_turn, self._last_progress) > STALLED_SECONDS:
            return State(Level.FAILED, f"no progress for {STALLED_SECONDS:.0f} s")
        if why := self._patience.waiting_for():
            return State(Level.DEGRADED, f"waiting: {why}")
        if self._water.in_flight() and now - self._last_progress > STALLED_SECONDS:
            return State(Level.FAILED, f"a handler has not ended for {STALLED_SECONDS:.0f} s")
        return OK

    async def idle(self) -> bool:
        """Tell whether everything published so far is handled and committed."""
        if self._subscription is None or self._stopped_why:
            return False
        if self._water.in_flight() or self._water.to_commit():
            return False
        return not any((await self._subscription.lag()).values())

    async def _turn(self, subscription: Subscription) -> None:
        """One turn: take records while there is room, else wait for some to end; commit what is done."""
        if self._water.in_flight() < MAX_IN_FLIGHT:
            # While work is in flight or just ended the wait is short, so that its positions are committed soon.
            wait = POLL_BUSY if self._water.in_flight() or self._water.to_commit() else POLL
            fetch = partial(self._fetch, subscription, wait)
            for record in await self._patience.until_back("fetch", fetch):
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
            async with asyncio.timeout(None) as self._fetching:
                return await subscription.fetch(FETCH_LIMIT, wait)
        except TimeoutError:
            if not self._stopping():
                raise
            return []
        finally:
            self._fetching = None

    def _submit(self, record: Record) -> None:
        if not self._water.in_flight():
            self._progressed()
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
            self._fail(f"the runtime itself failed: {type(error).__name__}", error)

    async def _work(self, key: str) -> None:
        """Handle one key's records in order until there are none left, or a stop."""
        lane = self._lanes[key]
        while lane and not self._stopping():
            record = lane[0]
            try:
                await self._handle(record)
            except LeftUndone:
                return
            self._on_step("handled")
            lane.popleft()
            self._water.ended(record)
            self._progressed()
            self._ended.set()
        if not lane:
            del self._lanes[key]

    async def _handle(self, record: Record) -> None:
        if record.value is None:
            self._count("tombstone", "skipped")
            return
        known: str | None = None
        trace: str | None = None
        try:
            envelope = read_envelope(record.value)
            trace = envelope.traceparent
            entry = self._handlers.get(envelope.type)
            if entry is None:
                self._count("other", "skipped")
                return
            known = envelope.type
            event = open_envelope(envelope, entry[0])
        except Exception as error:  # noqa: BLE001 - kept as a dead letter; a validator's own bug is told from a bad message
            continue_trace(trace)  # a lane's task goes from record to record: none may keep another's trace
            await self._bury_unread(record, known, error)
            return
        continue_trace(trace)
        late = (self._clock.now() - event.time).total_seconds()
        metrics.child(metrics.DELIVERY_SECONDS, self.group).observe(max(0.0, late))
        await self._try(record, known, entry[1], event)

    async def _try(self, record: Record, event_type: str, handler: Handler, event: Any) -> None:
        for attempt in range(1, len(HANDLER_WAITS) + 2):
            try:
                await self._patience.until_back(event.id, partial(self._timed, event_type, handler, event))
            except LeftUndone:
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
                await self._patience.pause(HANDLER_WAITS[attempt - 1])
            else:
                self._budget.handled()
                self._count(event_type, "handled")
                return

    async def _timed(self, event_type: str, handler: Handler, event: Any) -> None:
        started = time.perf_counter()
        try:
            await handler(event)
        finally:
            metrics.child(metrics.HANDLER_SECONDS, self.group, event_type).observe(
                time.perf_counter() - started
            )

    async def _bury_unread(self, record: Record, known: str | None, error: Exception) -> None:
        if isinstance(error, InvalidEvent):
            await self._bury(record, known, error.cause, attempts=1)
            return
        log.error("event.decoding.failed", group=self.group, type=known, exc_info=error)
        await self._bury(record, known, type(error).__name__, attempts=1)
        self._note_failure()

    async def _bury(self, record: Record, event_type: str | None, cause: str, *, attempts: int) -> None:
        letter = DeadLetter.of(
            record, self.group, self._clock.now(), event_type=event_type, cause=cause, attempts=attempts
        )

        async def store() -> None:
            with suppress(AlreadyExists):  # buried before a crash: the same letter
                await self._store.add(letter)

        await self._patience.until_back(letter.id, store)
        metrics.child(metrics.DEAD_LETTERS, self.group, event_type or "unreadable").inc()
        self._count(event_type or "unreadable", "dead_letter")
        log.error(
            "event.dead_letter.stored",
            group=self.group,
            dead_letter_id=letter.id,
            cause=cause,
            attempts=attempts,
        )

    def _note_failure(self) -> None:
        self._budget.failed()
        if failed := self._budget.overspent():
            self._fail(f"{failed} records failed within {WINDOW_SECONDS:.0f} s")

    def _fail(self, why: str, error: BaseException | None = None) -> None:
        self._stopped_why = self._stopped_why or why
        log.error("event.consumer.stopped", group=self.group, why=why, exc_info=error)
        self.stop()

    async def _commit(self, subscription: Subscription) -> None:
        positions = self._water.to_commit()
        if positions:
            self._on_step("committing")
            await self._patience.until_back("commit", partial(subscription.commit, positions))
            self._water.committed(positions)
            self._on_step("position committed")

    async def _revoked(self, partitions: Sequence[Partition]) -> None:
        """Let the work in flight end before its partitions go to another member; if they come back, begin afresh."""
        await self._drain()
        self._water.forget(partitions)

    async def _drain(self) -> None:
        while self._tasks:
            await asyncio.wait(set(self._tasks))
        if self._subscription is not None:
            with suppress(LeftUndone):
                await self._commit(self._subscription)

    async def report_lag(self) -> None:
        """Put on the gauge how many records of each topic are published but not yet handled."""
        if self._subscription is None:
            return
        waiting = dict.fromkeys(self._topics, 0)
        for partition, records in (await self._subscription.lag()).items():
            waiting[partition.topic] += records + self._water.in_flight(partition)
        for topic, records in waiting.items():
            metrics.child(metrics.CONSUMER_LAG, self.group, topic).set(records)

    def _stopping(self) -> bool:
        return self._patience.stop_asked.is_set()

    def _progressed(self) -> None:
        self._last_progress = self._monotonic()

    def _count(self, event_type: str, outcome: str) -> None:
        metrics.child(metrics.EVENTS_HANDLED, self.group, event_type, outcome).inc()
