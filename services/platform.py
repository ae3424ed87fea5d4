"""The whole platform in one process: opens the embedded engines, wires every service, starts and stops them in order.

The only module that sees all services and engines. Start: engines, then each service's `on_start`, then consumers and tasks.
Stop, in reverse: no new requests (the server's part), tasks and consumers end their unit of work, engines close.
"""

import asyncio
import hmac
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

import structlog
from fastapi import FastAPI

from shared.bus.consumer import Consumer
from shared.bus.embedded import EmbeddedBus
from shared.clock import Clock, SystemClock
from shared.errors import Unavailable
from shared.events.asyncapi import Traffic, asyncapi_document
from shared.events.catalogue import published_by
from shared.http.app import build_app
from shared.http.auth import TokenVerifier
from shared.ids import Ids, RandomIds
from shared.observability import metrics
from shared.observability.health import OK, Health, Level, State
from shared.service import Kit, Service
from shared.settings import PlatformSettings
from shared.sqlite.writer import OnStep, no_step
from shared.store.sqlite import SqliteEngine
from shared.vault.sqlite import SqliteVault, open_vault

log = structlog.get_logger()

T = TypeVar("T")

SERVICES = ("identity", "assessment", "directory", "referral", "notifications", "statistics")
OPENS_THE_VAULT = frozenset({"assessment", "directory", "referral"})
TRIM_EVERY = timedelta(hours=1)
LAG_EVERY_SECONDS = 0.5
STOP_SECONDS = 20


