"""Rules of the aggregate that the table alone does not tell."""

from datetime import timedelta

import pytest

from services.referral.errors import (
    AppointmentBeforeReferral,
    FactMissing,
    OtherNeedsNote,
    ReasonNotAllowed,
    ReferralErased,
    TransitionRefused,
)
from services.referral.model import Referral, SealedParts, cancelled_by_erasure, erased_with_case
from services.referral.orders import Actor, Appointment, Confided, Order, Told, WishOf
from services.referral.parts import PART_NAMES
from services.referral.transitions import OPEN, REASONS, Command
from shared.events.referrals import ReferralCancelled, ReferralScheduled
from shared.events.vocabulary import (
    ActorKind,
    Attendance,
    Channel,
    ReferralKind,
    ReferralReason,
    ReferralState,
)
from tests.referral.material import (
    APPOINTMENT,
    CLOCK,
    FACTS,
    NOTED,
    ON_BEHALF,
    OUTCOME,
    PARTNER,
    PRESCRIBER,
    a_referral,
    an_opening,
)
from tests.support.clock import NOON

DAY = timedelta(days=1)


def order(
    command: Command,
    actor: Actor = PARTNER,
    told: Told | None = None,
    *,
    confided: Confided | None = None,
    after: timedelta = DAY,
) -> Order:
    return Order(
        command=command,
        actor=actor,
        at=NOON + after,
        told=FACTS.get(command, Told()) if told is None else told,
        confided=confided or Confided(),
    )


def after(referral: Referral, *orders: Order) -> Referral:
    for one in orders:
        referral = referral.decide(one).referral
    return referral


def test_sealed_parts_are_those_that_can_be_confided() -> None:
    assert tuple(SealedParts.model_fields) == PART_NAMES


@pytest.mark.parametrize("command", [Command.ACKNOWLEDGE, Command.ACCEPT, Command.DECLINE, Command.START])
def test_the_same_command_again_changes_nothing(command: Command) -> None:
    moved = after(a_referral(), order(command))
    again = moved.decide(order(command, after=2 * DAY))
    assert again.events == ()
    assert again.referral is moved


def test_a_prescriber_repeating_what_the_venue_said_changes_nothing() -> None:
    accepted = after(a_referral(), order(Command.ACCEPT))
    assert accepted.decide(order(Command.ACCEPT, ON_BEHALF)).events == ()


def test_a_repeat_by_somebody_who_may_never_say_it_is_refused() -> None:
    accepted = after(a_referral(), order(Command.ACCEPT))
    with pytest.raises(TransitionRefused):
        accepted.decide(order(Command.ACCEPT, PRESCRIBER))


def test_another_reason_is_no_repeat() -> None:
    declined = after(a_referral(), order(Command.DECLINE))
    with pytest.raises(TransitionRefused):
        declined.decide(order(Command.DECLINE, told=Told(reason=ReferralReason.OUT_OF_AREA)))


def test_another_note_is_no_repeat() -> None:
    held = after(a_referral(ReferralState.ACCEPTED), order(Command.HOLD, confided=NOTED))
    assert held.decide(order(Command.HOLD, confided=NOTED)).events == ()
    with pytest.raises(TransitionRefused):
        held.decide(order(Command.HOLD, confided=Confided(note="sealed", digest="another")))


def test_a_moved_appointment_is_a_step_and_the_same_one_is_not() -> None:
    scheduled = after(a_referral(ReferralState.ACCEPTED), order(Command.SCHEDULE))
    assert scheduled.decide(order(Command.SCHEDULE)).events == ()
    later = Appointment(at=APPOINTMENT.at + DAY)
    decision = scheduled.decide(order(Command.SCHEDULE, PRESCRIBER, Told(appointment=later)))
    assert decision.referral.appointment == later
    (event,) = decision.events
    assert isinstance(event, ReferralScheduled)
    assert event.appointment_at == later.at


def test_a_second_missed_appointment_counts_again() -> None:
    missed = order(Command.ATTENDANCE, told=Told(attendance=Attendance.NO_SHOW))
    later = order(Command.SCHEDULE, told=Told(appointment=Appointment(at=APPOINTMENT.at + DAY)))
    referral = after(a_referral(ReferralState.ACCEPTED), order(Command.SCHEDULE), missed)
    assert referral.decide(missed).events == ()
    assert len(after(referral, later).decide(missed).events) == 1


@pytest.mark.parametrize(
    "command", [Command.SCHEDULE, Command.HOLD, Command.COMPLETE, Command.FAIL, Command.CANCEL]
)
def test_a_move_without_its_facts_is_refused(command: Command) -> None:
    with pytest.raises(FactMissing) as refused:
        a_referral(ReferralState.ACCEPTED).decide(order(command, told=Told()))
    assert refused.value.facts["fields"]


def test_reopening_needs_a_note_and_a_place_to_start_again() -> None:
    failed = a_referral(ReferralState.FAILED)
    with pytest.raises(FactMissing) as refused:
        failed.decide(order(Command.REOPEN, PRESCRIBER, Told()))
    assert refused.value.facts["fields"] == ["note", "to"]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (command, reason)
        for command, allowed in REASONS.items()
        for reason in ReferralReason
        if reason not in allowed
    ],
)
def test_reasons_that_do_not_fit_their_command_are_refused(command: Command, reason: ReferralReason) -> None:
    state = ReferralState.REQUESTED if command is Command.DECLINE else ReferralState.ACCEPTED
    actor = PRESCRIBER if command is Command.CORRECT else PARTNER
    told = Told(reason=reason, wish_of=WishOf.VENUE if command is Command.CANCEL else None)
    with pytest.raises(ReasonNotAllowed) as refused:
        a_referral(state).decide(order(command, actor, told))
    assert refused.value.facts["allowed"] == sorted(REASONS[command])


