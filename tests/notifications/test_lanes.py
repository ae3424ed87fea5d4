"""The lane as a model: whatever workers, zombies, crashes and time do, heads go out in order and none is lost."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.notifications.lanes import LEASE, Lane, LeaseLost

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


def a_lane(*pending: str) -> Lane:
    lane = Lane(id="lane", created_at=START, subscription_id="sub", case_id=None)
    for identifier in pending:
        lane = lane.pushed(identifier, START)
    return lane


def test_a_lease_outlives_three_timeouts() -> None:
    assert timedelta(seconds=45) <= LEASE


def test_an_idle_lane_is_not_due() -> None:
    assert a_lane().acquired(START) is None


def test_a_parked_lane_stays_parked_when_more_comes() -> None:
    leased = a_lane("d1").acquired(START)
    assert leased is not None
    parked = leased.parked(leased.fence, START).pushed("d2", START)
    assert parked.acquired(START + timedelta(days=9)) is None
    resumed = parked.resumed(START).acquired(START)
    assert resumed is not None
    assert resumed.pending == ("d1", "d2")


def test_a_disabled_endpoints_new_lane_is_born_parked() -> None:
    lane = Lane(id="lane", created_at=START, subscription_id="sub", case_id=None).pushed(
        "d1", START, park=True
    )
    assert (lane.next_at, lane.parked_at) == (None, START)


@pytest.mark.parametrize("write", ["advanced", "postponed", "parked"])
def test_a_released_lease_can_write_nothing_more(write: str) -> None:
    leased = a_lane("d1", "d2").acquired(START)
    assert leased is not None
    released = leased.postponed(leased.fence, START)
    with pytest.raises(LeaseLost):
        getattr(released, write)(leased.fence, START)


class LaneMachine(RuleBasedStateMachine):
    """Several workers hold what they believe is the lease; only the newest may write."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.lane = a_lane()
        self.pushed: list[str] = []
        self.sent: list[str] = []
        self.done: list[str] = []
        self.holders: dict[int, str] = {}

    @initialize()
    def begin(self) -> None:
        self.push(repeat=False)

    @rule(repeat=st.booleans())
    def push(self, repeat: bool) -> None:
        if repeat and self.lane.pending:
            self.lane = self.lane.pushed(self.lane.pending[-1], self.now)
            return
        identifier = f"d{len(self.pushed)}"
        self.pushed.append(identifier)
        self.lane = self.lane.pushed(identifier, self.now)

    @rule()
    def take(self) -> None:
        leased = self.lane.acquired(self.now)
        if leased is None:
            return
        assert leased.fence > self.lane.fence
        assert leased.head is not None
        self.lane = leased
        self.holders[leased.fence] = leased.head
        self.sent.append(leased.head)

    @rule(seconds=st.integers(1, 100))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.holders)
    @rule(data=st.data(), delivered=st.booleans())
    def write(self, data: st.DataObject, delivered: bool) -> None:
        fence = data.draw(st.sampled_from(sorted(self.holders)))
        head = self.holders.pop(fence)
        current = fence == self.lane.fence and self.lane.leased
        before = self.lane
        try:
            after = (
                before.advanced(fence, self.now)
                if delivered
                else before.postponed(fence, self.now + timedelta(seconds=5))
            )
        except LeaseLost:
            assert not current
            return
        assert current
        self.lane = after
        if delivered:
            self.done.append(head)
            if after.head is not None:  # the holder goes on with the next one under the same lease
                self.holders[fence] = after.head
                self.sent.append(after.head)

    @rule()
    def die(self) -> None:
        """Every worker dies; their leases end by themselves."""
        self.holders.clear()

    @invariant()
    def heads_go_in_order(self) -> None:
        assert self.done == self.pushed[: len(self.done)]
        first_sends = list(dict.fromkeys(self.sent))
        assert first_sends == self.pushed[: len(first_sends)]

    @invariant()
    def nothing_is_lost(self) -> None:
        assert [*self.done, *self.lane.pending] == self.pushed

    @invariant()
    def what_is_pending_is_looked_at_again(self) -> None:
        assert (self.lane.next_at is not None) == bool(self.lane.pending)

    def teardown(self) -> None:
        self.die()
        while self.lane.pending:
            self.now += LEASE
            leased = self.lane.acquired(self.now)
            assert leased is not None
            self.sent.append(leased.pending[0])
            self.lane = leased.advanced(leased.fence, self.now)
        assert set(self.sent) >= set(self.pushed)


LaneMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLaneModel = LaneMachine.TestCase
