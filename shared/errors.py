"""The root of every error that Relais raises on purpose.

A subclass takes facts in its `__init__`, builds one clear sentence, and states the HTTP status it maps to.
`shared.http.problems` is the only place that turns one into an RFC 9457 answer; a 500 always means a bug.
"""

import re
from typing import Any, ClassVar

_OWN_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


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
        super().__init__(f"There is no {kind} {own_id_or_nothing(identifier)}that this client may see.")


def own_id_or_nothing(identifier: str) -> str:
    """Return an id and a space when it is shaped like ours: what else stands in a path may be about a person.

    >>> own_id_or_nothing("0017d487-0f4a-5d72-8051-ab7c61bc7af6"), own_id_or_nothing("Mme Lefevre")
    ('0017d487-0f4a-5d72-8051-ab7c61bc7af6 ', '')
    """
    return f"{identifier} " if _OWN_ID.fullmatch(identifier) else ""
