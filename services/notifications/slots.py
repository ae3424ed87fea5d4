"""Who may send now: bounded work for each endpoint and in all, and fair turns among endpoints.

An endpoint that is failing has one slot only, so that those which hang until the timeout can't fill the house, and
so that a receiver in trouble is not hammered. Lanes that are due and find no slot wait in memory, a bounded number
for each endpoint; those beyond stay due in the store, and are looked for as soon as the ones in memory are done.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable

TOTAL_SLOTS = 512
ENDPOINT_SLOTS = 16
FAILING_SLOTS = 1
MAX_WAITING = 1000


class Slots:
    """Slots taken and lanes waiting. Not shared among threads; every call is short and does not wait."""

    def __init__(self, failing: Callable[[str], bool], total: int = TOTAL_SLOTS) -> None:
        self._failing = failing
        self._total = total
        self._taken: Counter[str] = Counter()
        self._in_all = 0
        self._waiting: OrderedDict[str, deque[str]] = OrderedDict()
        self._known: set[str] = set()

    @property
    def running(self) -> int:
        """Return how many slots are taken."""
        return self._in_all

    @property
    def waiting(self) -> int:
        """Return how many lanes wait for a slot."""
        return len(self._known)

    def waits(self, endpoint: str) -> bool:
        """Tell whether a lane of this endpoint waits here."""
        return endpoint in self._waiting

    def room(self, endpoint: str) -> int:
        """Return how many more lanes of this endpoint may wait here."""
        return MAX_WAITING - len(self._waiting.get(endpoint, ()))

    def reserve(self, endpoint: str) -> bool:
        """Take a slot at once; not when the endpoint's limit is reached or its lanes already wait for their turn."""
        if endpoint in self._waiting or not self._free(endpoint):
            return False
        self._take(endpoint)
        return True

    def release(self, endpoint: str) -> None:
        """Give a slot back."""
        self._in_all -= 1
        self._taken[endpoint] -= 1
        if not self._taken[endpoint]:
            del self._taken[endpoint]

    def offer(self, endpoint: str, lane_id: str) -> bool:
        """Let a due lane wait for a slot, once; return False when too many of its endpoint's wait already."""
        if lane_id in self._known:
            return True
        if self.room(endpoint) <= 0:
            return False
        self._known.add(lane_id)
        self._waiting.setdefault(endpoint, deque()).append(lane_id)
        return True

    def next(self) -> tuple[str, str] | None:
        """Take a slot for the next waiting lane, endpoints in turn; return (endpoint, lane id), or None."""
        if self._in_all >= self._total:
            return None
        for endpoint in self._waiting:
            if self._free(endpoint):
                return endpoint, self._pop(endpoint)
        return None

    def _pop(self, endpoint: str) -> str:
        lanes = self._waiting[endpoint]
        lane_id = lanes.popleft()
        self._known.discard(lane_id)
        if lanes:
            self._waiting.move_to_end(endpoint)
        else:
            del self._waiting[endpoint]
        self._take(endpoint)
        return lane_id

    def _take(self, endpoint: str) -> None:
        self._in_all += 1
        self._taken[endpoint] += 1

    def _free(self, endpoint: str) -> bool:
        limit = FAILING_SLOTS if self._failing(endpoint) else ENDPOINT_SLOTS
        return self._in_all < self._total and self._taken[endpoint] < limit
