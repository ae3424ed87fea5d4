"""One notifications service on a real embedded store, without the rest of the platform: events are handed to it."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from services.notifications.commands import NewSubscription, SubscriptionDesk, WithSecret
from services.notifications.dispatcher import Dispatcher
from services.notifications.lanes import Lane
from services.notifications.model import Delivery
from services.notifications.repository import NotificationRepository
from services.notifications.wiring import wire
from shared.bus.embedded import EmbeddedBus
from shared.bus.topics import Topic
from shared.events.envelope import Event, decode
from shared.events.payload import Payload
from shared.events.referrals import ReferralAccepted, ReferralCreated, ReferralMoved
from shared.events.vocabulary import ActorKind, AgeBand, Need, ReferralKind, ReferralState, Urgency
from shared.idempotency import RequestKey
from shared.ids import RandomIds
from shared.security.caller import Act, Caller, Scope
from shared.service import Kit, Service
from shared.store.port import Store
from shared.store.sqlite import SqliteEngine, log_table
from tests.support.clock import ManualClock
from tests.support.platform import test_settings

CASE = "3d0c5f0e-9a53-4a39-8a55-1d1b2ad80c0b"


def created(
    venue: str = "venue-1", owner: str = "cpam93/bobigny/accueil", case_id: str = CASE, **changes: Any
) -> ReferralCreated:
    """Return the payload of a referral's creation."""
    values: dict[str, Any] = {
        "state": ReferralState.REQUESTED,
        "kind": ReferralKind.INDIVIDUAL,
        "urgency": Urgency.STANDARD,
        "needs": (Need.BASIC_SKILLS,),
        "departement": "93",
        "age_band": AgeBand.FROM_60,
    }
    return ReferralCreated(case_id=case_id, owner=owner, venue_id=venue, **values | changes)


def moved(
    venue: str = "venue-1",
    owner: str = "cpam93/bobigny/accueil",
    kind: type[ReferralMoved] = ReferralAccepted,
    **changes: Any,
) -> ReferralMoved:
    """Return the payload of a referral's move."""
    values: dict[str, Any] = {
        "case_id": CASE,
        "previous": ReferralState.REQUESTED,
        "state": ReferralState.ACCEPTED,
        "by": ActorKind.PARTNER,
    }
    return kind(owner=owner, venue_id=venue, **values | changes)


def prescriber(node: str = "cpam93", client_id: str = "client-1") -> Act:
    """Return the act of an institution's agent."""
    return Act(Caller(client_id, node, frozenset({Scope.SUBSCRIPTIONS_MANAGE})), "agent-7", node)


def partner(*venues: str, node: str = "pimms-93") -> Act:
    """Return the act of a partner's agent."""
    scopes = frozenset({Scope.SUBSCRIPTIONS_MANAGE})
    return Act(Caller(f"client-{node}", node, scopes, frozenset(venues)), "partner-agent-1", node)


def a_key(key: str | None = None, fingerprint: str = "body-1") -> RequestKey:
    """Return the idempotency key of one request."""
    return RequestKey(key or str(uuid4()), "POST /test", fingerprint, b"secret")


@dataclass
class Bench:
    """A wired service and the ways into it."""

    service: Service
    engine: SqliteEngine
    store: Store
    clock: ManualClock

    @property
    def desk(self) -> SubscriptionDesk:
        """Return the desk that takes clients' orders."""
        return self._component(SubscriptionDesk)

    @property
    def repository(self) -> NotificationRepository:
        """Return the repository."""
        return self._component(NotificationRepository)

    @property
    def dispatcher(self) -> Dispatcher:
        """Return the dispatcher."""
        return self._component(Dispatcher)

    async def subscribe(self, act: Act, url: str, *types: str, **filters: Any) -> WithSecret:
        """Subscribe an endpoint, to everything unless types are named."""
        return await self.desk.subscribe(
            act, a_key(), NewSubscription(url=url, event_types=list(types) or ["*"], **filters)
        )

    def event(self, payload: Payload, aggregate_id: str, sequence: int) -> Event[Any]:
        """Return an event as the bus would bring it."""
        return Event(
            id=f"{aggregate_id}:{sequence}",
            type=payload.event_type,
            source=payload.source,
            aggregate_id=aggregate_id,
            sequence=sequence,
            time=self.clock.now(),
            data=payload,
        )

    async def hand(self, payload: Payload, aggregate_id: str = "ref-1", sequence: int = 1) -> Event[Any]:
        """Hand one event to its handler."""
        event = self.event(payload, aggregate_id, sequence)
        await self.service.handlers[type(payload)](event)
        return event

    async def quiet(self) -> None:
        """Return once nothing is being sent."""
        await self.dispatcher.start_due()
        await self.dispatcher.idle()

    async def later(self, duration: timedelta) -> None:
        """End what is under way, move the clock, and return once what became due was tried."""
        await self.quiet()
        self.clock.advance(duration)
        await self.quiet()

    async def deliveries(self) -> list[Delivery]:
        """Return all deliveries, oldest event first."""
        found = [delivery async for delivery in self.store.scan(Delivery)]
        return sorted(found, key=lambda delivery: (delivery.created_at, delivery.event_id))

    async def lanes(self) -> list[Lane]:
        """Return all lanes."""
        return [lane async for lane in self.store.scan(Lane)]

    def published(self) -> list[Event[Any]]:
        """Return what was published on `relais.deliveries`."""
        rows = self.engine.read(f"SELECT body FROM {log_table(Topic.DELIVERIES)} ORDER BY position")
        return [decode(row[0]) for row in rows]

    def _component(self, kind: type[Any]) -> Any:
        return self.service.components[kind]


@asynccontextmanager
async def running_bench(
    engine: SqliteEngine,
    clock: ManualClock,
    *,
    store: Store | None = None,
    tasks: Sequence[str] = ("dispatcher",),
    **settings: Any,
) -> AsyncIterator[Bench]:
    """Run the service on an open engine; `tasks` are those that run by themselves."""
    handle = store or engine.store("notifications")
    kit = Kit(
        settings=test_settings(Path("unused"), **settings),
        store=handle,
        bus=EmbeddedBus(engine),
        clock=clock,
        ids=RandomIds(),
        random=random.Random(7),
    )
    service = wire(kit)
    for starting in service.on_start:
        await starting()
    running = [asyncio.create_task(service.tasks[name](), name=name) for name in tasks]
    await asyncio.sleep(0)
    try:
        yield Bench(service, engine, handle, clock)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for stopping in service.on_stop:
            await stopping()
