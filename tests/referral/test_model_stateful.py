"""Random lives of a referral against a second, much simpler model: a state and a clock, moved by the domain's table."""

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.referral.errors import TransitionRefused
from services.referral.model import Referral
from services.referral.orders import Order
from services.referral.transitions import Command
from shared.events.payload import Payload
from shared.events.referrals import ReferralMoved
from shared.events.vocabulary import ReferralKind
from tests.referral.material import a_referral
from tests.referral.test_transitions import ACTORS, EXPECTED, VARIANTS, an_order
from tests.support.clock import NOON

HELPING = {"accepted", "scheduled", "in_progress", "on_hold"}
CLOSED = {"completed", "failed", "declined", "cancelled", "expired", "lapsed", "entered_in_error"}


class ReferralLife(RuleBasedStateMachine):
    """Holds the aggregate beside the simple model: what they say must always agree."""

    referral: Referral
    kind: ReferralKind
    state: str
    now: datetime
    since: datetime
    taken: bool
    events: list[Payload]
    last: Order | None

    @initialize(kind=st.sampled_from(list(EXPECTED)))
    def begin(self, kind: ReferralKind) -> None:
        self.kind, self.now, self.since = kind, NOON, NOON
        self.referral = a_referral(kind=kind)
        self.state = "handed_over" if kind is ReferralKind.SIGNPOST else "requested"
        self.taken, self.events, self.last = False, [], None

    @rule(days=st.sampled_from([0, 1, 29, 30, 31, 59, 60]))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(variant=st.sampled_from(VARIANTS), who=st.sampled_from(list(ACTORS)))
    def command(self, variant: str, who: str) -> None:
        actor, role = ACTORS[who]
        order = an_order(variant, actor, after=self.now - NOON)
        if self._repeats(order, role):
            self._gives_the_same(order)
        elif (target := self._target(variant, role)) is None:
            with pytest.raises(TransitionRefused):
                self.referral.decide(order)
        else:
            self._moves(order, target)

    @precondition(lambda self: self.last is not None)
    @rule()
    def repeat(self) -> None:
        assert self.last is not None
        self._gives_the_same(self.last.model_copy(update={"at": self.now}))

    @invariant()
    def both_stand_at_the_same_state(self) -> None:
        assert self.referral.state.value == self.state

    @invariant()
    def history_is_a_chain_with_one_event_a_step(self) -> None:
        steps = self.referral.history
        assert all(earlier.state == later.previous for earlier, later in itertools.pairwise(steps))
        assert [step.at for step in steps] == sorted(step.at for step in steps)
        moved = [event for event in self.events if isinstance(event, ReferralMoved)]
        assert [(event.previous, event.state) for event in moved] == [
            (step.previous, step.state) for step in steps[1:]
        ]

    @invariant()
    def dates_tell_the_state(self) -> None:
        assert (self.referral.closed_at is not None) == (self.state in CLOSED)
        assert (self.referral.accepted_at is not None) == self.taken
        assert (self.referral.outcome is not None) <= (
            "completed" in {step.state for step in self.referral.history}
        )

    def _target(self, variant: str, role: str) -> str | None:
        target = EXPECTED[self.kind].get((variant, self.state, role))
        passed = self.now - self.since
        too_late = variant.startswith("reopen") and passed > timedelta(days=30)
        too_soon = variant == "lapse" and passed < timedelta(days=60)
        return None if too_late or too_soon else target

    def _repeats(self, order: Order, role: str) -> bool:
        return (
            self.last is not None
            and (self.last.command, self.last.told) == (order.command, order.told)
            and any(
                variant.split()[0] == order.command and by == role for variant, _, by in EXPECTED[self.kind]
            )
        )

    def _gives_the_same(self, order: Order) -> None:
        decision = self.referral.decide(order)
        assert decision.events == ()
        assert decision.referral is self.referral

    def _moves(self, order: Order, target: str) -> None:
        decision = self.referral.decide(order)
        self.referral, self.last = decision.referral, order
        self.events += decision.events
        if target != self.state:
            self.since = self.now
        if target in HELPING:
            self.taken = True
        elif order.command is Command.REOPEN:
            self.taken = False
        self.state = target


ReferralLife.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestReferralLife = ReferralLife.TestCase
