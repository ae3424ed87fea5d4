"""What the directory's routes read and answer."""

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.directory.documents import Import, Match, Venue
from services.directory.matches import MatchDetail
from services.directory.matching import texts
from services.directory.matching.model import (
    MAX_TOP,
    Answer,
    MatchRequest,
    Point,
    Proposal,
    Reason,
    RuleCode,
)
from services.directory.model import ImportCounts, ImportState, InseeCode, ReportEntry, VenueRecord
from shared.events.matches import NeedCoverage
from shared.events.vocabulary import Adaptation, Modality, Need, Profile, Public, StandardService, Urgency
from shared.http.paging import ListOf, PageQuery

UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
SOURCE_PATTERN = "^[a-z0-9][a-z0-9-]{0,62}$"

Uuid = Annotated[str, Field(pattern=UUID_PATTERN)]
SourceName = Annotated[str, Field(pattern=SOURCE_PATTERN)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]


class VenueOut(BaseModel):
    """A venue: Relais's own id and version around its producer's record; `distance_m` when listed near a place."""

    id: str
    version: int
    source: str
    departement: str | None
    record: VenueRecord
    corrections: tuple[ReportEntry, ...]
    recorded_at: AwareDatetime | None
    retired_at: AwareDatetime | None
    distance_m: int | None = None

    @classmethod
    def of(cls, venue: Venue, distance_m: int | None = None) -> "VenueOut":
        """A venue as it is shown."""
        record = venue.record
        if record is None:
            raise ValueError(f"venue {venue.id} is only staged")
        return cls(
            id=venue.id,
            version=venue.version,
            source=venue.source,
            departement=record.departement,
            record=record,
            corrections=venue.corrections,
            recorded_at=venue.recorded_at,
            retired_at=venue.retired_at,
            distance_m=distance_m,
        )


class VenueQuery(PageQuery):
    """Filters of a list; `commune` with `radius_km` means around its centre, and so do `latitude` and `longitude`."""

    commune: InseeCode | None = Field(None, description="INSEE code, not the postcode.")
    departement: str | None = Field(None, pattern="^(2[AB]|[0-9]{2,3})$")
    source: SourceName | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    radius_km: float | None = Field(
        None, gt=0, le=200, description="In a straight line; 10 near coordinates."
    )
    service: StandardService | None = None
    need: Need | None = Field(None, description="Keeps the venues that answer it or may.")

    @model_validator(mode="after")
    def _one_place(self) -> "VenueQuery":
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude go together")
        if self.latitude is not None and self.commune is not None:
            raise ValueError("give a commune or coordinates, not both")
        if self.radius_km is not None and self.latitude is None and self.commune is None:
            raise ValueError("radius_km needs a commune or coordinates")
        return self


class ImportOut(BaseModel):
    """An import: where it stands, its totals, and a page of its report (`rows`; read on with `after`)."""

    id: str
    source: str
    state: ImportState
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    refusal: str | None
    counts: ImportCounts
    entries: int
    rows: ListOf[ReportEntry]

    @classmethod
    def of(cls, imported: Import, rows: list[ReportEntry], following: str | None) -> "ImportOut":
        """An import as it is shown."""
        return cls(
            id=imported.id,
            source=imported.source,
            state=imported.state,
            created_at=imported.created_at,
            finished_at=imported.finished_at,
            refusal=imported.refusal,
            counts=imported.counts,
            entries=imported.entries,
            rows=ListOf(items=rows, next=following),
        )


