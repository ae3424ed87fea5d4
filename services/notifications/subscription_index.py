"""Every subscription in memory, so that an event finds its endpoints without asking the store.

Right after a change made in this process; a change made in another process is seen within `REFRESH_INTERVAL`, when
the index is read again from the store: a new subscription hears of events from then on, and a removed or disabled one
may be called for that long. After a restart the index is read before anything is served.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

import structlog

from services.notifications.model import Audience, Subscription, SubscriptionState
from services.notifications.notices import Notice
from shared.clock import Clock
from shared.errors import Unavailable
from shared.store.port import Store

log = structlog.get_logger()

REFRESH_INTERVAL = timedelta(seconds=5)


class SubscriptionIndex:
    """Subscriptions by id, by institution (institutions' own) and by venue (partners')."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._by_id: dict[str, Subscription] = {}
        self._by_place: dict[tuple[Audience, str], set[str]] = defaultdict(set)
        self._changed_here: set[str] = set()
        self._loaded = False

    def problem(self) -> str | None:
        """Return why events can't be matched yet, or None."""
        return None if self._loaded else "the subscriptions are not loaded yet"

    def get(self, subscription_id: str) -> Subscription | None:
        """Return a subscription, also a disabled or removed one that is not cleared yet."""
        return self._by_id.get(subscription_id)

    def in_state(self, state: SubscriptionState) -> list[Subscription]:
        """Return the subscriptions in a state."""
        return [subscription for subscription in self._by_id.values() if subscription.state is state]

    def count_of(self, institution: str) -> int:
        """Return how many subscriptions an institution or partner has, removed ones left out."""
        return sum(
            subscription.owner.institution == institution
            and subscription.state is not SubscriptionState.REMOVED
            for subscription in self._by_id.values()
        )

    def wanting(self, notice: Notice) -> list[Subscription]:
        """Return the subscriptions to be told, disabled ones included: theirs wait until they are enabled."""
        found = set(self._by_place.get((Audience.INSTITUTION, notice.owner.split("/", 1)[0]), ()))
        if notice.venue_id is not None:
            found |= self._by_place.get((Audience.PARTNER, notice.venue_id), set())
        candidates = [self._by_id[identifier] for identifier in sorted(found)]
        return [subscription for subscription in candidates if subscription.wants(notice)]

    def put(self, subscription: Subscription) -> None:
        """Take a subscription that this process has just written; an older version changes nothing."""
        self._changed_here.add(subscription.id)
        self._put(subscription)

    def forget(self, subscription_id: str) -> None:
        """Drop a subscription that this process has just cleared."""
        self._changed_here.add(subscription_id)
        self._forget(subscription_id)

    async def refresh(self) -> None:
        """Read every subscription again; what this process changed while reading keeps its newer state."""
        known = set(self._by_id)
        self._changed_here.clear()
        seen = [subscription async for subscription in self._store.scan(Subscription)]
        for subscription in seen:
            if subscription.id not in self._changed_here:
                self._put(subscription)
        gone = known - {subscription.id for subscription in seen}
        for identifier in gone:
            self._forget(identifier)
        self._loaded = True

    async def keep_fresh(self) -> None:
        """Refresh for ever, every `REFRESH_INTERVAL`."""
        while True:
            await self._clock.sleep(REFRESH_INTERVAL)
            try:
                await self.refresh()
            except Unavailable as error:
                log.warning("subscriptions.refresh.postponed", error=type(error).__name__)

    def _put(self, subscription: Subscription) -> None:
        former = self._by_id.get(subscription.id)
        if former is not None:
            if former.version > subscription.version:
                return
            self._forget(subscription.id)
        self._by_id[subscription.id] = subscription
        for place in _places(subscription):
            self._by_place[place].add(subscription.id)

    def _forget(self, subscription_id: str) -> None:
        former = self._by_id.pop(subscription_id, None)
        if former is None:
            return
        for place in _places(former):
            self._by_place[place].discard(subscription_id)
            if not self._by_place[place]:
                del self._by_place[place]


def _places(subscription: Subscription) -> Iterable[tuple[Audience, str]]:
    if subscription.audience is Audience.INSTITUTION:
        return [(Audience.INSTITUTION, subscription.owner.institution)]
    return [(Audience.PARTNER, venue_id) for venue_id in subscription.venue_ids]
