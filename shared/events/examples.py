"""One example of each event, told as one story: an assessment in Bobigny, its match, its referral, its end.

They stand in `docs/events.md` and in the AsyncAPI document. Nobody real: random ids, and a sealed part that no key
opens.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import orjson

from shared.bus.topics import Topic
from shared.events.assessments import (
    AssessmentCompleted,
    AssessmentFacts,
    AssessmentRevised,
    RetainedNeed,
    Scores,
)
from shared.events.cases import CaseErased, CaseErasing
from shared.events.deliveries import DeliveryExhausted, EndpointDisabled
from shared.events.envelope import stamp
from shared.events.matches import MatchCompleted, NeedCoverage, NeedUncovered
from shared.events.payload import Payload
from shared.events.referrals import (
    Outcome,
    ReferralAccepted,
    ReferralAcknowledged,
    ReferralAttendanceRecorded,
    ReferralCancelled,
    ReferralCompleted,
    ReferralCorrected,
    ReferralCreated,
    ReferralDeclined,
    ReferralExpired,
    ReferralFailed,
    ReferralHeld,
    ReferralLapsed,
    ReferralReopened,
    ReferralScheduled,
    ReferralStarted,
    ReferralWaitlisted,
)
from shared.events.venues import SourceImported, VenueSnapshot
from shared.events.vocabulary import (
    ActorKind,
    AgeBand,
    Attendance,
    AutonomyAfter,
    Channel,
    Coverage,
    Need,
    Profile,
    ReferralKind,
    ReferralReason,
    ReferralState,
    Urgency,
)

_OWNER = "cpam93/bobigny/accueil"
_CASE = "0b7a6f2e-5d0c-4f0e-9d51-3f2b8c1a7e44"
_ASSESSMENT = "3c9d8a17-62f4-5e3b-8a70-91d5c0b4f6e2"
_MATCH = "e4a1b7c2-0d93-5c68-b1f5-7a2e9d3c8f10"
_REFERRAL = "9f2c4d6e-8b1a-5f3d-a7c0-2e5b8d1f4a63"
_VENUE = "5a8d2f1c-7e4b-5a96-83d0-c6f1b9e2a7d4"
_SUBSCRIPTION = "c1d7e9a2-4b60-5f8e-9a3c-0d2b6e8f1a75"
_SEALED = "AQAAAAAAAAAAAAAAAAAAAA"
_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

_FACTS = AssessmentFacts(
    departement="93",
    age_band=AgeBand.FROM_60,
    depth="full",
    questionnaire="relais",
    questionnaire_version="2026-1",
    profile=Profile.FIRST_STEPS,
    needs=(RetainedNeed(need=Need.BASIC_SKILLS, priority=1), RetainedNeed(need=Need.EQUIPMENT, priority=2)),
    scores=Scores(access=20, skills=30, autonomy=10),
    confidence=80,
    ordinal=1,
)


def _moved(previous: ReferralState, state: ReferralState, by: ActorKind) -> dict[str, Any]:
    return {
        "case_id": _CASE,
        "owner": _OWNER,
        "venue_id": _VENUE,
        "previous": previous,
        "state": state,
        "by": by,
    }


def _referral_examples() -> tuple[Payload, ...]:
    state, venue, clock = ReferralState, ActorKind.PARTNER, ActorKind.CLOCK
    prescriber = ActorKind.PRESCRIBER
    return (
        ReferralCreated(
            case_id=_CASE,
            owner=_OWNER,
            venue_id=_VENUE,
            state=state.REQUESTED,
            kind=ReferralKind.INDIVIDUAL,
            urgency=Urgency.STANDARD,
            needs=(Need.BASIC_SKILLS,),
            departement="93",
            age_band=AgeBand.FROM_60,
            assessment_id=_ASSESSMENT,
            match_id=_MATCH,
        ),
        ReferralAcknowledged(**_moved(state.REQUESTED, state.ACKNOWLEDGED, venue)),
        ReferralWaitlisted(**_moved(state.ACKNOWLEDGED, state.WAITLISTED, venue)),
        ReferralAccepted(**_moved(state.WAITLISTED, state.ACCEPTED, venue)),
        ReferralDeclined(
            **_moved(state.REQUESTED, state.DECLINED, prescriber),
            on_behalf_of_venue=True,
            channel=Channel.PHONE,
            reason=ReferralReason.NO_CAPACITY,
        ),
        ReferralScheduled(
            **_moved(state.ACCEPTED, state.SCHEDULED, venue),
            appointment_at=datetime(2026, 12, 3, 13, 30, tzinfo=UTC),
        ),
        ReferralAttendanceRecorded(
            **_moved(state.SCHEDULED, state.IN_PROGRESS, venue), attendance=Attendance.SEEN
        ),
        ReferralStarted(**_moved(state.ACCEPTED, state.IN_PROGRESS, venue)),
        ReferralHeld(
            **_moved(state.IN_PROGRESS, state.ON_HOLD, venue), reason=ReferralReason.MISSING_DOCUMENT
        ),
        ReferralCompleted(
            **_moved(state.IN_PROGRESS, state.COMPLETED, venue),
            outcome=Outcome(
                services_given=("Maîtrise des outils numériques du quotidien",),
                autonomy_after=AutonomyAfter.PARTLY_AUTONOMOUS,
            ),
        ),
        ReferralFailed(**_moved(state.SCHEDULED, state.FAILED, venue), reason=ReferralReason.NO_SHOW),
        ReferralCancelled(
            **_moved(state.REQUESTED, state.CANCELLED, prescriber),
            reason=ReferralReason.PERSON_DECLINED,
            wish_of="person",
        ),
        ReferralExpired(**_moved(state.REQUESTED, state.EXPIRED, clock)),
        ReferralLapsed(**_moved(state.HANDED_OVER, state.LAPSED, clock)),
        ReferralReopened(**_moved(state.EXPIRED, state.REQUESTED, prescriber)),
        ReferralCorrected(
            **_moved(state.REQUESTED, state.ENTERED_IN_ERROR, prescriber), reason=ReferralReason.DATA_ERROR
        ),
    )


def _other_examples() -> tuple[tuple[str, Payload], ...]:
    revised = _FACTS.model_copy(update={"profile": Profile.GUIDED_BEGINNER, "overridden": True})
    covered = NeedCoverage(need=Need.BASIC_SKILLS, coverage=Coverage.COVERED)
    uncovered = NeedCoverage(need=Need.EQUIPMENT, coverage=Coverage.UNCOVERED)
    venue = VenueSnapshot(
        version=3,
        data_source="Seine-Saint-Denis",
        source_venue_id="venue-0001",
        nom="Médiathèque",
        commune="Bobigny",
        code_postal="93000",
        code_insee="93008",
        departement="93",
        horaires="Tu-Sa 10:00-18:00",
        services=("Maîtrise des outils numériques du quotidien",),
        date_maj=date(2026, 9, 1),
    )
    return (
        (_ASSESSMENT, AssessmentCompleted(case_id=_CASE, owner=_OWNER, facts=_FACTS, sealed=_SEALED)),
        (_ASSESSMENT, AssessmentRevised(case_id=_CASE, owner=_OWNER, facts=revised, sealed=_SEALED)),
        (
            _MATCH,
            MatchCompleted(
                owner=_OWNER,
                cause="assessment",
                case_id=_CASE,
                assessment_id=_ASSESSMENT,
                departement="93",
                needs=(covered, uncovered),
                venue_ids=(_VENUE,),
                index_revision=1663,
            ),
        ),
        (_MATCH, NeedUncovered(owner=_OWNER, case_id=_CASE, departement="93", need=Need.EQUIPMENT)),
        (_VENUE, venue),
        (
            "source-seine-saint-denis",
            SourceImported(
                data_source="Seine-Saint-Denis", import_id="2026-09-01", venues=412, retired=3, rejected=1
            ),
        ),
        (
            f"{_REFERRAL}:1/{_SUBSCRIPTION}",
            DeliveryExhausted(
                owner=_OWNER, subscription_id=_SUBSCRIPTION, event_id=f"{_REFERRAL}:1", attempts=12
            ),
        ),
        (_SUBSCRIPTION, EndpointDisabled(owner=_OWNER, subscription_id=_SUBSCRIPTION)),
        (_CASE, CaseErasing(owner=_OWNER)),
        (_CASE, CaseErased(owner=_OWNER)),
    )


def _story() -> Iterable[tuple[str, Payload]]:
    yield from _other_examples()
    for payload in _referral_examples():
        yield _REFERRAL, payload


def _envelopes() -> dict[type[Payload], dict[str, Any]]:
    told: dict[tuple[Topic, str], int] = {}
    examples = {}
    for aggregate_id, payload in _story():
        sequence = told.get((payload.topic, aggregate_id), 0)
        told[payload.topic, aggregate_id] = sequence + 1
        (event,) = stamp(aggregate_id, sequence, [payload], _AT, None)
        examples[type(payload)] = orjson.loads(event.body)
    return examples


EXAMPLES: Mapping[type[Payload], dict[str, Any]] = _envelopes()
"""The whole CloudEvent of each type, as decoded JSON."""
