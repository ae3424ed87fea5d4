"""No personal data leaves without agreement: the rules, away from HTTP."""

from datetime import timedelta
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.referral.agreement import (
    PURPOSE_OF_PART,
    SHARING,
    AgreementSaid,
    Purpose,
    VenuesAround,
    check_may_send,
)
from services.referral.errors import (
    AgreementNeeded,
    NotAgreed,
    RecordInFuture,
    ReferralError,
    SignpostCarriesNothing,
)
from services.referral.parts import PART_NAMES
from services.referral.transitions import TAKEN
from services.referral.views import parts_for_venue
from shared.events.vocabulary import ReferralKind, ReferralState
from tests.referral.material import OTHER_VENUE, VENUE, a_referral, agreement_body, an_agreement, an_opening
from tests.support.clock import NOON

SENT = [ReferralKind.INDIVIDUAL, ReferralKind.WORKSHOP]
REFUSED = an_agreement(given=False, purposes=(), recipients=(), ends_at=None)
PARTS = st.frozensets(st.sampled_from(PART_NAMES))
PURPOSES = st.frozensets(st.sampled_from(Purpose), min_size=1).filter(
    lambda some: Purpose.REROUTE not in some
)


@pytest.mark.parametrize("kind", SENT)
def test_a_refusal_stops_all_but_a_signpost(kind: ReferralKind) -> None:
    with pytest.raises(AgreementNeeded, match="signpost"):
        check_may_send(kind, VENUE, frozenset(), REFUSED, NOON)
    check_may_send(ReferralKind.SIGNPOST, VENUE, frozenset(), REFUSED, NOON)


@pytest.mark.parametrize("part", PART_NAMES)
@pytest.mark.parametrize("agreement", [REFUSED, an_agreement()])
def test_a_signpost_carries_no_personal_part_whatever_was_agreed(part: str, agreement: AgreementSaid) -> None:
    with pytest.raises(SignpostCarriesNothing) as refused:
        check_may_send(ReferralKind.SIGNPOST, VENUE, frozenset({part}), agreement, NOON)  # type: ignore[arg-type]
    assert refused.value.facts["fields"] == [part]


def test_an_agreement_to_another_venue_is_none_for_this_one() -> None:
    with pytest.raises(AgreementNeeded, match="recipients"):
        check_may_send(ReferralKind.INDIVIDUAL, OTHER_VENUE, frozenset(), an_agreement(), NOON)


def test_a_category_of_venues_is_not_yet_an_agreement_to_this_one() -> None:
    around = an_agreement(recipients=(VenuesAround(category="listed_venue", radius_km=5),))
    with pytest.raises(AgreementNeeded, match="recipients"):
        check_may_send(ReferralKind.INDIVIDUAL, VENUE, frozenset(), around, NOON)


def test_an_agreement_ends() -> None:
    agreement = an_agreement(ends_at=NOON)
    check_may_send(ReferralKind.INDIVIDUAL, VENUE, frozenset(), agreement, NOON - timedelta(seconds=1))
    with pytest.raises(AgreementNeeded, match="ended"):
        check_may_send(ReferralKind.INDIVIDUAL, VENUE, frozenset(), agreement, NOON)


def test_an_agreement_said_tomorrow_is_refused() -> None:
    agreement = an_agreement(said_at=NOON + timedelta(days=1))
    with pytest.raises(RecordInFuture):
        check_may_send(ReferralKind.INDIVIDUAL, VENUE, frozenset(), agreement, NOON)


@given(parts=PARTS, purposes=PURPOSES)
def test_each_part_needs_its_own_purpose(parts: frozenset[str], purposes: frozenset[Purpose]) -> None:
    agreement = an_agreement(purposes=tuple(purposes))
    lacking = {part for part in parts & PURPOSE_OF_PART.keys() if PURPOSE_OF_PART[part] not in purposes}
    refusal: type[ReferralError] | None = None
    if not purposes & SHARING:
        refusal = AgreementNeeded
    elif lacking:
        refusal = NotAgreed
    if refusal is None:
        check_may_send(ReferralKind.INDIVIDUAL, VENUE, parts, agreement, NOON)
        return
    with pytest.raises(refusal):
        check_may_send(ReferralKind.INDIVIDUAL, VENUE, parts, agreement, NOON)


ALL_PURPOSES = list(chain.from_iterable(combinations(sorted(SHARING), size) for size in range(1, 4)))


@pytest.mark.parametrize("state", ReferralState)
@pytest.mark.parametrize("purposes", ALL_PURPOSES)
def test_a_venue_reads_by_state_and_agreement(state: ReferralState, purposes: tuple[Purpose, ...]) -> None:
    opening = an_opening(agreement=an_agreement(purposes=purposes))
    readable = parts_for_venue(a_referral(state, opening=opening), NOON)
    waiting = state in {"requested", "acknowledged", "waitlisted"}
    taken = state in TAKEN
    assert ("contact" in readable) == (taken and Purpose.SHARE_CONTACT in purposes)
    assert ("summary" in readable) == (taken and Purpose.SHARE_SUMMARY in purposes)
    assert ("adaptations" in readable) == ((taken or waiting) and Purpose.SHARE_ADAPTATIONS in purposes)
    assert ("municipality" in readable) == ("availability" in readable) == (taken or waiting)
    assert "professional" in readable


def test_a_venue_reads_nothing_of_the_person_once_the_agreement_has_ended() -> None:
    referral = a_referral(ReferralState.IN_PROGRESS)
    ends_at = referral.opening.agreement.ends_at
    assert ends_at is not None
    assert "contact" in parts_for_venue(referral, ends_at - timedelta(seconds=1))
    assert parts_for_venue(referral, ends_at) == {"professional"}


@pytest.mark.parametrize("state", ["handed_over", "in_progress", "on_hold", "completed"])
def test_a_venue_reads_nothing_of_a_signpost(state: str) -> None:
    assert parts_for_venue(a_referral(ReferralState(state), ReferralKind.SIGNPOST), NOON) == frozenset()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"given": False}, "a refusal holds no purposes"),
        ({"purposes": []}, "needs purposes"),
        ({"recipients": []}, "needs purposes, recipients"),
        ({"ends_at": None}, "ends_at"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at must be after said_at"),
        ({"purposes": ["share_contact", "share_contact"]}, "twice"),
        ({"purposes": ["share_contact", "reroute"]}, "radius_km"),
        ({"text_sha256": "abc"}, "pattern"),
        ({"said_at": "2026-11-23T08:00:00"}, "timezone"),
        ({"recorded_by": "someone"}, "extra"),
    ],
)
def test_an_agreement_that_does_not_hold_together_is_refused(
    changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        AgreementSaid.model_validate(agreement_body(**changes))


def test_reroute_is_agreed_with_its_radius() -> None:
    around = {"category": "listed_venue", "radius_km": 8}
    said = AgreementSaid.model_validate(
        agreement_body(purposes=["share_contact", "reroute"], recipients=[{"venue_id": VENUE}, around])
    )
    assert said.radius_km == 8
