"""What happens to an endpoint that does not take its messages: retries, exhaustion, disabling, and the way back."""

from datetime import timedelta

import pytest

from services.notifications.model import (
    AttemptOutcome,
    DeliveryState,
    DisabledReason,
    EndpointNotEnabled,
    NotExhausted,
    Subscription,
    SubscriptionState,
)
from services.notifications.retries import JITTER, MAX_ATTEMPTS, WAITS
from services.notifications.slots import ENDPOINT_SLOTS
from shared.events.deliveries import DeliveryExhausted, EndpointDisabled
from shared.store.sqlite import SqliteEngine
from tests.notifications.receiver import Receiver
from tests.notifications.workbench import Bench, a_key, created, moved, partner, running_bench
from tests.support.clock import ManualClock

PARTNER = partner("venue-1")


async def state_of(bench: Bench, identifier: str) -> Subscription:
    return await bench.repository.subscription(identifier, PARTNER.caller)


async def exhaust(bench: Bench) -> None:
    """Let every retry of the table pass."""
    for wait in WAITS:
        await bench.later(wait * (1 + JITTER))


async def test_retries_follow_the_table_and_end_in_a_dead_letter(bench: Bench, receiver: Receiver) -> None:
    receiver.always["/hook"] = 500
    made = await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created(), sequence=1)
    await bench.hand(moved(), sequence=2)
    await exhaust(bench)
    first, second = await bench.deliveries()
    assert first.state is DeliveryState.EXHAUSTED
    assert len(first.attempts) == MAX_ATTEMPTS
    waits = [
        later.at - earlier.at for earlier, later in zip(first.attempts, first.attempts[1:], strict=False)
    ]
    for wait, planned in zip(waits, WAITS, strict=True):
        assert planned * (1 - JITTER) <= wait <= planned * (1 + JITTER) + timedelta(seconds=1)
    assert [(type(event.data), event.data.event_id) for event in bench.published()] == [
        (DeliveryExhausted, "ref-1:1")
    ]
    assert bench.published()[0].data.attempts == MAX_ATTEMPTS
    assert bench.published()[0].data.subscription_id == made.subscription.id
    assert [attempt.number for attempt in second.attempts] == [1]  # its turn came when the head was given up


async def test_nothing_is_tried_before_its_time(bench: Bench, receiver: Receiver) -> None:
    receiver.always["/hook"] = 500
    await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created())
    await bench.later(timedelta(seconds=4))
    assert len(receiver.received) == 1
    await bench.later(timedelta(seconds=2))
    assert len(receiver.received) == 2


async def test_retry_after_is_obeyed_up_to_twice_our_wait(bench: Bench, receiver: Receiver) -> None:
    receiver.then("/hook", 429, retry_after="3600").then("/hook", 503, retry_after="1")
    await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created())
    await bench.quiet()
    (lane,) = await bench.lanes()
    assert lane.next_at is not None
    assert timedelta(seconds=9) <= lane.next_at - bench.clock.now() <= timedelta(seconds=11)
    await bench.later(timedelta(seconds=11))
    (lane,) = await bench.lanes()
    assert lane.next_at is not None
    assert lane.next_at - bench.clock.now() >= WAITS[1] * (1 - JITTER)


async def test_a_redirect_is_a_failure_and_is_not_followed(bench: Bench, receiver: Receiver) -> None:
    receiver.then("/hook", 302, location=receiver.url("/elsewhere"))
    await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created())
    await bench.quiet()
    (delivery,) = await bench.deliveries()
    assert [(a.outcome, a.status) for a in delivery.attempts] == [(AttemptOutcome.REDIRECTED, 302)]
    assert receiver.at("/elsewhere") == []


async def test_a_410_disables_at_once_and_enabling_resumes_in_order(bench: Bench, receiver: Receiver) -> None:
    receiver.then("/hook", 410)
    made = await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created(), sequence=1)
    await bench.quiet()
    await bench.hand(moved(), sequence=2)
    await bench.hand(created(), "ref-2", 1)
    await bench.later(timedelta(days=30))
    disabled = await state_of(bench, made.subscription.id)
    assert (disabled.state, disabled.disabled_reason) == (SubscriptionState.DISABLED, DisabledReason.GONE)
    assert [type(event.data) for event in bench.published()] == [EndpointDisabled]
    assert receiver.ids() == ["ref-1:1"]
    with pytest.raises(EndpointNotEnabled):
        await bench.desk.test(PARTNER, a_key(), disabled.id)

    await bench.desk.enable(PARTNER, a_key(), disabled.id)
    await bench.desk.sweeper.sweep()
    await bench.quiet()
    assert [identifier for identifier in receiver.ids() if identifier != "ref-2:1"] == [
        "ref-1:1",
        "ref-1:1",
        "ref-1:2",
    ]
    assert receiver.ids().count("ref-2:1") == 1
    assert (await state_of(bench, disabled.id)).failing_since is None


async def test_five_days_of_failure_disable_an_endpoint(bench: Bench, receiver: Receiver) -> None:
    receiver.always["/hook"] = 500
    made = await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created(), sequence=1)
    await bench.later(timedelta(days=5) - timedelta(seconds=1))
    assert (await state_of(bench, made.subscription.id)).state is SubscriptionState.ACTIVE
    await bench.hand(created(), "ref-2")
    await bench.later(timedelta(minutes=10))
    disabled = await state_of(bench, made.subscription.id)
    assert (disabled.state, disabled.disabled_reason) == (SubscriptionState.DISABLED, DisabledReason.FAILING)
    assert [event.data.subscription_id for event in bench.published()] == [disabled.id]


