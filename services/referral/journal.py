"""The journal of reads: who was given which personal parts of which referral, never what they held."""

from typing import ClassVar

from shared.events.vocabulary import ActorKind
from shared.store.port import Document, Index


class AccessRecord(Document):
    """One read, at `created_at`. `parts` names what was opened."""

    kind: ClassVar[str] = "access_journal"
    indexes: ClassVar[tuple[Index, ...]] = (Index("by_referral", ("referral_id",)),)

    referral_id: str
    reader: ActorKind
    client_id: str
    agent: str
    service: str
    parts: tuple[str, ...]
