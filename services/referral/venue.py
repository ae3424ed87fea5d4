"""What this service keeps of venues: a read model of the directory's public record."""

from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.venues import VenueSnapshot
from shared.store.port import Document


class ReachedBy(StrEnum):
    """How a venue without its own software can be told of a referral, from its public record."""

    EMAIL = "email"
    CALL = "call"
    POST = "post"


class Venue(Document):
    """A venue as its highest snapshot told it. A blank stays a blank: unknown."""

    kind: ClassVar[str] = "venues"

    snapshot: int
    nom: str
    commune: str
    telephone: str
    modalites_accompagnement: tuple[str, ...]
    reached_by: ReachedBy
    retired_at: AwareDatetime | None = None

    def newer(self, told: "Venue") -> "Venue | None":
        """This venue as a later snapshot tells it; None when what was told is not later."""
        if told.snapshot <= self.snapshot:
            return None
        return told.model_copy(
            update={"version": self.version, "sequence": self.sequence, "created_at": self.created_at}
        )


def venue_told_by(venue_id: str, snapshot: VenueSnapshot, at: AwareDatetime) -> Venue:
    """The read model's venue for a snapshot heard at a time."""
    by_mail_or_call = ReachedBy.EMAIL if snapshot.courriels else ReachedBy.CALL
    return Venue(
        id=venue_id,
        created_at=at,
        snapshot=snapshot.version,
        nom=snapshot.nom,
        commune=snapshot.commune,
        telephone=snapshot.telephone,
        modalites_accompagnement=snapshot.modalites_accompagnement,
        reached_by=by_mail_or_call if snapshot.courriels or snapshot.telephone else ReachedBy.POST,
        retired_at=snapshot.retired_at,
    )
