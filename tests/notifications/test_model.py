"""What a delivery accepts: attempts of the newest holder while it is pending, and nothing else."""

from datetime import UTC, datetime

import pytest

from services.notifications.lane_worker import drop
from services.notifications.model import Attempt, AttemptOutcome, Delivery, DeliveryState
from shared.security.caller import Owner

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def a_delivery() -> Delivery:
    return Delivery(
        id="delivery-1",
        created_at=NOW,
        owner=Owner.of("cpam93"),
        subscription_id="sub-1",
        lane_id="lane-1",
        event_id="ref-1:1",
        event_type="fr.relais.referral.created.v1",
        aggregate_id="ref-1",
        case_id=None,
        occurred_at=NOW,
        body="{}",
        pending_since=NOW,
    )


def an_attempt(outcome: AttemptOutcome = AttemptOutcome.REFUSED) -> Attempt:
    return Attempt(number=1, at=NOW, duration_ms=3, outcome=outcome, status=500)


def test_a_lower_fence_is_a_zombies_and_changes_nothing() -> None:
    current = a_delivery().attempted(an_attempt(), fence=3)
    assert current is not None
    assert current.attempted(an_attempt(AttemptOutcome.DELIVERED), fence=2) is None
    again = current.attempted(an_attempt(), fence=3)
    assert again is not None
    assert [attempt.number for attempt in again.attempts] == [1, 2]


@pytest.mark.parametrize("state", [state for state in DeliveryState if state is not DeliveryState.PENDING])
def test_an_ended_delivery_takes_no_attempt(state: DeliveryState) -> None:
    assert a_delivery().ended(state).attempted(an_attempt(), fence=9) is None


def test_only_a_pending_delivery_is_dropped_with_its_subscription() -> None:
    delivered = a_delivery().ended(DeliveryState.DELIVERED)
    assert drop(delivered) is None
    dropped = drop(a_delivery())
    assert dropped is not None
    assert dropped[0].state is DeliveryState.DROPPED


def test_a_delivered_one_waits_no_more() -> None:
    delivered = a_delivery().attempted(an_attempt(AttemptOutcome.DELIVERED), fence=1)
    assert delivered is not None
    assert (delivered.state, delivered.pending_since) == (DeliveryState.DELIVERED, None)
