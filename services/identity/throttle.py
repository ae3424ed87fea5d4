"""Slows down software that presents bad secrets.

It only ever answers bad secrets: the right one always passes. A guard that locked the client would let anyone who
knows a client id lock its owner out, and a forgotten machine with the old secret would stop the others after a
rotation; guessing 256 bits needs no lock.
"""

from collections import OrderedDict
from datetime import datetime, timedelta

from shared.clock import Clock

WINDOW = timedelta(minutes=1)
TOLERATED = 5
"""Bad secrets a client may present in a window; the next ones are told to slow down."""
WATCHED = 10_000
"""Client ids remembered, the oldest forgotten first: an attacker who invents ids takes no more memory than this."""


class BadSecrets:
    """Counts bad secrets by client id, over fixed windows that begin with the first one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def count(self, client_id: str) -> timedelta | None:
        """Count one; return how long to wait when there were too many, else None."""
        now = self._clock.now()
        since, count = self._counts.get(client_id, (now, 0))
        if now - since >= WINDOW:
            since, count = now, 0
        self._counts[client_id] = (since, count + 1)
        self._counts.move_to_end(client_id)
        if len(self._counts) > WATCHED:
            self._counts.popitem(last=False)
        return None if count < TOLERATED else since + WINDOW - now
