"""What an event says to subscribers: whom it concerns, and the thin body that is sent.

A body holds ids, links and state codes; details are fetched with a token. No case id, need, profile, date or reason
leaves in it: whatever is tied to a person stays behind the API.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from shared.bus.topics import Topic
from shared.events.assessments import AssessmentCompleted, AssessmentRevised
from shared.events.envelope import Event
from shared.events.matches import MatchCompleted, NeedUncovered
from shared.events.payload import PAYLOADS, Payload
from shared.events.referrals import ReferralCreated, ReferralMoved
from shared.events.vocabulary import ReferralState

TOPICS_TOLD = (Topic.ASSESSMENTS, Topic.MATCHES, Topic.REFERRALS)
TEST_TYPE = "fr.relais.subscription.test.v1"

_SLIP_STATES = frozenset({ReferralState.HANDED_OVER, ReferralState.LAPSED})


@dataclass(frozen=True, slots=True)
class Notice:
    """One event as a subscriber may hear of it. `owner` is the node path it belongs to.

    `venue_body` is what the venue itself is told, with the links that are open to it; None: nothing, for a person
    who goes alone with a slip is announced to nobody.
    """

    event_id: str
    event_type: str
    occurred_at: datetime
    aggregate_id: str
    owner: str
    body: str
    case_id: str | None = None
    venue_id: str | None = None
    departement: str | None = None
    venue_body: str | None = None


def told_types() -> dict[str, type[Payload]]:
    """Return every event type that can be subscribed to, with its payload."""
    return {name: payload for name, payload in PAYLOADS.items() if payload.topic in TOPICS_TOLD}


def partner_types() -> frozenset[str]:
    """Return the event types that a partner can subscribe to: those of referrals."""
    return frozenset(name for name, payload in told_types().items() if payload.topic is Topic.REFERRALS)


def assessment_notice(
    event: Event[AssessmentCompleted] | Event[AssessmentRevised], public_url: str
) -> Notice:
    """Return the notice of an assessment."""
    data = event.data
    return _notice(
        event,
        data.owner,
        _body(event, {"assessment": _assessment(public_url, event.aggregate_id)}),
        case_id=data.case_id,
        departement=data.facts.departement,
    )


def match_notice(event: Event[MatchCompleted], public_url: str) -> Notice:
    """Return the notice of a match."""
    data = event.data
    facts, links = {}, {"match": _match(public_url, event.aggregate_id)}
    if data.assessment_id:
        facts["assessment_id"] = data.assessment_id
        links["assessment"] = _assessment(public_url, data.assessment_id)
    body = _body(event, links, facts)
    return _notice(event, data.owner, body, case_id=data.case_id, departement=data.departement)


def uncovered_notice(event: Event[NeedUncovered], public_url: str) -> Notice:
    """Return the notice of a need that no venue answers."""
    data = event.data
    body = _body(event, {"match": _match(public_url, event.aggregate_id)})
    return _notice(event, data.owner, body, case_id=data.case_id, departement=data.departement)


def referral_notice(event: Event[ReferralCreated] | Event[ReferralMoved], public_url: str) -> Notice:
    """Return the notice of a referral's creation or move."""
    data = event.data
    previous = data.previous if isinstance(data, ReferralMoved) else None
    facts = {"venue_id": data.venue_id, "state": data.state.value}
    if previous:
        facts["previous"] = previous.value
    own, at_venue = (
        _body(event, {"referral": f"{public_url}/v1/{collection}/{event.aggregate_id}"}, facts)
        for collection in ("referrals", "venue-referrals")
    )
    return _notice(
        event,
        data.owner,
        own,
        case_id=data.case_id,
        venue_id=data.venue_id,
        departement=getattr(data, "departement", None),
        venue_body=at_venue if _told_to_venue(data.state, previous) else None,
    )


def notice_of_test(
    event_id: str, subscription_id: str, owner: str, occurred_at: datetime, public_url: str
) -> Notice:
    """Return the notice of a test event: it concerns no person, and goes to one subscription."""
    links = {"subscription": f"{public_url}/v1/subscriptions/{subscription_id}"}
    return Notice(
        event_id=event_id,
        event_type=TEST_TYPE,
        occurred_at=occurred_at,
        aggregate_id=subscription_id,
        owner=owner,
        body=_render(TEST_TYPE, occurred_at, {"id": subscription_id}, links),
    )


def _told_to_venue(state: ReferralState, previous: ReferralState | None) -> bool:
    if state in _SLIP_STATES:
        return False
    return previous not in _SLIP_STATES or state is ReferralState.IN_PROGRESS


def _assessment(public_url: str, assessment_id: str) -> str:
    return f"{public_url}/v1/assessments/{assessment_id}"


def _match(public_url: str, match_id: str) -> str:
    return f"{public_url}/v1/matches/{match_id}"


def _notice(
    event: Event[Any],
    owner: str,
    body: str,
    *,
    case_id: str | None,
    venue_id: str | None = None,
    departement: str | None = None,
    venue_body: str | None = None,
) -> Notice:
    return Notice(
        event_id=event.id,
        event_type=event.type,
        occurred_at=event.time,
        aggregate_id=event.aggregate_id,
        owner=owner,
        body=body,
        case_id=case_id,
        venue_id=venue_id,
        departement=departement,
        venue_body=venue_body,
    )


def _body(event: Event[Any], links: Mapping[str, str], facts: Mapping[str, str] | None = None) -> str:
    return _render(event.type, event.time, {"id": event.aggregate_id, **(facts or {})}, links)


def _render(event_type: str, at: datetime, facts: Mapping[str, str], links: Mapping[str, str]) -> str:
    timestamp = at.isoformat().replace("+00:00", "Z")
    return orjson.dumps(
        {"type": event_type, "timestamp": timestamp, "data": {**facts, "links": links}}
    ).decode()
