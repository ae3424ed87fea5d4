"""When a failed delivery is tried again, and when it is given up.

| attempt | wait before it | time since the first |
| --- | --- | --- |
| 1 | none | 0 |
| 2 | 5 s | 5 s |
| 3 | 5 min | 5 min 5 s |
| 4 | 30 min | 35 min |
| 5 | 2 h | 2 h 35 |
| 6 | 5 h | 7 h 35 |
| 7 | 10 h | 17 h 35 |
| 8 | 14 h | 31 h 35 |
| 9 | 20 h | 51 h 35 |
| 10 | 24 h | 75 h 35 |

After the tenth the delivery is exhausted. Waits carry a jitter of ±10 %, so that retries of one outage do not come
back as one wave. A `Retry-After` is obeyed between one and two times our own wait: a receiver may slow us down, but
neither hurry us nor put a delivery off for ever.
Source: Standard Webhooks 1.0.0, "Deliverability and reliability" and "Delivery success and failure".
"""

import random
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MAX_ATTEMPTS = len(WAITS) + 1
JITTER = 0.1
MAX_RETRY_AFTER_SECONDS = (
    604_800  # a week: beyond any wait of the table, and far from overflowing a timedelta
)


def next_wait(failed_attempts: int, retry_after: timedelta | None, chance: random.Random) -> timedelta:
    """Return the wait before the next attempt, after 1 to `MAX_ATTEMPTS` - 1 failed ones."""
    wait = WAITS[failed_attempts - 1] * chance.uniform(1 - JITTER, 1 + JITTER)
    if retry_after is None:
        return wait
    return min(max(wait, retry_after), 2 * wait)


def read_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a `Retry-After` header: seconds or an HTTP date; None when absent, past or not understood.

    Source: RFC 9110, 10.2.3.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:12]), MAX_RETRY_AFTER_SECONDS))
    try:
        at = parsedate_to_datetime(text)
        return max(at - now, timedelta()) or None
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a zone
        return None
