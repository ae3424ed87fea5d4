"""Answers matches, stores them with their events, and gives them back.

Where a person is, how far a venue lies from there and what they need it for are personal once tied to a case: that
detail is sealed under the case key. In clear stay what events carry too: département, needs covered or not, venue ids.
"""

import time
from collections.abc import Sequence
from datetime import date
from typing import Literal

import structlog
from pydantic import BaseModel, ConfigDict

from services.directory.documents import Match, Venue
from services.directory.errors import UnknownMunicipality
from services.directory.matching.engine import match, named_exclusions
from services.directory.matching.index import VenueIndex
from services.directory.matching.model import (
    Exclusion,
    MatchAnswer,
    MatchRequest,
    Point,
    Proposal,
    Widening,
)
from services.directory.matching.widening import widenings
from services.directory.metrics import MATCH_SECONDS, MATCHES
from services.directory.municipalities import Municipalities
from services.directory.repository import MatchRepository, VenueRepository
from shared.clock import Clock
from shared.events.matches import MatchCompleted, NeedCoverage, NeedUncovered
from shared.events.payload import Payload
from shared.events.vocabulary import Coverage
from shared.security.caller import Act, Caller, Owner
from shared.store.port import AlreadyExists
from shared.vault.port import UnknownCase, Vault

log = structlog.get_logger()

DETAIL_PURPOSE = "match.detail"
"""What the vault binds a match's sealed detail to."""

WISHED_VENUES = 3
"""Below this many, what would widen the choice is worked out."""


class MatchDetail(BaseModel):
    """The part of a match that says where the person is."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    request: MatchRequest
    proposals: tuple[Proposal, ...]
    exclusions: dict[str, int]
    widenings: tuple[Widening, ...] = ()
    named_exclusions: tuple[Exclusion, ...] = ()
    within_reach: int
    eligible: int
    as_of: date


class Cause(BaseModel):
    """Why a match is made, for whom, and the id it therefore has."""

    model_config = ConfigDict(frozen=True)

    match_id: str
    kind: Literal["assessment", "request"]
    owner: Owner
    case_id: str | None = None
    assessment_id: str | None = None
    fingerprint: str = ""


class Matches:
    """What the API and the handlers call."""

    def __init__(
        self,
        *,
        index: VenueIndex,
        municipalities: Municipalities,
        matches: MatchRepository,
        venues: VenueRepository,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._index = index
        self._municipalities = municipalities
        self._matches = matches
        self._venues = venues
        self._vault = vault
        self._clock = clock

    def centre(self, code_insee: str) -> Point:
        """Where a municipality is.

        Raises:
            UnknownMunicipality: no such code, or no centre on file.
        """
        found = self._municipalities.by_code(code_insee)
        if found is None or found.latitude is None or found.longitude is None:
            raise UnknownMunicipality(code_insee)
        return Point(latitude=found.latitude, longitude=found.longitude, departement=found.departement)

    def place(self, latitude: float, longitude: float) -> Point:
        """A point with its département: that of the nearest municipality."""
        nearest = self._municipalities.nearest(latitude, longitude)
        return Point(
            latitude=latitude, longitude=longitude, departement=nearest.departement if nearest else None
        )

    async def check_case(self, case_id: str, caller: Caller) -> None:
        """Make sure that a case is the caller's institution's.

        Raises:
            UnknownCase, CaseErased.
        """
        if await self._vault.owner(case_id) != caller.institution:
            raise UnknownCase(case_id)

    async def answer(self, request: MatchRequest, cause: Cause, *, name_exclusions: bool = False) -> Match:
        """Answer a request and store it with its events; a repeat of the same cause gives the match that stands.

        Raises:
            CaseErased: the case's key was destroyed meanwhile.
        """
        if (known := await self._matches.get(cause.match_id)) is not None:
            return known
        today = self._clock.now().date()
        started = time.perf_counter()
        answer = match(request, self._index, today)
        MATCH_SECONDS.observe(time.perf_counter() - started)
        detail = self._detail(request, answer, name_exclusions=name_exclusions)
        made = await self._made(request, answer, detail, cause)
        try:
            stored = await self._matches.add(made, _events(made))
        except AlreadyExists:
            standing = await self._matches.get(cause.match_id)
            if standing is None:
                raise
            return standing
        MATCHES.labels(cause.kind).inc()
        return stored

    async def open(self, found: Match) -> tuple[MatchDetail, dict[str, Venue]]:
        """The detail of a match, and the venues it proposes as they stand today.

        Raises:
            CaseErased: the case was erased.
        """
        if found.sealed is not None and found.case_id is not None:
            plain = await self._vault.open(found.case_id, DETAIL_PURPOSE, found.sealed)
        else:
            plain = (found.plain or "").encode()
        detail = MatchDetail.model_validate_json(plain)
        venues = await self._venues.get_many(list(found.venue_ids))
        return detail, {venue.id: venue for venue in venues}

    async def read(self, match_id: str, act: Act) -> tuple[Match, MatchDetail, dict[str, Venue]]:
        """Open a match for an agent; one that is tied to a case is journalled.

        Raises:
            NotFound, CaseErased.
        """
        found = await self._matches.seen_by(match_id, act.caller)
        detail, venues = await self.open(found)
        if found.case_id is not None:
            log.info("match.detail.opened", match_id=match_id, agent=act.agent, service=act.service)
        return found, detail, venues

    def _detail(self, request: MatchRequest, answer: MatchAnswer, *, name_exclusions: bool) -> MatchDetail:
        return MatchDetail(
            request=request,
            proposals=answer.proposals,
            exclusions=answer.exclusions,
            widenings=tuple(widenings(request, self._index, answer.eligible, WISHED_VENUES)),
            named_exclusions=tuple(named_exclusions(request, self._index)) if name_exclusions else (),
            within_reach=answer.within_reach,
            eligible=answer.eligible,
            as_of=answer.as_of,
        )

    async def _made(
        self, request: MatchRequest, answer: MatchAnswer, detail: MatchDetail, cause: Cause
    ) -> Match:
        plain = detail.model_dump_json()
        sealed = None
        if cause.case_id is not None:
            sealed = await self._vault.seal(cause.case_id, DETAIL_PURPOSE, plain.encode())
        return Match(
            id=cause.match_id,
            created_at=self._clock.now(),
            owner=cause.owner,
            cause=cause.kind,
            case_id=cause.case_id,
            assessment_id=cause.assessment_id,
            departement=request.position.departement,
            needs=_coverage(answer),
            venue_ids=tuple(proposal.venue_id for proposal in answer.proposals),
            index_revision=answer.index_revision,
            load_revision=answer.load_revision,
            sealed=sealed,
            plain=plain if sealed is None else None,
            fingerprint=cause.fingerprint,
        )


def _coverage(answer: MatchAnswer) -> tuple[NeedCoverage, ...]:
    return tuple(NeedCoverage(need=need, coverage=coverage) for need, coverage in answer.coverage.items())


def _events(made: Match) -> Sequence[Payload]:
    completed = MatchCompleted(
        owner=made.owner.node,
        cause="assessment" if made.cause == "assessment" else "request",
        case_id=made.case_id,
        assessment_id=made.assessment_id,
        departement=made.departement,
        needs=made.needs,
        venue_ids=made.venue_ids,
        index_revision=made.index_revision,
    )
    missing = [
        NeedUncovered(
            owner=made.owner.node, case_id=made.case_id, departement=made.departement, need=one.need
        )
        for one in made.needs
        if one.coverage is Coverage.UNCOVERED
    ]
    return [completed, *missing]
