"""What changes a referral: creation and commands. Loads, asks the domain, seals, saves in one atomic write."""

import structlog

from services.referral.agreement import Agreement
from services.referral.errors import (
    OnlyPrescribersActForVenues,
    ReferralErased,
    TransitionRefused,
    UnknownReferral,
)
from services.referral.metrics import TRANSITIONS
from services.referral.model import Opening, Referral, erased_with_case, open_referral
from services.referral.orders import Actor, Confided, Order
from services.referral.repository import MOVE, Cases, Referrals, Venues
from services.referral.requests import CommandBody, CreateReferral
from services.referral.sealing import NOTE, PLACE, Sealing
from services.referral.transitions import Command, may_ever
from services.referral.views import (
    ReferralView,
    VenueReferralSummary,
    for_prescriber,
    for_venue,
)
from shared.clock import Clock
from shared.events.vocabulary import ActorKind, Channel
from shared.idempotency import RequestKey, already_done, check_same_request, remember
from shared.ids import derived_id
from shared.security.caller import Act
from shared.store.port import AlreadyExists
from shared.store.retry import deciding_again
from shared.vault.port import CaseErased, UnknownCase, Vault

log = structlog.get_logger()

Shown = ReferralView | VenueReferralSummary


class ReferralDesk:
    """Where prescribers and partners are served."""

    def __init__(
        self,
        *,
        referrals: Referrals,
        cases: Cases,
        venues: Venues,
        vault: Vault,
        sealing: Sealing,
        clock: Clock,
    ) -> None:
        self._referrals, self._cases, self._venues = referrals, cases, venues
        self._vault, self._sealing, self._clock = vault, sealing, clock

    async def create(self, act: Act, body: CreateReferral, key: RequestKey) -> ReferralView:
        """Create a referral, and its case when none is named; a repeat gives what was created.

        Raises:
            VenueUnknown, VenueRetired, UnknownCase, CaseErased, ClientReferenceTaken, IdempotencyKeyReused, and what
            `open_referral` refuses.
        """
        referral_id = key.creation_id(act.caller)
        made = await self._referrals.get(referral_id)
        if made is None:
            made = await self._create(referral_id, act, body, key)
        return for_prescriber(_same(made, key), self._clock.now())

    async def move(
        self, act: Act, referral_id: str, command: Command, body: CommandBody, key: RequestKey
    ) -> Shown:
        """Carry out a command, once; a repeat changes nothing. Shows the referral to the role that acted.

        Raises:
            UnknownReferral, OnlyPrescribersActForVenues, IdempotencyKeyReused, and what `Referral.decide` refuses.
        """

        async def decide() -> Shown:
            referral, roles = await self._referrals.reachable(referral_id, act.caller, MOVE)
            role = _role(command, body, roles)
            if not already_done(referral.commands, key, act.caller):
                referral = await self._carry_out(
                    referral, _actor(role, act, body), command, body, key=key, act=act
                )
            show = for_prescriber if role is ActorKind.PRESCRIBER else for_venue
            return show(referral, self._clock.now())

        try:
            return await deciding_again(decide)
        except TransitionRefused:
            TRANSITIONS.labels(command.value, "refused").inc()
            raise

    async def _create(self, referral_id: str, act: Act, body: CreateReferral, key: RequestKey) -> Referral:
        await self._venues.referable(body.venue_id)
        institution = act.caller.institution
        if body.case_id is not None:
            await self._check_case(body.case_id, institution)
        case_id = body.case_id or derived_id(referral_id, "case")
        at = self._clock.now()
        referral, event = open_referral(
            _opening(body, act, at=at),
            body.given,
            referral_id=referral_id,
            case_id=case_id,
            owner=act.owner,
            actor=_actor(ActorKind.PRESCRIBER, act),
            at=at,
            client_id=act.caller.client_id,
            client_reference=body.client_reference,
            fingerprint=key.fingerprint,
        )
        if body.client_reference is not None:
            await self._referrals.reserve(act.caller.client_id, body.client_reference, referral_id, at)
        if body.case_id is None:
            await self._vault.create(case_id, institution)
        sealed = await self._sealing.seal_parts(case_id, body)
        try:
            added = await self._referrals.add(referral.model_copy(update={"sealed": sealed}), [event])
        except AlreadyExists:
            return await self._made_meanwhile(referral_id)
        if body.case_id is not None:
            await self._unlink_if_erased(added, case_id)
        log.info("referral.referral.created", referral_id=referral_id, referral_kind=body.kind.value)
        return added

    async def _check_case(self, case_id: str, institution: str) -> None:
        case = await self._cases.get(case_id)
        owner = await self._vault.owner(case_id) if case is None else case.institution
        if owner != institution:
            raise UnknownCase(case_id)
        if case is not None:
            raise CaseErased(case_id)

    async def _made_meanwhile(self, referral_id: str) -> Referral:
        made = await self._referrals.get(referral_id)
        if made is None:
            raise UnknownReferral(referral_id)
        return made

    async def _unlink_if_erased(self, referral: Referral, case_id: str) -> None:
        """Close the gap between the check of the case and the write: its erasure may have passed in between."""
        if await self._cases.get(case_id) is not None:
            await self._referrals.release(referral)
            decision = erased_with_case(referral, self._clock.now())
            await self._referrals.save(decision.referral, decision.events)
            raise CaseErased(case_id)

    async def _carry_out(
        self,
        referral: Referral,
        actor: Actor,
        command: Command,
        body: CommandBody,
        *,
        key: RequestKey,
        act: Act,
    ) -> Referral:
        if referral.case_id is None:
            raise ReferralErased(referral.id)
        order = Order(
            command=command,
            actor=actor,
            at=self._clock.now(),
            told=body.told,
            confided=await self._confide(referral.case_id, body, key),
        )
        decision = referral.decide(order)
        if not decision.events:
            TRANSITIONS.labels(command.value, "repeated").inc()
            return referral
        commands = remember(referral.commands, key, act.caller, referral.version + 1)
        changed = decision.referral.model_copy(update={"commands": commands})
        saved = await self._referrals.save(changed, decision.events)
        TRANSITIONS.labels(command.value, "recorded").inc()
        log.info(
            "referral.transition.recorded",
            referral_id=referral.id,
            command=command.value,
            previous=referral.state.value,
            state=saved.state.value,
            by=actor.kind.value,
        )
        return saved

    async def _confide(self, case_id: str, body: CommandBody, key: RequestKey) -> Confided:
        if body.note is None and body.confided_place is None:
            return Confided()
        return Confided(
            note=await self._sealing.seal_text(case_id, NOTE, body.note),
            place=await self._sealing.seal_text(case_id, PLACE, body.confided_place),
            digest=key.fingerprint,
        )


