"""The W3C `traceparent` that links a request to the events it caused and to what they caused in turn.

It is random: it says nothing of a person. Source: W3C Trace Context, level 1.
"""

import re
import secrets
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """Return the trace that the running task works for."""
    return _current.get()


def continue_trace(received: str | None) -> str:
    """Work for the trace received, or for a new one when it is missing or malformed; return it."""
    trace = received if received and _TRACEPARENT.fullmatch(received) else new_traceparent()
    _current.set(trace)
    return trace


def new_traceparent() -> str:
    """Return a fresh trace."""
    random = secrets.token_hex(24)  # one draw: it is asked for at each request
    return f"00-{random[:32]}-{random[32:]}-01"
