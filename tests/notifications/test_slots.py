"""Slots: bounded for each endpoint and in all, turns shared fairly."""

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.slots import ENDPOINT_SLOTS, FAILING_SLOTS, MAX_WAITING, Slots


def test_endpoints_take_turns() -> None:
    slots = Slots(failing=lambda _endpoint: False, total=100)
    for lane in ("a1", "a2", "a3"):
        slots.offer("a", lane)
    slots.offer("b", "b1")
    turns = [slots.next() for _ in range(4)]
    assert turns == [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3")]
    assert slots.next() is None


def test_a_newcomer_does_not_overtake_its_own_endpoint() -> None:
    slots = Slots(failing=lambda _endpoint: False, total=1)
    assert slots.reserve("a")
    slots.offer("a", "a1")
    slots.release("a")
    assert not slots.reserve("a")
    assert slots.next() == ("a", "a1")


def test_a_lane_waits_once() -> None:
    slots = Slots(failing=lambda _endpoint: False)
    slots.offer("a", "a1")
    slots.offer("a", "a1")
    assert slots.waiting == 1


def test_waiting_is_bounded_for_each_endpoint() -> None:
    slots = Slots(failing=lambda _endpoint: False)
    for number in range(MAX_WAITING + 5):
        slots.offer("a", f"a{number}")
    slots.offer("b", "b1")
    assert slots.waiting == MAX_WAITING + 1
    assert slots.room("a") == 0


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["reserve", "offer", "next", "release"]))),
    st.sets(st.sampled_from("abcdef")),
    st.integers(1, 12),
)
def test_limits_hold_whatever_happens(steps: list[tuple[str, str]], failing: set[str], total: int) -> None:
    slots = Slots(failing=lambda endpoint: endpoint in failing, total=total)
    running: list[str] = []
    for number, (endpoint, step) in enumerate(steps):
        if step == "reserve" and slots.reserve(endpoint):
            running.append(endpoint)
        elif step == "offer":
            slots.offer(endpoint, f"{endpoint}{number}")
        elif step == "next" and (turn := slots.next()):
            running.append(turn[0])
        elif step == "release" and endpoint in running:
            running.remove(endpoint)
            slots.release(endpoint)
        assert slots.running == len(running) <= total
        for name in "abcdef":
            assert running.count(name) <= (FAILING_SLOTS if name in failing else ENDPOINT_SLOTS)


def test_when_all_is_released_everything_that_waits_gets_its_turn() -> None:
    slots = Slots(failing=lambda endpoint: endpoint == "a", total=2)
    for number in range(5):
        slots.offer("a", f"a{number}")
        slots.offer("b", f"b{number}")
    served = []
    while turn := slots.next():
        served.append(turn[1])
        slots.release(turn[0])
    assert sorted(served) == sorted(f"{name}{number}" for name in "ab" for number in range(5))