def _same(made: Referral, key: RequestKey) -> Referral:
    if made.case_id is None:
        raise ReferralErased(made.id)
    check_same_request(made.fingerprint, key)
    return made


def _role(command: Command, body: CommandBody, roles: list[ActorKind]) -> ActorKind:
    """A client may stand on both sides (an institution with a venue of its own): the side that can do it acts."""
    if body.on_behalf_of is not None:
        if ActorKind.PRESCRIBER not in roles:
            raise OnlyPrescribersActForVenues
        return ActorKind.PRESCRIBER
    return next((role for role in roles if may_ever(command, role)), roles[0])


def _actor(kind: ActorKind, act: Act, body: CommandBody | None = None) -> Actor:
    return Actor(
        kind=kind,
        agent=act.agent,
        service=act.service,
        on_behalf_of_venue=body is not None and body.on_behalf_of is not None,
        channel=(body.channel if body else None) or Channel.API,
    )


def _opening(body: CreateReferral, act: Act, *, at: object) -> Opening:
    agreement = body.agreement.model_dump() | {"recorded_by": act.agent, "recorded_at": at}
    return Opening(
        kind=body.kind,
        venue_id=body.venue_id,
        needs=body.needs,
        modality=body.modality,
        urgency=body.urgency,
        departement=body.departement,
        age_band=body.age_band,
        assessment_id=body.assessment_id,
        match_id=body.match_id,
        legal_basis=body.legal_basis,
        information=body.information_given,
        agreement=Agreement.model_validate(agreement),
    )
