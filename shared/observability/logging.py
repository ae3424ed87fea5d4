"""Structured logs: one JSON object a line on standard error, constant event names, facts as keywords.

Nothing personal is ever logged: ids, counts, codes and durations only. As a last guard, a value that holds a
social-security number is replaced before it is written.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import stamina
import structlog

from shared.observability.tracing import current_traceparent
from shared.security.nir import contains_nir

WITHHELD = "[withheld: held a social-security number]"


def configure_logging(level: str) -> None:
    """Send every log line, ours and the libraries', through one JSON renderer."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        structlog.processors.format_exc_info,
        withhold_nir,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # A decision taken again after a stale version is everyday work; its metric is the store's, not a line each time.
    stamina.instrumentation.set_on_retry_hooks([])


def withhold_nir(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace each text value that holds a social-security number."""
    for key, value in event.items():
        if isinstance(value, str) and contains_nir(value):
            event[key] = WITHHELD
    return event


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace = current_traceparent()
    if trace:
        event["trace_id"] = trace[3:35]
    return event
