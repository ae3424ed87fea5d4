"""Documents and events that the contracts of the store and of the bus are told with.

The events are published ones, chosen for their few fields: a payload of the tests' own would enter the registry.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.bus.topics import Topic
from shared.events.cases import CaseErased
from shared.events.deliveries import DeliveryExhausted
from shared.events.payload import Payload
from shared.events.venues import VenueSnapshot
from shared.store.port import Document, Index

MORNING = datetime(2026, 11, 23, 9, tzinfo=UTC)
NUMBERED, OTHER, COMPACTED = Topic.DELIVERIES, Topic.CASES, Topic.VENUES


def numbered(number: int) -> Payload:
    """Return an event of the topic `NUMBERED` that carries a number."""
    return DeliveryExhausted(owner="cpam93", subscription_id="s-1", event_id="e-1", attempts=number)


def other() -> Payload:
    """Return an event of the topic `OTHER`."""
    return CaseErased(owner="cpam93")


def snapshot(version: int) -> Payload:
    """Return an event of the compacted topic."""
    return VenueSnapshot.model_validate(
        {
            "version": version,
            "data_source": "essai",
            "source_venue_id": "1",
            "nom": f"Lieu {version}",
            "commune": "Bobigny",
            "code_postal": "93000",
            "date_maj": "2026-11-23",
        }
    )


class Place(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    town: str
    metres: float


class Note(Document):
    kind: ClassVar[str] = "notes"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("by_age"),
        Index("by_subject", ("subject",)),
        Index("by_subject_read", ("subject", "read")),
        Index("by_rank", (), ("rank", "id")),
        Index("by_subject_rank", ("subject",), ("rank", "created_at", "id")),
        Index("due", (), ("due_at", "id"), sparse=True),
        Index("due_of", ("subject",), ("due_at", "id"), sparse=True),
        Index("near", ("place.town",), ("place.metres", "id"), sparse=True),
    )

    subject: str = "visits"
    read: bool = False
    rank: int = 0
    due_at: AwareDatetime | None = None
    place: Place | None = None
    text: str = ""


class RicherNote(Note):
    """The same kind, as a newer release writes it."""

    mood: str = "calm"
    details: dict[str, list[int]] = {"steps": [1, 2]}  # noqa: RUF012 - pydantic copies defaults


class Task(Document):
    kind: ClassVar[str] = "tasks"
    indexes: ClassVar[tuple[Index, ...]] = (Index("by_age"),)

    title: str = ""


def a_note(identifier: str = "n1", *, minutes: float = 0, **fields: Any) -> Note:
    """Return a note made `minutes` after `MORNING`."""
    return Note(id=identifier, created_at=MORNING + timedelta(minutes=minutes), **fields)
