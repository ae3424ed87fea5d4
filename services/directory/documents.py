"""What the directory stores: venues, their sources, imports with their reports, matches, and the load of venues.

An import is atomic for readers although it writes many documents. It *stages* what each venue would become inside the
venue's own document; *flips* the source by one write of `current_import`; then *settles* each venue, which publishes it.
A staged part counts as the venue's record exactly when its import is its source's current one, so readers see the old
venues or the new ones, never a mixture, at whatever point the process dies.
"""

from datetime import datetime
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.directory.matching.columns import VenueRow, row_of
from services.directory.model import ImportCounts, ImportState, ReportEntry, VenueRecord
from shared.events.matches import NeedCoverage
from shared.events.venues import VenueSnapshot
from shared.security.caller import OWNED_INDEXES, Owner
from shared.store.port import Document, Index

MADE_BY_HAND = "api-"
"""Prefix of the sources that hold venues made one by one over the API, one an institution."""

ENTRIES_PER_PAGE = 200


class Staged(BaseModel):
    """What a venue becomes when its source turns to this import; no record: it is retired."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    import_id: str
    record: VenueRecord | None
    corrections: tuple[ReportEntry, ...] = ()


class Source(Document):
    """A producer's file, by name (the id). `settled_import` lags behind `current_import` until all is published."""

    kind: ClassVar[str] = "sources"

    owner: Owner
    current_import: str | None = None
    settled_import: str | None = None


class Venue(Document):
    """One venue of one source. `record` is None while it has only ever been staged: it does not exist for readers."""

    kind: ClassVar[str] = "venues"
    indexes: ClassVar[tuple[Index, ...]] = (
        Index("by_source", ("source",)),
        Index("by_staging", ("staged.import_id",)),
    )

    source: str
    owner: Owner
    record: VenueRecord | None = None
    corrections: tuple[ReportEntry, ...] = ()
    recorded_at: AwareDatetime | None = None
    retired_at: AwareDatetime | None = None
    staged: Staged | None = None
    fingerprint: str = ""

    def as_read(self, current_import: str | None) -> "Venue | None":
        """This venue as readers must see it while its source's current import is this one; None: it does not exist.

        A staged part that has become current is shown under the version that settling will give it.
        """
        if self.staged is not None and self.staged.import_id == current_import:
            at = self.recorded_at or self.created_at
            return self.settled(at).model_copy(update={"version": self.version + 1})
        return self if self.record is not None else None

    def settled(self, at: datetime) -> "Venue":
        """This venue once its staged part is its record (or its retirement)."""
        if self.staged is None:
            return self
        if self.staged.record is None:
            return self.model_copy(update={"staged": None, "retired_at": at})
        return self.model_copy(
            update={
                "staged": None,
                "record": self.staged.record,
                "corrections": self.staged.corrections,
                "recorded_at": at,
                "retired_at": None,
            }
        )

    def row(self) -> VenueRow | None:
        """Its row in the index, or None when it is not to be proposed."""
        if self.record is None or self.retired_at is not None:
            return None
        return row_of(self.id, self.version, self.source, self.record)

    def snapshot(self) -> VenueSnapshot:
        """What is published when this state is saved: its version will then be one more."""
        if self.record is None:
            raise ValueError(f"venue {self.id} has no record to publish")
        record = self.record.model_dump(exclude={"id", "source"})
        texts = {
            name: "" if value is None else value for name, value in record.items() if name not in _NULLABLE
        }
        return VenueSnapshot.model_validate(
            texts
            | {name: record[name] for name in _NULLABLE}
            | {
                "version": self.version + 1,
                "data_source": self.source,
                "source_venue_id": self.record.id,
                "departement": self.record.departement,
                "retired_at": self.retired_at,
            }
        )


_NULLABLE = ("latitude", "longitude", "date_maj")


class Import(Document):
    """One import. `report_pages` pages of `ReportPage` hold what is said of its rows."""

    kind: ClassVar[str] = "imports"
    indexes: ClassVar[tuple[Index, ...]] = OWNED_INDEXES

    source: str
    owner: Owner
    state: ImportState = ImportState.RUNNING
    counts: ImportCounts = Field(default_factory=ImportCounts)
    refusal: str | None = None
    entries: int = 0
    finished_at: AwareDatetime | None = None
    fingerprint: str = ""


class ReportPage(Document):
    """`ENTRIES_PER_PAGE` entries of a report; id = `{import id}:{number}`."""

    kind: ClassVar[str] = "report_pages"

    entries: tuple[ReportEntry, ...]


class Match(Document):
    """An answered match. The detail tells where the person is: `sealed` under the case key, `plain` without a case."""

    kind: ClassVar[str] = "matches"
    indexes: ClassVar[tuple[Index, ...]] = (
        *OWNED_INDEXES,
        Index("by_assessment", ("assessment_id",)),
        Index("by_case", ("case_id",)),
    )

    owner: Owner
    cause: str
    case_id: str | None = None
    assessment_id: str | None = None
    departement: str | None = None
    needs: tuple[NeedCoverage, ...]
    venue_ids: tuple[str, ...]
    index_revision: int
    load_revision: int
    sealed: str | None = None
    plain: str | None = None
    fingerprint: str = ""


class ReferralLoad(Document):
    """Whether one referral (its id) takes a place at its venue, and the last event that changed it.

    A document a referral, not one a venue: the events of a popular venue would all race for that one.
    """

    kind: ClassVar[str] = "referral_loads"
    indexes: ClassVar[tuple[Index, ...]] = (Index("by_open", ("open",)),)

    venue_id: str
    open: bool
    last_event: int