def test_other_needs_a_note() -> None:
    told = Told(reason=ReferralReason.OTHER)
    with pytest.raises(OtherNeedsNote):
        a_referral().decide(order(Command.DECLINE, told=told))
    assert (
        after(a_referral(), order(Command.DECLINE, told=told, confided=NOTED)).state is ReferralState.DECLINED
    )


def test_an_appointment_before_the_referral_is_refused() -> None:
    told = Told(appointment=Appointment(at=NOON - DAY))
    with pytest.raises(AppointmentBeforeReferral):
        a_referral(ReferralState.ACCEPTED).decide(order(Command.SCHEDULE, told=told))


def test_starting_implies_acceptance() -> None:
    started = after(a_referral(), order(Command.START))
    assert started.accepted_at == NOON + DAY
    assert started.taken


def test_the_first_acceptance_is_the_one_that_counts() -> None:
    referral = after(a_referral(), order(Command.ACCEPT), order(Command.SCHEDULE, after=2 * DAY))
    assert referral.accepted_at == NOON + DAY


def test_completing_keeps_the_outcome_and_closes() -> None:
    completed = after(a_referral(ReferralState.IN_PROGRESS), order(Command.COMPLETE))
    assert (completed.outcome, completed.closed_at) == (OUTCOME, NOON + DAY)


def test_thirty_days_to_reopen() -> None:
    failed = after(a_referral(ReferralState.ACCEPTED), order(Command.FAIL))
    reopening = {"actor": PRESCRIBER, "confided": NOTED}
    in_time = order(Command.REOPEN, **reopening, after=DAY + timedelta(days=30))  # type: ignore[arg-type]
    too_late = order(Command.REOPEN, **reopening, after=DAY + timedelta(days=30, seconds=1))  # type: ignore[arg-type]
    assert after(failed, in_time).closed_at is None
    with pytest.raises(TransitionRefused) as refused:
        failed.decide(too_late)
    assert refused.value.facts["possible"] == ["correct"]


def test_a_referral_requested_again_waits_for_a_new_acceptance() -> None:
    failed = after(a_referral(), order(Command.ACCEPT), order(Command.FAIL))
    again = after(failed, order(Command.REOPEN, PRESCRIBER, Told(to=ReferralState.REQUESTED), confided=NOTED))
    assert again.accepted_at is None
    assert not again.taken


def test_a_slip_lapses_after_sixty_days_and_not_before() -> None:
    slip = a_referral(kind=ReferralKind.SIGNPOST)
    assert slip.state is ReferralState.HANDED_OVER
    with pytest.raises(TransitionRefused):
        slip.decide(order(Command.LAPSE, CLOCK, after=timedelta(days=60, seconds=-1)))
    lapsed = after(slip, order(Command.LAPSE, CLOCK, after=timedelta(days=60)))
    assert lapsed.state is ReferralState.LAPSED


def test_acting_for_the_venue_is_recorded_as_such() -> None:
    decision = a_referral().decide(order(Command.DECLINE, ON_BEHALF))
    actor = decision.referral.history[-1].actor
    assert (actor.kind, actor.agent, actor.on_behalf_of_venue) == (ActorKind.PRESCRIBER, "agent-7", True)
    told = decision.events[0].model_dump()
    assert (told["by"], told["on_behalf_of_venue"], told["channel"]) == ("prescriber", True, Channel.PHONE)
    assert told["reason"] == "no_capacity"


@pytest.mark.parametrize("state", ReferralState)
def test_an_erasure_stops_what_is_open_and_only_that(state: ReferralState) -> None:
    decision = cancelled_by_erasure(a_referral(state), NOON)
    if state in OPEN:
        (event,) = decision.events
        assert isinstance(event, ReferralCancelled)
        assert (event.by, event.wish_of) == (ActorKind.SYSTEM, "person")
    else:
        assert decision.events == ()


def test_an_erased_referral_keeps_only_countable_facts_and_decides_nothing() -> None:
    personal = {
        "client_reference": "dossier 12",
        "sealed": SealedParts(contact="ciphertext-1"),
        "sealed_place": "ciphertext-2",
        "opening": an_opening(assessment_id="assessment-1", match_id="match-1"),
    }
    referral = after(
        a_referral(), order(Command.DECLINE, confided=Confided(note="ciphertext-3", digest="digest-3"))
    ).model_copy(update=personal)
    erased = erased_with_case(referral, NOON + DAY).referral
    text = erased.model_dump_json()
    for gone in (
        "case-1",
        "assessment-1",
        "match-1",
        "dossier 12",
        "ciphertext",
        "digest-3",
        "fingerprint-1",
    ):
        assert gone not in text
    assert erased.opening.needs == referral.opening.needs
    assert erased.history[-1].told.reason is ReferralReason.NO_CAPACITY
    assert erased.possible(ActorKind.PRESCRIBER, NOON) == []
    with pytest.raises(ReferralErased):
        erased.decide(order(Command.CORRECT, PRESCRIBER))
    assert erased_with_case(erased, NOON + 2 * DAY).events == ()
