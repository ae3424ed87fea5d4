"""A lane: the events of one aggregate on their way to one endpoint, in order, one at a time.

The head of `pending` blocks the others until it is delivered or exhausted. Whoever works on a lane holds its lease:
taking it raises `fence`, and a write that carries a lower fence is a zombie's and is dropped. `next_at` says when
somebody must look at the lane again: at once, at the next retry, or when the lease of a dead holder ends.

| situation | pending | leased | next_at | parked_at |
| --- | --- | --- | --- | --- |
| idle | none | no | none | none |
| due or waiting for a retry | some | no | when | none |
| being worked on | some | yes | end of the lease | none |
| parked: its endpoint is disabled | some | no | none | since |
"""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from pydantic import AwareDatetime

from shared.errors import RelaisError
from shared.ids import derived_id
from shared.store.port import Document, Index

ATTEMPT_TIMEOUT = timedelta(seconds=15)
LEASE = 3 * ATTEMPT_TIMEOUT


class LeaseLost(RelaisError):
    """The writer's fence is not the lane's: somebody else took the lane over, so this write is dropped."""

    status = 409

    def __init__(self, lane_id: str, fence: int, current: int) -> None:
        super().__init__(f"Lane {lane_id} is at fence {current}; a write with fence {fence} is too late.")


class Lane(Document):
    """One aggregate's pending deliveries to one subscription; `pending` holds delivery ids, oldest first."""

    kind: ClassVar[str] = "lanes"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("due", (), ("next_at", "id"), sparse=True),
        Index("due_of", ("subscription_id",), ("next_at", "id"), sparse=True),
        Index("parked", ("subscription_id",), ("parked_at", "id"), sparse=True),
        Index("by_subscription", ("subscription_id",)),
        Index("by_case", ("case_id",)),
        Index("by_age"),
    )

    subscription_id: str
    case_id: str | None
    pending: tuple[str, ...] = ()
    leased: bool = False
    fence: int = 0
    next_at: AwareDatetime | None = None
    parked_at: AwareDatetime | None = None

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits in the lane and nobody works on it."""
        return not self.pending and not self.leased

    @property
    def head(self) -> str | None:
        """Return the only delivery that may be attempted now."""
        return self.pending[0] if self.pending else None

    def pushed(self, delivery_id: str, now: datetime, *, park: bool = False) -> Self:
        """Return the lane with a delivery at its end; one that is already pending changes nothing.

        An idle lane becomes due, or parked when its endpoint is disabled.
        """
        if delivery_id in self.pending:
            return self
        update: dict[str, object] = {"pending": (*self.pending, delivery_id)}
        if self.next_at is None and self.parked_at is None:
            update["parked_at" if park else "next_at"] = now
        return self.model_copy(update=update)

    def acquired(self, now: datetime) -> Self | None:
        """Return the lane under a new lease, or None when there is nothing to do in it now."""
        if not self.pending or self.next_at is None or self.next_at > now:
            return None
        return self.model_copy(update={"leased": True, "fence": self.fence + 1, "next_at": now + LEASE})

    def advanced(self, fence: int, now: datetime) -> Self:
        """Return the lane without its head: the lease goes on while something is pending, and ends otherwise.

        Raises:
            LeaseLost: the fence is not the lane's.
        """
        self._check(fence)
        rest = self.pending[1:]
        return self.model_copy(
            update={"pending": rest, "leased": bool(rest), "next_at": now + LEASE if rest else None}
        )

    def postponed(self, fence: int, until: datetime) -> Self:
        """Return the lane released, its head to be tried again at `until`.

        Raises:
            LeaseLost: the fence is not the lane's.
        """
        self._check(fence)
        return self.model_copy(update={"leased": False, "next_at": until})

    def parked(self, fence: int, now: datetime) -> Self:
        """Return the lane set aside until its endpoint is enabled.

        Raises:
            LeaseLost: the fence is not the lane's.
        """
        self._check(fence)
        return self.model_copy(update={"leased": False, "next_at": None, "parked_at": now})

    def resumed(self, now: datetime) -> Self:
        """Return a parked lane made due; any other is returned as it is."""
        if self.parked_at is None:
            return self
        return self.model_copy(update={"parked_at": None, "next_at": now if self.pending else None})

    def _check(self, fence: int) -> None:
        if not self.leased or self.fence != fence:
            raise LeaseLost(self.id, fence, self.fence)


def lane_id(subscription_id: str, aggregate_id: str) -> str:
    """Return the id of the lane of one aggregate at one subscription."""
    return derived_id(aggregate_id, subscription_id, "lane")
