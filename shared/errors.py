"""The root of every error that Relais raises on purpose.

A subclass takes facts in its `__init__`, builds one clear sentence, and states the HTTP status it maps to.
`shared.http.problems` is the only place that turns one into an RFC 9457 answer; a 500 always means a bug.
"""

from typing import Any, ClassVar


class RelaisError(Exception):
    """An expected refusal or failure. `facts` holds extra members of the RFC 9457 answer, never personal data."""

    status: ClassVar[int] = 500

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts


class Unavailable(RelaisError):
    """Something we lean on is away; the same request may pass later. Handlers retry it without end."""

    status = 503


class NotFound(RelaisError):
    """Nothing visible to this caller has that id: unknown and someone else's look the same."""

    status = 404

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(f"There is no {kind} {identifier} that this client may see.")
