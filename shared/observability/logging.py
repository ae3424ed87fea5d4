"""Structured logs: one JSON object a line on standard error, constant event names, facts as keywords.

Nothing personal is ever logged: ids, counts, codes and durations only. A traceback gives places and classes; the message of
an error is kept only when it is one of ours, because others quote the value they choke on. As a last guard, a value that
holds a social-security number, at any depth, is replaced before it is written.
"""

import logging
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from typing import Any

import stamina
import structlog
from structlog.typing import ExcInfo

from shared.errors import RelaisError
from shared.observability.tracing import current_traceparent
from shared.security.nir import contains_nir

WITHHELD = "[withheld: held a social-security number]"


def configure_logging(level: str) -> None:
    """Send every log line, ours and the libraries', through one JSON renderer."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        structlog.processors.ExceptionRenderer(format_error),
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


def format_error(exc_info: ExcInfo) -> str:
    """Return where an error and those behind it came from, without what they quote."""
    _, error, _ = exc_info
    parts: list[str] = []
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        message = f": {link}" if isinstance(link, RelaisError) else ""
        parts.append(
            f"{type(link).__qualname__}{message}\n{''.join(traceback.format_tb(link.__traceback__))}"
        )
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "caused by\n".join(parts)


def withhold_nir(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace each value that holds a social-security number, at any depth."""
    for key, value in event.items():
        event[key] = _without_nir(value)
    return event


def _without_nir(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Mapping):
        return {_without_nir(key): _without_nir(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without_nir(inner) for inner in value]
    return WITHHELD if contains_nir(str(value)) else value


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace = current_traceparent()
    if trace:
        event["trace_id"] = trace[3:35]
    return event
