"""The retry table, its jitter, and what a receiver may ask of us."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.retries import JITTER, MAX_ATTEMPTS, WAITS, next_wait, read_retry_after

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
failures = st.integers(1, MAX_ATTEMPTS - 1)


def test_the_table_spans_the_three_days_that_its_comment_says() -> None:
    assert len(WAITS) + 1 == MAX_ATTEMPTS == 10
    assert sum(WAITS, timedelta()) == timedelta(hours=75, minutes=35, seconds=5)


@given(failures, st.integers(0, 2**32))
def test_jitter_stays_within_its_share(failed: int, seed: int) -> None:
    wait = next_wait(failed, None, random.Random(seed))
    assert WAITS[failed - 1] * (1 - JITTER) <= wait <= WAITS[failed - 1] * (1 + JITTER)


def test_jitter_differs_from_lane_to_lane() -> None:
    chance = random.Random(7)
    assert len({next_wait(3, None, chance) for _ in range(20)}) == 20


@given(failures, st.integers(0, 10**9), st.integers(0, 2**32))
def test_a_receiver_neither_hurries_us_nor_stops_us(failed: int, asked: int, seed: int) -> None:
    own = next_wait(failed, None, random.Random(seed))
    wait = next_wait(failed, timedelta(seconds=asked), random.Random(seed))
    assert own <= wait <= 2 * own
    if own <= timedelta(seconds=asked) <= 2 * own:
        assert wait == timedelta(seconds=asked)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("120", timedelta(minutes=2)),
        (" 7 ", timedelta(seconds=7)),
        ("9" * 400, timedelta(days=7)),
        ("Mon, 23 Nov 2026 09:10:00 GMT", timedelta(minutes=10)),
        ("Mon, 23 Nov 2026 08:00:00 GMT", None),
        ("Mon, 23 Nov 2026 09:10:00", None),
        ("-5", None),
        ("soon", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, expected: timedelta | None) -> None:
    assert read_retry_after(header, NOW) == expected


@given(st.text(max_size=60))
def test_no_header_breaks_the_reader(header: str) -> None:
    found = read_retry_after(header, NOW)
    assert found is None or found >= timedelta()
