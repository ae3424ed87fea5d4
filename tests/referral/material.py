"""Valid material with defaults, so that a test states only what it is about."""

import hashlib
from datetime import timedelta
from typing import Any, ClassVar

from services.referral.agreement import (
    Agreement,
    AgreementMethod,
    Basis,
    InformationChannel,
    InformationGiven,
    LegalBasis,
    NamedVenue,
    Purpose,
)
from services.referral.model import Opening, Referral, open_referral
from services.referral.orders import Actor, Appointment, Confided, Told, WishOf
from services.referral.transitions import Command
from shared.events.referrals import Outcome
from shared.events.venues import VenueSnapshot
from shared.events.vocabulary import (
    ActorKind,
    AgeBand,
    Attendance,
    AutonomyAfter,
    Channel,
    Need,
    ReferralKind,
    ReferralReason,
    ReferralState,
)
from shared.security.caller import Owner
from shared.store.port import AlreadyExists, Document
from tests.support.clock import NOON
from tests.support.http import Answer, ApiClient
from tests.support.platform import PlatformUnderTest

VENUE = "venue-pimms-bobigny"
OTHER_VENUE = "venue-mediatheque-bondy"
SHOWN = hashlib.sha256("J'accepte que l'agent transmette mes coordonnées.".encode()).hexdigest()
NIR = "2 58 05 93 008 436 62"
"""A number with a valid key, spaced as people write it; of nobody."""

NAME, PHONE, STREET = "Odette Exemple", "01 99 00 12 34", "3 rue des Essais"
SUMMARY = "Souhaite apprendre à envoyer un courriel."
AVAILABILITY = "le mardi matin"
MUNICIPALITY = "93008"
PERSONAL_WORDS = (
    "Odette",
    "99 00 12 34",
    "rue des Essais",
    "courriel",
    "mardi matin",
    MUNICIPALITY,
    "Salle Curie",
)


class SpokenVenue(Document):
    """Stands for the directory's own document, so that a snapshot can be published."""

    kind: ClassVar[str] = "spoken_venues"


async def tell_venue(platform: PlatformUnderTest, venue_id: str = VENUE, **changes: Any) -> None:
    """Publish a snapshot of a venue and wait until it is heard."""
    store = platform.platform.engine.store("spoken")
    values = {
        "version": 1,
        "data_source": "essai",
        "source_venue_id": venue_id,
        "nom": "PIMMS de Bobigny",
        "commune": "Bobigny",
        "code_postal": "93000",
        "telephone": "+33199001122",
    }
    snapshot = VenueSnapshot.model_validate(values | changes)
    spoken = SpokenVenue(id=venue_id, created_at=platform.clock.now())
    try:
        await store.add(spoken, [snapshot])
    except AlreadyExists:
        known = await store.get(SpokenVenue, venue_id)
        assert known is not None
        await store.save(known, [snapshot])
    await platform.settle()


def agreement_body(**changes: Any) -> dict[str, Any]:
    """An agreement that shares everything with `VENUE` for a year."""
    return {
        "given": True,
        "purposes": ["share_contact", "share_summary", "share_adaptations"],
        "recipients": [{"venue_id": VENUE}],
        "method": "spoken",
        "said_at": (NOON - timedelta(minutes=5)).isoformat(),
        "ends_at": (NOON + timedelta(days=365)).isoformat(),
        "text_sha256": SHOWN,
    } | changes


def refusal_body(**changes: Any) -> dict[str, Any]:
    """A person who said no."""
    said = {"given": False, "method": "spoken", "text_sha256": SHOWN}
    return {**said, "said_at": (NOON - timedelta(minutes=5)).isoformat()} | changes


def records_body(**changes: Any) -> dict[str, Any]:
    """The three records and what is countable."""
    return {
        "kind": "individual",
        "venue_id": VENUE,
        "needs": ["basic_skills"],
        "departement": "93",
        "age_band": "60_69",
        "legal_basis": {"basis": "public_task", "register_entry": "REG-2026-4"},
        "information_given": {
            "notice_version": "notice-3",
            "channel": "paper",
            "given_at": (NOON - timedelta(minutes=10)).isoformat(),
        },
        "agreement": agreement_body(),
    } | changes


def contact_body(**changes: Any) -> dict[str, Any]:
    """A contact sheet."""
    return {"name": NAME, "way": "phone", "phone": PHONE, "postal_address": STREET} | changes


def referral_body(**changes: Any) -> dict[str, Any]:
    """A whole referral with every personal part."""
    parts = {
        "contact": contact_body(),
        "summary": SUMMARY,
        "adaptations": ["slower_pace"],
        "municipality": MUNICIPALITY,
        "availability": AVAILABILITY,
        "professional": {"name": "Accueil social", "phone": "01 99 00 55 66"},
    }
    return records_body() | parts | changes


