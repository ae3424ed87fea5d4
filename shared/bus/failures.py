"""How many records a consumer may give up on before the bug is surely ours."""

from collections import deque
from collections.abc import Callable

WINDOW_SECONDS = 300.0
ALLOWED = 20
ALLOWED_SHARE = 0.01


class FailureBudget:
    """Counts what was handled and what failed for good within the last five minutes, second by second."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._handled: deque[list[int]] = deque()
        self._failed: deque[list[int]] = deque()

    def handled(self) -> None:
        """Note a record that was handled."""
        self._count(self._handled)

    def failed(self) -> None:
        """Note a record that was given up on because its handler fails."""
        self._count(self._failed)

    def overspent(self) -> int:
        """Return how many failed, when that is more than `ALLOWED` and than `ALLOWED_SHARE` of all; else 0."""
        failed, handled = self._within(self._failed), self._within(self._handled)
        return failed if failed > max(ALLOWED, ALLOWED_SHARE * (failed + handled)) else 0

    def _count(self, seconds: deque[list[int]]) -> None:
        now = int(self._monotonic())
        if seconds and seconds[-1][0] == now:
            seconds[-1][1] += 1
        else:
            self._within(seconds)
            seconds.append([now, 1])

    def _within(self, seconds: deque[list[int]]) -> int:
        oldest = self._monotonic() - WINDOW_SECONDS
        while seconds and seconds[0][0] < oldest:
            seconds.popleft()
        return sum(count for _, count in seconds)
