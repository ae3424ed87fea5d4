"""The table of moves, walked over every state × command × actor × kind against a copy of the domain's own table."""

from datetime import timedelta
from itertools import product

import pytest

from services.referral.errors import TransitionRefused
from services.referral.model import Referral
from services.referral.orders import Actor, Confided, Order, Told
from services.referral.transitions import MOVES, REASONS, Command, Fact
from shared.events.payload import PAYLOADS
from shared.events.referrals import ReferralMoved
from shared.events.vocabulary import Attendance, ReferralKind, ReferralState
from tests.referral.material import CLOCK, FACTS, NOTED, ON_BEHALF, PARTNER, PRESCRIBER, SYSTEM, a_referral
from tests.support.clock import NOON

DOMAIN = """
acknowledge        | requested                                             | acknowledged | venue
waitlist           | requested acknowledged                                | waitlisted   | venue
accept             | requested acknowledged waitlisted                     | accepted     | venue
decline            | requested acknowledged waitlisted                     | declined     | venue
schedule           | accepted scheduled on_hold                            | scheduled    | venue prescriber
attendance seen    | scheduled                                             | in_progress  | venue
attendance no_show | scheduled                                             | scheduled    | venue
attendance excused | scheduled                                             | scheduled    | venue
attendance cancelled | scheduled                                           | scheduled    | venue
start              | requested acknowledged accepted scheduled on_hold     | in_progress  | venue
hold               | accepted scheduled in_progress                        | on_hold      | venue
complete           | accepted scheduled in_progress on_hold                | completed    | venue
fail               | accepted scheduled in_progress on_hold                | failed       | venue
cancel             | requested acknowledged waitlisted                     | cancelled    | prescriber system
cancel             | accepted scheduled in_progress on_hold                | cancelled    | prescriber system venue
expire             | requested acknowledged waitlisted                     | expired      | clock
reopen requested   | completed failed expired declined                     | requested    | prescriber
reopen in_progress | completed failed expired declined                     | in_progress  | prescriber
correct            | requested acknowledged waitlisted accepted scheduled in_progress on_hold | entered_in_error | prescriber
correct            | completed failed declined cancelled expired handed_over lapsed | entered_in_error | prescriber
"""
"""Domain §6, row by row, written apart from the code: `venue` is the partner, or a prescriber on its behalf."""

SIGNPOST_ADDS = """
start              | handed_over                                           | in_progress  | venue
cancel             | handed_over                                           | cancelled    | prescriber system
lapse              | handed_over                                           | lapsed       | clock
"""

ACTORS = {
    "prescriber": (PRESCRIBER, "prescriber"),
    "on_behalf": (ON_BEHALF, "venue"),
    "partner": (PARTNER, "venue"),
    "clock": (CLOCK, "clock"),
    "system": (SYSTEM, "system"),
}

VARIANTS = [
    *(
        command.value
        for command in Command
        if command not in {Command.CREATE, Command.ATTENDANCE, Command.REOPEN}
    ),
    *(f"attendance {attendance.value}" for attendance in Attendance),
    "reopen requested",
    "reopen in_progress",
]

LONG_ENOUGH_TO_LAPSE = timedelta(days=60)
SOON = timedelta(days=2)


def _read(table: str) -> dict[tuple[str, str, str], str]:
    moves = {}
    for line in filter(None, table.splitlines()):
        variant, sources, target, who = (cell.strip() for cell in line.split("|"))
        for source, role in product(sources.split(), who.split()):
            moves[(variant, source, role)] = target
    return moves


EXPECTED = {
    ReferralKind.INDIVIDUAL: _read(DOMAIN),
    # A signpost was never requested of anyone, so it can't be requested again.
    ReferralKind.SIGNPOST: {
        move: target
        for move, target in _read(DOMAIN + SIGNPOST_ADDS).items()
        if move[0] != "reopen requested"
    },
}

# What a kind can never be in: `handed_over` and `lapsed` belong to signposts, answers before help to the others.
IMPOSSIBLE = {
    ReferralKind.INDIVIDUAL: {"handed_over", "lapsed"},
    ReferralKind.SIGNPOST: {"requested", "acknowledged", "waitlisted", "accepted", "declined", "expired"},
}