class ReportQuery(BaseModel):
    """Which part of a report."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(0, ge=0, le=1_000_000_000, description="The `rows.next` of the page before.")
    limit: int = Field(50, ge=1, le=200)


class ImportQuery(BaseModel):
    """The source that a file replaces."""

    model_config = ConfigDict(extra="forbid")

    source: SourceName


class NewMatch(BaseModel):
    """A question to matching: needs by priority, a commune or coordinates, and the person\'s constraints.

    With `case_id` the answer\'s detail is sealed under the case\'s key. `strict` criteria make an unknown exclude.
    """

    model_config = ConfigDict(extra="forbid")

    needs: tuple[Need, ...] = Field(min_length=1, max_length=len(Need))
    commune: InseeCode | None = Field(None, description="INSEE code, not the postcode.")
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    reach_km: float | None = Field(None, ge=0, le=200)
    profile: Profile | None = None
    publics: frozenset[Public] = frozenset()
    adaptations: frozenset[Adaptation] = frozenset()
    free_only: bool = False
    modality: Modality | None = None
    urgency: Urgency = Urgency.STANDARD
    strict: frozenset[RuleCode] = frozenset()
    venues_preferred: frozenset[Uuid] = Field(default=frozenset(), max_length=100)
    venues_excluded: frozenset[Uuid] = Field(default=frozenset(), max_length=100)
    top: int = Field(3, ge=1, le=MAX_TOP)
    name_exclusions: bool = Field(
        default=False, description="Name each excluded venue with the rules that said no."
    )
    case_id: Uuid | None = None
    assessment_id: Uuid | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "NewMatch":
        coordinates = (self.latitude is None, self.longitude is None)
        if coordinates[0] != coordinates[1]:
            raise ValueError("latitude and longitude go together")
        if (self.commune is None) == coordinates[0]:
            raise ValueError("give either a commune or coordinates")
        if len(set(self.needs)) != len(self.needs):
            raise ValueError("a need is named twice; name each once, the first is the most important")
        if self.assessment_id is not None and self.case_id is None:
            raise ValueError("an assessment_id needs its case_id")
        MatchRequest.check_strict(self.strict)
        return self

    def request(self, position: Point) -> MatchRequest:
        """The question at a position."""
        own = {"commune", "latitude", "longitude", "name_exclusions", "case_id", "assessment_id"}
        return MatchRequest(
            position=position,
            **{name: getattr(self, name) for name in type(self).model_fields if name not in own},
        )


class ReasonOut(BaseModel):
    """One reason: a code for programs, a sentence for people. `answer` is yes, no or unknown."""

    code: str
    subject: str
    answer: str
    text: str

    @classmethod
    def of(cls, reason: Reason) -> "ReasonOut":
        """A reason as it is shown."""
        answer = Answer(reason.answer).name.lower()
        return cls(code=reason.code, subject=reason.subject, answer=answer, text=texts.reason_text(reason))


class ProposalOut(BaseModel):
    """A venue proposed, with its public contact; blank when it left the directory since."""

    venue_id: str
    nom: str | None
    commune: str | None
    adresse: str | None
    telephone: str | None
    distance_m: int | None
    to_verify: bool
    advice: str | None
    reasons: list[ReasonOut]

    @classmethod
    def of(cls, proposal: Proposal, venue: Venue | None) -> "ProposalOut":
        """A proposal as it is shown."""
        record = venue.record if venue else None
        return cls(
            venue_id=proposal.venue_id,
            nom=record.nom if record else None,
            commune=record.commune if record else None,
            adresse=record.adresse if record else None,
            telephone=record.telephone if record else None,
            distance_m=proposal.distance_m,
            to_verify=proposal.to_verify,
            advice=texts.TO_VERIFY if proposal.to_verify else None,
            reasons=[ReasonOut.of(reason) for reason in proposal.reasons],
        )


class ExclusionOut(BaseModel):
    """How many venues within reach a rule excluded."""

    rule: str
    venues: int
    text: str


class NamedExclusionOut(BaseModel):
    """One excluded venue and every rule that said no."""

    venue_id: str
    distance_m: int | None
    rules: list[str]
    texts: list[str]


class WideningOut(BaseModel):
    """What would widen the choice, and to how many venues."""

    code: str
    venues: int
    reach_km: float | None
    text: str


class MatchOut(BaseModel):
    """An answered match, at the index revision and load snapshot it states: the same question there gives the same answer."""

    id: str
    created_at: AwareDatetime
    cause: str
    case_id: str | None
    assessment_id: str | None
    departement: str | None
    needs: tuple[NeedCoverage, ...]
    venues: list[ProposalOut]
    within_reach: int
    eligible: int
    reach_km: float
    reach_assumed: bool
    exclusions: list[ExclusionOut]
    named_exclusions: list[NamedExclusionOut]
    widenings: list[WideningOut]
    index_revision: int
    load_revision: int
    as_of: date

    @classmethod
    def of(cls, match: Match, detail: MatchDetail, venues: dict[str, Venue]) -> "MatchOut":
        """A match as it is shown."""
        return cls(
            id=match.id,
            created_at=match.created_at,
            cause=match.cause,
            case_id=match.case_id,
            assessment_id=match.assessment_id,
            departement=match.departement,
            needs=match.needs,
            venues=[ProposalOut.of(one, venues.get(one.venue_id)) for one in detail.proposals],
            within_reach=detail.within_reach,
            eligible=detail.eligible,
            reach_km=detail.request.reach_used_km,
            reach_assumed=detail.request.reach_km is None,
            index_revision=match.index_revision,
            load_revision=match.load_revision,
            as_of=detail.as_of,
            **_left_out(detail),
        )


class MatchSummary(BaseModel):
    """A match in a list: its clear part."""

    id: str
    created_at: AwareDatetime
    cause: str
    case_id: str | None
    assessment_id: str | None
    departement: str | None
    needs: tuple[NeedCoverage, ...]
    venue_ids: tuple[str, ...]

    @classmethod
    def of(cls, match: Match) -> "MatchSummary":
        """A match as it is listed."""
        return cls.model_validate(match.model_dump(include=set(cls.model_fields)))


class MatchQuery(PageQuery):
    """Which matches: those of an assessment, or all that the client may see."""

    assessment_id: Uuid | None = None


def _left_out(
    detail: MatchDetail,
) -> dict[str, list[ExclusionOut] | list[NamedExclusionOut] | list[WideningOut]]:
    return {
        "exclusions": [
            ExclusionOut(rule=rule, venues=count, text=texts.exclusion_text(rule))
            for rule, count in sorted(detail.exclusions.items(), key=lambda item: (-item[1], item[0]))
        ],
        "named_exclusions": [
            NamedExclusionOut(
                venue_id=one.venue_id,
                distance_m=one.distance_m,
                rules=list(one.rules),
                texts=[texts.exclusion_text(rule) for rule in one.rules],
            )
            for one in detail.named_exclusions
        ],
        "widenings": [
            WideningOut(
                code=one.code, venues=one.venues, reach_km=one.reach_km, text=texts.widening_text(one)
            )
            for one in detail.widenings
        ],
    }
