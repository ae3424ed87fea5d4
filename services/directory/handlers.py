"""Events in: assessments to match, referrals that load venues, cases to forget. Each effect may be repeated."""

from functools import partial

import structlog

from services.directory.documents import ReferralLoad
from services.directory.errors import UnknownMunicipality
from services.directory.matches import Cause, Matches
from services.directory.matching.index import VenueIndex
from services.directory.matching.model import MatchRequest
from services.directory.metrics import MATCHES_SKIPPED
from services.directory.repository import LoadRepository, MatchRepository
from shared.events.assessments import (
    SITUATION_PURPOSE,
    AssessmentCompleted,
    AssessmentFacts,
    AssessmentRevised,
    Situation,
)
from shared.events.cases import CaseErased
from shared.events.envelope import Event
from shared.events.payload import PAYLOADS
from shared.events.referrals import ReferralCreated, ReferralMoved
from shared.events.vocabulary import ReferralState
from shared.ids import derived_id
from shared.security.caller import Owner
from shared.service import Handlers
from shared.vault import port as vault_port
from shared.vault.port import Vault

log = structlog.get_logger()

OPEN_STATES = frozenset(
    {
        ReferralState.REQUESTED,
        ReferralState.ACKNOWLEDGED,
        ReferralState.WAITLISTED,
        ReferralState.ACCEPTED,
        ReferralState.SCHEDULED,
        ReferralState.IN_PROGRESS,
        ReferralState.ON_HOLD,
        ReferralState.HANDED_OVER,
    }
)
"""States in which a referral still takes a place at its venue."""


async def match_assessment(
    event: Event[AssessmentCompleted] | Event[AssessmentRevised], *, matches: Matches, vault: Vault
) -> None:
    """Propose venues for what the professional retained; the match's id is drawn from the event's."""
    facts, case_id = event.data.facts, event.data.case_id
    if not facts.needs:
        MATCHES_SKIPPED.labels("no_need").inc()
        return
    try:
        plain = await vault.open(case_id, SITUATION_PURPOSE, event.data.sealed)
        request = request_of(facts, Situation.model_validate_json(plain), matches)
        if request is None:
            MATCHES_SKIPPED.labels("no_position").inc()
            return
        cause = Cause(
            match_id=derived_id(event.id, "match"),
            kind="assessment",
            owner=Owner.of(event.data.owner),
            case_id=case_id,
            assessment_id=event.aggregate_id,
        )
        made = await matches.answer(request, cause)
    except vault_port.CaseErased:
        MATCHES_SKIPPED.labels("case_erased").inc()
        return
    log.info(
        "match.completed", match_id=made.id, assessment_id=event.aggregate_id, venues=len(made.venue_ids)
    )


def request_of(facts: AssessmentFacts, situation: Situation, matches: Matches) -> MatchRequest | None:
    """The question that an assessment asks; None when nobody knows where the person lives."""
    if situation.commune is None:
        return None
    try:
        position = matches.centre(situation.commune)
    except UnknownMunicipality:
        return None
    return MatchRequest(
        needs=tuple(one.need for one in sorted(facts.needs, key=lambda one: one.priority)),
        position=position,
        reach_km=situation.reach_km,
        profile=facts.profile,
        publics=frozenset(situation.publics),
        adaptations=frozenset(situation.adaptations),
        free_only=situation.free_only,
        modality=situation.modality,
        urgency=facts.urgency,
    )


async def record_load(
    event: Event[ReferralCreated] | Event[ReferralMoved], *, loads: LoadRepository, index: VenueIndex
) -> None:
    """Count a referral as open at its venue, or no longer."""
    is_open = event.data.state in OPEN_STATES
    held = await loads.get(event.aggregate_id)
    if held is not None and (event.sequence <= held.last_event or held.open is is_open):
        return
    heard = held or ReferralLoad(
        id=event.aggregate_id, created_at=event.time, venue_id=event.data.venue_id, open=False, last_event=0
    )
    await loads.put(heard.model_copy(update={"open": is_open, "last_event": event.sequence}))
    if heard.open is not is_open:
        index.change_load(event.data.venue_id, 1 if is_open else -1)


async def forget_case(event: Event[CaseErased], *, matches: MatchRepository) -> None:
    """Remove the matches of an erased case."""
    removed = await matches.forget_case(event.aggregate_id)
    log.info("case.matches.removed", case_id=event.aggregate_id, removed=removed)


def table(
    *, matches: Matches, stored: MatchRepository, loads: LoadRepository, index: VenueIndex, vault: Vault
) -> Handlers:
    """Return what this service listens to."""
    match = partial(match_assessment, matches=matches, vault=vault)
    load = partial(record_load, loads=loads, index=index)
    moves = [kind for kind in PAYLOADS.values() if issubclass(kind, ReferralMoved | ReferralCreated)]
    return {
        AssessmentCompleted: match,
        AssessmentRevised: match,
        **dict.fromkeys(moves, load),
        CaseErased: partial(forget_case, matches=stored),
    }