def an_order(variant: str, actor: Actor, *, after: timedelta) -> Order:
    """A command with all the facts it could need."""
    name, _, choice = variant.partition(" ")
    command = Command(name)
    told = FACTS.get(command, Told())
    if command is Command.ATTENDANCE:
        told = Told(attendance=Attendance(choice))
    if command is Command.REOPEN:
        told = Told(to=ReferralState(choice))
    confided = NOTED if command is Command.REOPEN else Confided()
    return Order(command=command, actor=actor, at=NOON + after, told=told, confided=confided)


def _places() -> list[tuple[ReferralKind, ReferralState]]:
    return [
        (kind, state)
        for kind, state in product(EXPECTED, ReferralState)
        if state.value not in IMPOSSIBLE[kind]
    ]


@pytest.mark.parametrize(("kind", "state"), _places())
@pytest.mark.parametrize("variant", VARIANTS)
def test_only_the_domains_moves_are_possible(kind: ReferralKind, state: ReferralState, variant: str) -> None:
    for actor, role in ACTORS.values():
        _assert_as_in_the_domain(a_referral(state, kind), variant, actor, role)


def _assert_as_in_the_domain(referral: Referral, variant: str, actor: Actor, role: str) -> None:
    kind, state = referral.opening.kind, referral.state
    order = an_order(variant, actor, after=LONG_ENOUGH_TO_LAPSE if variant == "lapse" else SOON)
    target = EXPECTED[kind].get((variant, state.value, role))
    if target is None:
        _assert_refused(referral, order)
    else:
        _assert_moved(referral, order, ReferralState(target))


def _assert_refused(referral: Referral, order: Order) -> None:
    before = referral.model_dump_json()
    with pytest.raises(TransitionRefused) as refused:
        referral.decide(order)
    assert referral.model_dump_json() == before
    assert refused.value.status == 409
    assert refused.value.facts == {
        "state": referral.state.value,
        "command": order.command.value,
        "possible": referral.possible(order.actor.role, order.at),
    }


def _assert_moved(referral: Referral, order: Order, target: ReferralState) -> None:
    decision = referral.decide(order)
    assert decision.referral.state is target
    assert order.command in referral.possible(order.actor.role, order.at)
    (event,) = decision.events
    assert isinstance(event, ReferralMoved)
    assert (event.previous, event.state) == (referral.state, target)
    assert (event.by, event.on_behalf_of_venue) == (order.actor.kind, order.actor.on_behalf_of_venue)
    step = decision.referral.history[-1]
    assert (step.command, step.previous, step.state, step.at) == (
        order.command,
        referral.state,
        target,
        order.at,
    )
    assert referral.history == decision.referral.history[:-1]


@pytest.mark.parametrize(("kind", "state"), _places())
def test_what_is_announced_as_possible_is_what_the_domain_allows(
    kind: ReferralKind, state: ReferralState
) -> None:
    for actor, role in ACTORS.values():
        allowed = {
            variant.split()[0]
            for variant, source, by in EXPECTED[kind]
            if (source, by) == (state.value, role)
        }
        announced = a_referral(state, kind).possible(actor.role, NOON + SOON)
        assert {command.value for command in announced} == allowed - {"lapse"}, role


def test_a_workshop_moves_as_an_individual_referral() -> None:
    for move in (move for moves in MOVES.values() for move in moves):
        assert (ReferralKind.WORKSHOP in move.kinds) == (ReferralKind.INDIVIDUAL in move.kinds)


def test_every_command_publishes_its_own_event() -> None:
    events = {command: {move.event for move in moves} for command, moves in MOVES.items()}
    assert set(events) == set(Command) - {Command.CREATE}
    assert all(len(types) == 1 for types in events.values())
    published = {payload for payload in PAYLOADS.values() if issubclass(payload, ReferralMoved)}
    assert {event for types in events.values() for event in types} == published


def test_every_command_that_needs_a_reason_has_its_list() -> None:
    needing = {
        command for command, moves in MOVES.items() if any(Fact.REASON in move.needs for move in moves)
    }
    assert set(REASONS) == needing