async def test_one_success_clears_the_record(bench: Bench, receiver: Receiver) -> None:
    receiver.then("/hook", 500)
    made = await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created(), sequence=1)
    await bench.quiet()
    assert (await state_of(bench, made.subscription.id)).failing_since == bench.clock.now()
    await bench.later(timedelta(seconds=6))
    assert (await state_of(bench, made.subscription.id)).failing_since is None


async def test_a_failing_endpoint_is_tried_one_lane_at_a_time(bench: Bench, receiver: Receiver) -> None:
    receiver.always["/hook"] = 500
    await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created(), "ref-0")
    await bench.quiet()
    gate = receiver.hold("/hook")
    for number in range(1, ENDPOINT_SLOTS):
        await bench.hand(created(), f"ref-{number}")
    await receiver.wait_for(2)
    assert len(receiver.received) == 2
    gate.set()
    await bench.quiet()
    assert len(receiver.received) == ENDPOINT_SLOTS


async def test_a_connection_that_fails_is_an_attempt(bench: Bench) -> None:
    await bench.subscribe(PARTNER, "http://127.0.0.1:1/hook")
    await bench.hand(created())
    await bench.quiet()
    (delivery,) = await bench.deliveries()
    assert [(a.outcome, a.status) for a in delivery.attempts] == [(AttemptOutcome.CONNECTION_FAILED, None)]


async def test_a_dead_letter_is_redriven_with_the_whole_table_before_it(
    bench: Bench, receiver: Receiver
) -> None:
    receiver.always["/hook"] = 500
    await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created())
    await exhaust(bench)
    (delivery,) = await bench.deliveries()
    receiver.always.clear()
    receiver.then("/hook", 500)
    key = a_key()
    await bench.desk.redrive(PARTNER, key, delivery.id)
    again = await bench.desk.redrive(PARTNER, key, delivery.id)
    assert again.id == delivery.id
    await bench.quiet()
    (delivery,) = await bench.deliveries()
    assert (delivery.state, len(delivery.attempts)) == (DeliveryState.PENDING, MAX_ATTEMPTS + 1)
    await bench.later(timedelta(seconds=6))
    (delivery,) = await bench.deliveries()
    assert (delivery.state, len(delivery.attempts)) == (DeliveryState.DELIVERED, MAX_ATTEMPTS + 2)
    with pytest.raises(NotExhausted):
        await bench.desk.redrive(PARTNER, a_key(), delivery.id)


async def test_removing_a_subscription_drops_what_waited(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.always["/hook"] = 500
    async with running_bench(engine, clock) as bench:
        made = await bench.subscribe(PARTNER, receiver.url())
        await bench.hand(created(), sequence=1)
        await bench.hand(moved(), sequence=2)
        await bench.quiet()
        await bench.desk.remove(PARTNER, made.subscription.id)
        await bench.hand(moved(), sequence=3)
    async with running_bench(
        engine, clock
    ) as bench:  # a crash before the clearing: another process finishes it
        await bench.desk.sweeper.sweep()
        await bench.later(timedelta(days=1))
        assert [delivery.state for delivery in await bench.deliveries()] == [DeliveryState.DROPPED] * 2
        assert await bench.lanes() == []
        assert await bench.repository.load_subscription(made.subscription.id) is None
    assert receiver.ids() == ["ref-1:1"]


async def test_old_deliveries_are_forgotten(bench: Bench, receiver: Receiver) -> None:
    await bench.subscribe(PARTNER, receiver.url())
    await bench.hand(created(), "ref-1")
    await bench.later(timedelta(days=89))
    await bench.hand(created(), "ref-2")
    await bench.later(timedelta(days=2))
    await bench.desk.sweeper.sweep()
    assert [delivery.aggregate_id for delivery in await bench.deliveries()] == ["ref-2"]
    assert len(await bench.lanes()) == 1


async def test_a_burst_beyond_what_waits_in_memory_goes_out_at_once(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.slots.MAX_WAITING", 3)
    gate = receiver.hold("/hook")
    async with running_bench(engine, clock) as bench:
        await bench.subscribe(PARTNER, receiver.url())
        for number in range(3 * ENDPOINT_SLOTS):
            await bench.hand(created(), f"ref-{number}")
        gate.set()
        await receiver.wait_for(3 * ENDPOINT_SLOTS)  # and no time has passed: no scan was due


async def test_a_scan_full_of_one_endpoint_hides_no_other(
    engine: SqliteEngine, clock: ManualClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifications.dispatcher.MAX_PAGE", 5)
    monkeypatch.setattr("services.notifications.repository.MAX_PAGE", 5)
    async with running_bench(engine, clock, tasks=()) as bench:  # nothing is sent: every lane is left due
        await bench.subscribe(partner("venue-1"), receiver.url("/crowd"))
        await bench.subscribe(partner("venue-2", node="epn-93"), receiver.url("/single"))
        for number in range(17):
            await bench.hand(created("venue-1"), f"ref-{number}")
        clock.advance(timedelta(seconds=1))
        await bench.hand(created("venue-2"), "ref-single")
    gate = receiver.hold("/crowd")
    async with running_bench(engine, clock):
        await receiver.wait_for(1, "/single")
        gate.set()
        await receiver.wait_for(17, "/crowd")
