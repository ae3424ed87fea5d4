"""How an endpoint fares: failing since when, disabled when it is gone or fails for too long."""

from collections.abc import Callable

import structlog

from services.notifications.metrics import ENDPOINTS_DISABLED
from services.notifications.model import DisabledReason, Subscription, SubscriptionState
from services.notifications.repository import NotificationRepository
from services.notifications.subscription_index import SubscriptionIndex
from shared.clock import Clock
from shared.events.deliveries import EndpointDisabled
from shared.events.payload import Payload

log = structlog.get_logger()

Change = Callable[[Subscription], tuple[Subscription, list[Payload]] | None]


class EndpointHealth:
    """Keeps `failing_since` and the state of subscriptions; writes only when one of them changes."""

    def __init__(self, repository: NotificationRepository, index: SubscriptionIndex, clock: Clock) -> None:
        self._repository = repository
        self._index = index
        self._clock = clock

    def failing(self, subscription_id: str) -> bool:
        """Tell whether the endpoint's last attempt known here failed."""
        subscription = self._index.get(subscription_id)
        return subscription is not None and subscription.failing_since is not None

    async def succeeded(self, subscription_id: str) -> None:
        """Note that the endpoint took a message."""
        subscription = self._index.get(subscription_id)
        if subscription is None or subscription.failing_since is None:
            return

        def recover(current: Subscription) -> tuple[Subscription, list[Payload]] | None:
            if current.failing_since is None or current.state is not SubscriptionState.ACTIVE:
                return None
            return current.model_copy(update={"failing_since": None}), []

        await self._write(subscription, recover)

    async def failed(self, subscription_id: str, *, gone: bool) -> bool:
        """Note a failed attempt; return whether the endpoint is now disabled."""
        subscription = self._index.get(subscription_id)
        if subscription is None or subscription.state is not SubscriptionState.ACTIVE:
            return subscription is not None
        reason = DisabledReason.GONE if gone else DisabledReason.FAILING
        now = self._clock.now()

        def decline(current: Subscription) -> tuple[Subscription, list[Payload]] | None:
            if current.state is not SubscriptionState.ACTIVE:
                return None
            after = current.failed(now, reason)
            if after == current:
                return None
            disabled = after.state is SubscriptionState.DISABLED
            event = EndpointDisabled(owner=after.owner.node, subscription_id=after.id)
            return after, [event] if disabled else []

        written = await self._write(subscription, decline)
        if written is not None and written.state is SubscriptionState.DISABLED:
            ENDPOINTS_DISABLED.labels(reason.value).inc()
            log.warning("endpoint.disabled", subscription_id=written.id, reason=reason.value)
        current = self._index.get(subscription_id)
        return current is None or current.state is not SubscriptionState.ACTIVE

    async def _write(self, subscription: Subscription, change: Change) -> Subscription | None:
        written = await self._repository.change(subscription, change)
        if written is not None:
            self._index.put(written)
        return written