@dataclass
class Platform:
    """A running platform. Made by `Platform.start`; `stop` ends it."""

    settings: PlatformSettings
    clock: Clock
    ids: Ids
    engine: SqliteEngine
    bus: EmbeddedBus
    vault: SqliteVault
    services: Mapping[str, Service]
    consumers: list[Consumer]
    health: Health
    app: FastAPI
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @classmethod
    async def start(
        cls,
        settings: PlatformSettings,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        rng: random.Random | None = None,
        on_step: OnStep = no_step,
        names: Sequence[str] = SERVICES,
        verifier: TokenVerifier | None = None,
    ) -> "Platform":
        """Open, wire and start the services named; the app is ready to be served on return.

        `verifier` replaces identity's own, for a process without it.

        Raises:
            FileInUse: another process runs on the same data directory.
        """
        clock, ids, rng = clock or SystemClock(), ids or RandomIds(), rng or random.Random()  # noqa: S311 - jitter only
        async with AsyncExitStack() as undo:
            engine = SqliteEngine(
                settings.data_dir / "relais.db",
                clock,
                on_step=on_step,
                on_commit=partial(_observe_commit, "store"),
            )
            undo.push_async_callback(engine.close)
            vault = open_vault(settings.data_dir / "vault.db", settings.master_key_bytes, clock)
            undo.push_async_callback(vault.close)
            bus = EmbeddedBus(engine)
            services = {
                name: wire(
                    name, Kit(settings, engine.store(name), bus, clock, ids, rng, _vault_for(name, vault))
                )
                for name in names
            }
            consumers = [
                Consumer(
                    f"relais.{name}",
                    service.handlers,
                    bus=bus,
                    store=engine.store(name),
                    clock=clock,
                    rng=rng,
                    on_step=on_step,
                )
                for name, service in services.items()
                if service.handlers
            ]
            health = Health()
            app = _app(settings, services, health, verifier)
            undo.pop_all()
        platform = cls(settings, clock, ids, engine, bus, vault, services, consumers, health, app)
        try:
            await platform._begin()
        except BaseException:
            await platform.stop()
            raise
        return platform

    async def _begin(self) -> None:
        for service in self.services.values():
            for starting in service.on_start:
                await starting()
        for consumer in self.consumers:
            self.health.add(f"consumer {consumer.group}", consumer.health)
            self._run(f"consumer {consumer.group}", consumer.run)
        for name, service in self.services.items():
            for task_name, task in service.tasks.items():
                self._run(f"{name} {task_name}", task)
        self._run("log trimming", self._trim)
        self._run("loop watch", self._watch)
        log.info("platform.started", services=sorted(self.services))

    async def stop(self) -> None:
        """End every unit of work, then close the engines; nothing acknowledged is lost."""
        for consumer in self.consumers:
            consumer.stop()
        consumer_tasks = [task for task in self._tasks if task.get_name().startswith("consumer ")]
        if consumer_tasks:
            await asyncio.wait(consumer_tasks, timeout=STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
            if left:
                log.error("platform.stop.tasks_left", tasks=sorted(task.get_name() for task in left))
        for name, service in self.services.items():
            for stopping in service.on_stop:
                await self._stop_part(name, stopping)
        await self.engine.close()
        await self.vault.close()
        log.info("platform.stopped")

    async def _stop_part(self, name: str, stopping: Callable[[], Awaitable[None]]) -> None:
        try:
            await stopping()
        except Exception as error:
            log.exception("platform.stop.failed", service=name, error=type(error).__name__)

    def component(self, service: str, kind: type[T]) -> T:
        """Return a part of a service by its type, for commands and tests that stand beside the API."""
        found = self.services[service].components[kind]
        if not isinstance(found, kind):
            raise TypeError(f"{service} wired something else as {kind.__name__}")
        return found

    def _run(self, name: str, task: Callable[[], Any]) -> None:
        running: asyncio.Task[None] = asyncio.create_task(task(), name=name)
        self._tasks.append(running)
        self.health.add(f"task {name}", partial(_task_state, running))
        running.add_done_callback(_log_death)

    async def _trim(self) -> None:
        while True:
            with _borne("log trimming"):
                await self.bus.trim(self.clock.now())
            await self.clock.sleep(TRIM_EVERY)

    async def _watch(self) -> None:
        """Measure how late the loop is, and each group's lag."""
        while True:
            asked = time.perf_counter()
            await asyncio.sleep(LAG_EVERY_SECONDS)
            metrics.LOOP_LAG_SECONDS.set(max(0.0, time.perf_counter() - asked - LAG_EVERY_SECONDS))
            with _borne("loop watch"):
                for consumer in self.consumers:
                    await consumer.report_lag()


def _vault_for(name: str, vault: SqliteVault) -> SqliteVault | None:
    return vault if name in OPENS_THE_VAULT else None


@contextmanager
def _borne(task: str) -> Iterator[None]:
    """Let a round of housekeeping fail when something is away: the next one does its work."""
    try:
        yield
    except Unavailable as error:
        log.warning("platform.housekeeping.skipped", task=task, error=type(error).__name__)


def wire(name: str, kit: Kit) -> Service:
    """Wire one service; its modules are imported only now, so that a process carries what it runs."""
    wiring = import_module(f"services.{name}.wiring")
    service: Service = wiring.wire(kit)
    return service


def _app(
    settings: PlatformSettings,
    services: Mapping[str, Service],
    health: Health,
    verifier: TokenVerifier | None,
) -> FastAPI:
    components: dict[type, object] = {}
    for service in services.values():
        components |= service.components
    secret = hmac.digest(settings.master_key_bytes, b"relais request keys", "sha256")
    return build_app(
        [router for service in services.values() for router in service.routers],
        components=components,
        verifier=verifier or components[TokenVerifier],  # type: ignore[arg-type]  # identity wires it under this type
        request_secret=secret,
        health=health,
        ready=lambda: {
            name: why for name, service in services.items() if (why := service.ready()) is not None
        },
        asyncapi=lambda: asyncapi_document(_traffic(services)),
    )


def _traffic(services: Mapping[str, Service]) -> dict[str, Traffic]:
    """Return what each service publishes and consumes, for the AsyncAPI document."""
    return {name: (published_by(name), tuple(service.handlers)) for name, service in services.items()}


def _observe_commit(store: str, operations: int, seconds: float) -> None:
    metrics.COMMIT_SIZE.labels(store).observe(operations)
    metrics.COMMIT_SECONDS.labels(store).observe(seconds)


def _task_state(task: asyncio.Task[None]) -> State:
    if not task.done() or task.cancelled():
        return OK
    return State(Level.FAILED, f"{task.get_name()} ended")


def _log_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("platform.task.died", task=task.get_name(), error=type(error).__name__, exc_info=error)
