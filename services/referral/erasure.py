"""The erasure of a case, in steps that may each be repeated: order, stop and destroy, unlink.

1. An agent's order saves the case as `erasing` with `CaseErasing`.
2. On that event: open referrals are cancelled (their venues are told), the key is destroyed, the case is saved as
   `erased` with `CaseErased`.
3. On that one, as in every other service: what leads to the person is dropped; countable facts stay.

A crash between any two of them is repaired by the event's coming again.
"""

import structlog

from services.referral.case import Case, CaseState, erase_case
from services.referral.errors import UnknownReferral
from services.referral.metrics import ERASURES
from services.referral.model import Referral, cancelled_by_erasure, erased_with_case
from services.referral.repository import Cases, Referrals
from services.referral.views import CaseView, of_case
from shared.clock import Clock
from shared.security.caller import Act, Caller
from shared.store.retry import deciding_again
from shared.vault.port import UnknownCase, Vault

log = structlog.get_logger()


class CaseDesk:
    """Where cases are shown and their erasure is ordered and carried out."""

    def __init__(self, cases: Cases, referrals: Referrals, vault: Vault, clock: Clock) -> None:
        self._cases, self._referrals, self._vault, self._clock = cases, referrals, vault, clock

    async def show(self, caller: Caller, case_id: str) -> CaseView:
        """Show a case of the caller's institution, with the referrals that the caller sees.

        Raises:
            UnknownCase: none, or another institution's.
        """
        case = await self._seen(caller, case_id)
        referrals = [one async for one in self._referrals.of_case(case_id) if caller.sees(one.owner)]
        return of_case(case_id, case, referrals)

    async def order_erasure(self, act: Act, case_id: str) -> CaseView:
        """Begin the erasure of a case; a repeat changes nothing.

        Raises:
            UnknownCase: none, or another institution's.
        """
        if await self._seen(act.caller, case_id) is None:
            case, event = erase_case(
                case_id,
                act.caller.institution,
                agent=act.agent,
                service=act.service,
                at=self._clock.now(),
            )
            await self._cases.add(case, [event])
            log.info("referral.erasure.ordered", case_id=case_id)
        return await self.show(act.caller, case_id)

    async def destroy_key(self, case_id: str) -> None:
        """Stop what is open, destroy the key, say so. Every step may be repeated."""
        case = await self._cases.get(case_id)
        if case is None or case.state is CaseState.ERASED:
            return
        async for referral in self._referrals.of_case(case_id):
            await self._stop(referral.id)
        await self._vault.destroy(case_id)
        await deciding_again(lambda: self._say_erased(case_id))
        ERASURES.labels("key_destroyed").inc()
        log.info("referral.erasure.key_destroyed", case_id=case_id)

    async def unlink(self, case_id: str) -> None:
        """Drop what leads to the person from each referral of the case. Every step may be repeated."""
        count = 0
        async for referral in self._referrals.of_case(case_id):
            await self._unlink_one(referral.id)
            count += 1
        log.info("referral.erasure.unlinked", case_id=case_id, referrals=count)

    async def _seen(self, caller: Caller, case_id: str) -> Case | None:
        case = await self._cases.get(case_id)
        owner = await self._vault.owner(case_id) if case is None else case.institution
        if owner != caller.institution:
            raise UnknownCase(case_id)
        return case

    async def _say_erased(self, case_id: str) -> None:
        case = await self._cases.get(case_id)
        if case is None:
            raise UnknownCase(case_id)
        erased, events = case.key_destroyed(self._clock.now())
        if events:
            await self._cases.save(erased, events)

    async def _stop(self, referral_id: str) -> None:
        async def decide() -> None:
            referral = await self._standing(referral_id)
            decision = cancelled_by_erasure(referral, self._clock.now())
            if decision.events:
                await self._referrals.save(decision.referral, decision.events)

        await deciding_again(decide)

    async def _unlink_one(self, referral_id: str) -> None:
        async def decide() -> None:
            referral = await self._standing(referral_id)
            if referral.case_id is not None:
                await self._referrals.release(referral)
                decision = erased_with_case(referral, self._clock.now())
                await self._referrals.save(decision.referral, decision.events)

        await deciding_again(decide)
        ERASURES.labels("unlinked").inc()

    async def _standing(self, referral_id: str) -> Referral:
        referral = await self._referrals.get(referral_id)
        if referral is None:
            raise UnknownReferral(referral_id)
        return referral