def signpost_body(**changes: Any) -> dict[str, Any]:
    """A signpost after a refusal."""
    return records_body(kind="signpost", agreement=refusal_body()) | changes


async def created(client: ApiClient, **changes: Any) -> dict[str, Any]:
    """Create a referral and return its representation."""
    answer = await client.post("/v1/referrals", referral_body(**changes))
    assert answer.status == 201, answer.text
    result: dict[str, Any] = answer.json
    return result


async def command(client: ApiClient, referral_id: str, name: str, body: Any = None, **options: Any) -> Answer:
    """Give a command over HTTP."""
    return await client.post(f"/v1/referrals/{referral_id}/{name}", body, **options)


PROBLEM_PREFIX = "/problems/"


def problem(answer: Answer) -> tuple[int, str]:
    """Return the status and name of a refusal."""
    return answer.status, str(answer.json["type"]).removeprefix(PROBLEM_PREFIX)


def an_agreement(**changes: Any) -> Agreement:
    """An agreement on record."""
    values = {
        "given": True,
        "purposes": (Purpose.SHARE_CONTACT, Purpose.SHARE_SUMMARY, Purpose.SHARE_ADAPTATIONS),
        "recipients": (NamedVenue(venue_id=VENUE),),
        "method": AgreementMethod.SPOKEN,
        "said_at": NOON - timedelta(minutes=5),
        "ends_at": NOON + timedelta(days=365),
        "text_sha256": SHOWN,
        "recorded_by": "agent-7",
        "recorded_at": NOON,
    }
    return Agreement.model_validate(values | changes)


def an_opening(kind: ReferralKind = ReferralKind.INDIVIDUAL, **changes: Any) -> Opening:
    """What a prescriber decides."""
    return Opening(
        kind=kind,
        venue_id=VENUE,
        needs=(Need.BASIC_SKILLS,),
        departement="93",
        age_band=AgeBand.FROM_60,
        legal_basis=LegalBasis(basis=Basis.PUBLIC_TASK, register_entry="REG-2026-4"),
        information=InformationGiven(
            notice_version="notice-3", channel=InformationChannel.PAPER, given_at=NOON - timedelta(minutes=10)
        ),
        agreement=an_agreement(),
    ).model_copy(update=changes)


PRESCRIBER = Actor(kind=ActorKind.PRESCRIBER, agent="agent-7", service="cpam93/bobigny/accueil")
ON_BEHALF = PRESCRIBER.model_copy(update={"on_behalf_of_venue": True, "channel": Channel.PHONE})
PARTNER = Actor(kind=ActorKind.PARTNER, agent="partner-1", service="pimms-93")
CLOCK = Actor(kind=ActorKind.CLOCK)
SYSTEM = Actor(kind=ActorKind.SYSTEM)


def a_referral(
    state: ReferralState | None = None, kind: ReferralKind = ReferralKind.INDIVIDUAL, **changes: Any
) -> Referral:
    """A fresh referral, put into a state without its past."""
    referral, _ = open_referral(
        an_opening(kind),
        frozenset(),
        referral_id="referral-1",
        case_id="case-1",
        owner=Owner.of("cpam93/bobigny/accueil"),
        actor=PRESCRIBER,
        at=NOON,
        client_id="client-1",
        client_reference=None,
        fingerprint="fingerprint-1",
    )
    return referral.model_copy(update=({"state": state} if state else {}) | changes)


APPOINTMENT = Appointment(at=NOON + timedelta(days=3))
OUTCOME = Outcome(
    services_given=("Maîtrise des outils numériques du quotidien",), autonomy_after=AutonomyAfter.AUTONOMOUS
)
NOTED = Confided(note="sealed", digest="digest")

FACTS: dict[Command, Told] = {
    Command.DECLINE: Told(reason=ReferralReason.NO_CAPACITY),
    Command.SCHEDULE: Told(appointment=APPOINTMENT),
    Command.ATTENDANCE: Told(attendance=Attendance.SEEN),
    Command.HOLD: Told(reason=ReferralReason.MISSING_DOCUMENT),
    Command.COMPLETE: Told(outcome=OUTCOME),
    Command.FAIL: Told(reason=ReferralReason.NO_SHOW),
    Command.CANCEL: Told(reason=ReferralReason.PERSON_DECLINED, wish_of=WishOf.PERSON),
    Command.REOPEN: Told(to=ReferralState.IN_PROGRESS),
    Command.CORRECT: Told(reason=ReferralReason.DATA_ERROR),
}
"""Enough facts for each command to be carried out where the table allows it."""
