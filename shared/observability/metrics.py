"""Every metric of the kit, with its meaning and what to do about it. Labels are never ids.

Services add their own in a `metrics.py`, named `relais_<thing>_<unit or total>`.
"""

from functools import lru_cache
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram

M = TypeVar("M", Counter, Gauge, Histogram)


@lru_cache(maxsize=4_096)
def child(metric: M, *labels: str) -> M:
    """Return a metric's series for these labels, remembered: finding it again costs more than counting."""
    return metric.labels(*labels)


_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600)

HTTP_REQUESTS = Counter(
    "relais_http_requests_total",
    "Requests answered, by route template and status.",
    ["method", "route", "status"],
)
HTTP_SECONDS = Histogram(
    "relais_http_request_seconds", "Time to answer a request, by route template.", ["route"], buckets=_FAST
)
EVENTS_HANDLED = Counter(
    "relais_events_handled_total",
    "Events a group has finished with. outcome: handled, skipped (no handler here), dead_letter, retried.",
    ["group", "type", "outcome"],
)
EVENTS_PUBLISHED = Counter(
    "relais_events_published_total", "Events written with their aggregate, by type.", ["type"]
)
HANDLER_SECONDS = Histogram(
    "relais_event_handler_seconds", "Time a handler takes for one event.", ["group", "type"], buckets=_FAST
)
DELIVERY_SECONDS = Histogram(
    "relais_event_delivery_seconds",
    "From the commit of an event to the start of its handler.",
    ["group"],
    buckets=_SLOW,
)
CONSUMER_LAG = Gauge(
    "relais_consumer_lag_records",
    "Records published but not yet handled, by group and topic.",
    ["group", "topic"],
)
DEAD_LETTERS = Counter(
    "relais_dead_letters_total",
    "Messages given up on, by type (unreadable: none could be told); look at them, mend the cause, redrive.",
    ["group", "type"],
)
COMMIT_SECONDS = Histogram(
    "relais_store_commit_seconds", "Time of one transaction with its sync to disk.", ["store"], buckets=_FAST
)
COMMIT_SIZE = Histogram(
    "relais_store_commit_operations",
    "Operations that shared one transaction.",
    ["store"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
)
LOOP_LAG_SECONDS = Gauge(
    "relais_loop_lag_seconds", "How late the event loop runs its timers; above 0.1 something blocks it."
)
