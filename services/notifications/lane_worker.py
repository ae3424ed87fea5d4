"""Working on one lane: attempt its head, record what came of it, go on to the next.

A delivered message costs two writes here: the attempt on the delivery, then the lane without its head. A crash
between them leaves a head that is already delivered: it is skipped, not sent again. A crash during the attempt
leaves the lease to end; the message is then sent again with the same `webhook-id`.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.notifications.channels.webhook import Answer, Message, WebhookSender
from services.notifications.endpoint_health import EndpointHealth
from services.notifications.lanes import Lane, LeaseLost
from services.notifications.metrics import ATTEMPT_SECONDS, ATTEMPTS, DELAY_SECONDS, DELIVERIES, FENCED_WRITES
from services.notifications.model import (
    Attempt,
    AttemptOutcome,
    Delivery,
    DeliveryState,
    Subscription,
    SubscriptionState,
)
from services.notifications.repository import NotificationRepository
from services.notifications.retries import MAX_ATTEMPTS, next_wait, read_retry_after
from services.notifications.secret_box import SecretBox
from services.notifications.subscription_index import SubscriptionIndex
from shared.clock import Clock
from shared.events.deliveries import DeliveryExhausted
from shared.events.payload import Payload

log = structlog.get_logger()

LaneChange = Callable[[Lane], Lane]


@dataclass(frozen=True, slots=True)
class LaneWorker:
    """Serves lanes. `chance` gives the jitter of retries."""

    repository: NotificationRepository
    index: SubscriptionIndex
    health: EndpointHealth
    sender: WebhookSender
    box: SecretBox
    clock: Clock
    chance: random.Random

    async def serve(self, lane_id: str, lane: Lane | None, delivery: Delivery | None) -> datetime | None:
        """Work on a lane until it is empty or must wait; return when it is due again, None when it is not.

        `lane` is given when its lease was already taken, `delivery` when its head is at hand.
        """
        held = lane or await self.repository.acquire(lane_id, self.clock.now())
        try:
            while held is not None and held.leased:
                held, delivery = await self._step(held, delivery), None
        except LeaseLost:
            FENCED_WRITES.inc()
            log.warning("lane.lease.lost", lane_id=lane_id)
            return None
        except asyncio.CancelledError:
            await self._give_back(held)
            raise
        return held.next_at if held is not None else None

    async def _step(self, lane: Lane, at_hand: Delivery | None) -> Lane | None:
        """Deal with the head; return the lane as it then is, None when it is gone."""
        subscription = self.index.get(lane.subscription_id)
        if subscription is None:
            subscription = await self.repository.load_subscription(lane.subscription_id)
        if subscription is None or subscription.state is SubscriptionState.REMOVED:
            await self._clear(lane)
            return None
        if subscription.state is SubscriptionState.DISABLED:
            return await self._park(lane)
        delivery = at_hand or await self.repository.load_delivery(lane.pending[0])
        if delivery is None or delivery.state is not DeliveryState.PENDING:
            return await self._advance(lane)
        return await self._attempt(lane, subscription, delivery)

    async def _attempt(self, lane: Lane, subscription: Subscription, delivery: Delivery) -> Lane | None:
        begun = self.clock.now()
        answer, duration_ms = await self._send(subscription, delivery, begun)
        attempt = Attempt(
            number=len(delivery.attempts) + 1,
            at=begun,
            duration_ms=duration_ms,
            outcome=answer.outcome,
            status=answer.status,
        )
        recorded = await self._record(delivery, attempt, lane.fence)
        if recorded is None:
            return await self._advance_if_over(lane, delivery.id)
        return await self._settle(lane, recorded, answer)

    async def _send(self, subscription: Subscription, delivery: Delivery, at: datetime) -> tuple[Answer, int]:
        if not delivery.attempts:
            DELAY_SECONDS.observe(max(0.0, (at - delivery.occurred_at).total_seconds()))
        secrets = [self.box.open(subscription.id, secret.sealed) for secret in subscription.signing(at)]
        loop = asyncio.get_running_loop()
        started = loop.time()
        answer = await self.sender.send(
            Message(delivery.event_id, delivery.body, subscription.url, secrets), at
        )
        seconds = loop.time() - started
        ATTEMPT_SECONDS.observe(seconds)
        ATTEMPTS.labels(answer.outcome.value).inc()
        return answer, round(seconds * 1000)

    async def _record(self, delivery: Delivery, attempt: Attempt, fence: int) -> Delivery | None:
        """Write the attempt, and the end when it was the last; None: fenced off, or ended by somebody else."""

        def add(current: Delivery) -> tuple[Delivery, list[Payload]] | None:
            after = current.attempted(attempt, fence)
            if after is None or not _is_last(after):
                return (after, []) if after else None
            exhausted = DeliveryExhausted(
                owner=after.owner.node,
                subscription_id=after.subscription_id,
                event_id=after.event_id,
                attempts=len(after.attempts),
            )
            return after.ended(DeliveryState.EXHAUSTED), [exhausted]

        return await self.repository.change(delivery, add)

    async def _settle(self, lane: Lane, delivery: Delivery, answer: Answer) -> Lane | None:
        gone = answer.outcome is AttemptOutcome.GONE
        if delivery.state is DeliveryState.DELIVERED:
            after = await self._advance(lane)
            await self.health.succeeded(lane.subscription_id)
        else:
            disabled = await self.health.failed(lane.subscription_id, gone=gone)
            after = await self._settle_failure(lane, delivery, answer, disabled=disabled)
        if delivery.state is not DeliveryState.PENDING:
            DELIVERIES.labels(delivery.state.value).inc()
        _tell(delivery, after)
        return after

    async def _settle_failure(
        self, lane: Lane, delivery: Delivery, answer: Answer, *, disabled: bool
    ) -> Lane | None:
        if delivery.state is DeliveryState.EXHAUSTED:
            return await self._advance(lane)
        if disabled:
            return await self._park(lane)
        now = self.clock.now()
        asked = read_retry_after(answer.retry_after, now)
        wait = next_wait(delivery.failures_in_round, asked, self.chance)
        return await self._change(lane, lambda current: current.postponed(lane.fence, now + wait))

    async def _advance_if_over(self, lane: Lane, delivery_id: str) -> Lane | None:
        """Go on when the head has ended; when it has not, a later fence wrote and this one stops."""
        current = await self.repository.load_delivery(delivery_id)
        if current is not None and current.state is DeliveryState.PENDING:
            raise LeaseLost(lane.id, lane.fence, current.fence)
        return await self._advance(lane)

    async def _clear(self, lane: Lane) -> None:
        """Drop what a removed subscription left."""
        for identifier in lane.pending:
            delivery = await self.repository.load_delivery(identifier)
            if delivery is not None:
                await self.repository.change(delivery, drop)
        await self.repository.discard(lane)

    async def _advance(self, lane: Lane) -> Lane | None:
        return await self._change(lane, lambda current: current.advanced(lane.fence, self.clock.now()))

    async def _park(self, lane: Lane) -> Lane | None:
        return await self._change(lane, lambda current: current.parked(lane.fence, self.clock.now()))

    async def _give_back(self, lane: Lane | None) -> None:
        """Make an interrupted lane due at once, so that a restart need not wait for the lease to end."""
        if lane is None or not lane.leased:
            return
        try:
            await self._change(lane, lambda current: current.postponed(lane.fence, self.clock.now()))
        except LeaseLost:
            FENCED_WRITES.inc()

    async def _change(self, lane: Lane, change: LaneChange) -> Lane | None:
        return await self.repository.change(lane, lambda current: (change(current), []))


def drop(delivery: Delivery) -> tuple[Delivery, list[Payload]] | None:
    """Decide that a delivery of a removed subscription goes nowhere."""
    if delivery.state is not DeliveryState.PENDING:
        return None
    return delivery.ended(DeliveryState.DROPPED), []


def _is_last(delivery: Delivery) -> bool:
    return delivery.state is DeliveryState.PENDING and delivery.failures_in_round >= MAX_ATTEMPTS


def _tell(delivery: Delivery, lane: Lane | None) -> None:
    attempt = delivery.attempts[-1]
    log.info(
        "delivery.attempted",
        delivery_id=delivery.id,
        subscription_id=delivery.subscription_id,
        event_id=delivery.event_id,
        attempt=attempt.number,
        outcome=attempt.outcome.value,
        status_code=attempt.status,
        duration_ms=attempt.duration_ms,
        state=delivery.state.value,
        next_attempt_at=lane.next_at.isoformat() if lane and lane.next_at and not lane.leased else None,
    )
