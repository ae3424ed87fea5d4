"""All questions to this service's store. What serves a caller takes the caller: there is no other way to a referral."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from services.referral.case import Case
from services.referral.errors import ClientReferenceTaken, UnknownReferral, VenueRetired, VenueUnknown
from services.referral.journal import AccessRecord
from services.referral.model import Referral
from services.referral.venue import Venue
from shared.events.payload import Payload
from shared.events.vocabulary import ActorKind, ReferralState
from shared.security.caller import Caller, Scope
from shared.store.port import MAX_PAGE, AlreadyExists, Document, Page, StaleVersion, Store

ABANDONED_AFTER = timedelta(minutes=10)
"""A reservation without its referral is taken over after this long: a request lives seconds, so its maker is dead."""


Rights = Mapping[ActorKind, Scope]
"""The scope that gives each role its right to do something."""

READ: Rights = {ActorKind.PRESCRIBER: Scope.REFERRALS_READ}
READ_AS_VENUE: Rights = {ActorKind.PARTNER: Scope.REFERRALS_ANSWER}
MOVE: Rights = {ActorKind.PRESCRIBER: Scope.REFERRALS_WRITE, ActorKind.PARTNER: Scope.REFERRALS_ANSWER}


class ReservedReference(Document):
    """A client's reference, held for one referral. `id` = `referrals:<client>:<reference>`."""

    kind: ClassVar[str] = "client_references"

    referral_id: str


class Referrals:
    """Referrals, their references and the journal of their reads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, referral_id: str) -> Referral | None:
        """Return a referral for a handler, or a creation's own repeat; what serves a caller uses `reachable`."""
        return await self._store.get(Referral, referral_id)

    async def reachable(
        self, referral_id: str, caller: Caller, rights: Rights
    ) -> tuple[Referral, list[ActorKind]]:
        """Return a referral and the roles, at least one, that the caller has on it among those of `rights`.

        Raises:
            UnknownReferral: there is none, or the caller is neither its prescriber's side nor its venue's.
        """
        referral = await self._store.get(Referral, referral_id)
        roles = [] if referral is None else _roles(referral, caller, rights)
        if referral is None or not roles:
            raise UnknownReferral(referral_id)
        return referral, roles

    async def add(self, referral: Referral, events: Sequence[Payload]) -> Referral:
        """Store a new referral with its event; see `Store.add`."""
        return await self._store.add(referral, events)

    async def save(self, referral: Referral, events: Sequence[Payload] = ()) -> Referral:
        """Store a change with its event; see `Store.save`."""
        return await self._store.save(referral, events)

    async def owned(
        self,
        caller: Caller,
        *,
        state: ReferralState | None,
        venue_id: str | None,
        after: str | None,
        limit: int,
    ) -> Page[Referral]:
        """Return what the caller's part of the tree has made. With both filters a page may hold fewer than `limit`."""
        index, equals = caller.owned()
        if venue_id is not None:
            page = await self._store.find(
                Referral,
                f"{index}_venue",
                {**equals, "opening.venue_id": venue_id},
                after=after,
                limit=limit,
            )
            return Page([one for one in page.items if state in (None, one.state)], page.next)
        if state is not None:
            index, equals = f"{index}_state", {**equals, "state": state}
        return await self._store.find(Referral, index, equals, after=after, limit=limit)

    async def addressed_to(
        self, venue_id: str, *, state: ReferralState | None, after: str | None, limit: int
    ) -> Page[Referral]:
        """Return what was sent to a venue; the caller was checked to answer for it."""
        if state is None:
            return await self._store.find(
                Referral, "by_venue", {"opening.venue_id": venue_id}, after=after, limit=limit
            )
        return await self._store.find(
            Referral,
            "by_venue_state",
            {"opening.venue_id": venue_id, "state": state},
            after=after,
            limit=limit,
        )

    async def of_case(self, case_id: str) -> AsyncIterator[Referral]:
        """Yield a case's referrals, oldest first."""
        after = None
        while True:
            page = await self._store.find(
                Referral, "by_case", {"case_id": case_id}, after=after, limit=MAX_PAGE
            )
            for referral in page.items:
                yield referral
            if page.next is None:
                return
            after = page.next

    async def named(self, caller: Caller, client_reference: str) -> Referral | None:
        """Return the referral that this client gave this reference, if it may still see it."""
        reserved = await self._store.get(
            ReservedReference, _reservation_id(caller.client_id, client_reference)
        )
        referral = None if reserved is None else await self._store.get(Referral, reserved.referral_id)
        return referral if referral is not None and caller.sees(referral.owner) else None

    async def reserve(self, client_id: str, client_reference: str, referral_id: str, at: datetime) -> None:
        """Hold a reference for a referral about to be added; a repeat for the same one changes nothing.

        Raises:
            ClientReferenceTaken: another referral has it, or is being made with it.
        """
        held = ReservedReference(
            id=_reservation_id(client_id, client_reference), created_at=at, referral_id=referral_id
        )
        try:
            await self._store.add(held)
        except AlreadyExists:
            await self._take_over(held, at)

    async def release(self, referral: Referral) -> None:
        """Give up the reference of a referral, if it has one; a repeat changes nothing."""
        if referral.client_reference is not None:
            await self._store.discard(
                ReservedReference, _reservation_id(referral.client_id, referral.client_reference)
            )

    async def journal(self, record: AccessRecord) -> None:
        """Write down a read, durably, before what was read is given away."""
        await self._store.add(record)

    async def _take_over(self, wanted: ReservedReference, at: datetime) -> None:
        held = await self._store.get(ReservedReference, wanted.id)
        if held is None or held.referral_id == wanted.referral_id:
            return
        in_use = await self._store.get(Referral, held.referral_id) is not None
        if in_use or at - held.created_at < ABANDONED_AFTER:
            raise ClientReferenceTaken
        try:
            await self._store.save(
                held.model_copy(update={"referral_id": wanted.referral_id, "created_at": at})
            )
        except StaleVersion:
            raise ClientReferenceTaken from None


class Cases:
    """Cases whose erasure was asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, case_id: str) -> Case | None:
        """Return the case's document, or None while it is open."""
        return await self._store.get(Case, case_id)

    async def add(self, case: Case, events: Sequence[Payload]) -> Case:
        """Store an order to erase; a repeat gives the one that stands."""
        try:
            return await self._store.add(case, events)
        except AlreadyExists:
            standing = await self._store.get(Case, case.id)
            if standing is None:
                raise
            return standing

    async def save(self, case: Case, events: Sequence[Payload]) -> Case:
        """Store a change; see `Store.save`."""
        return await self._store.save(case, events)


class Venues:
    """The read model of venues."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, venue_id: str) -> Venue | None:
        """Return a venue, retired or not."""
        return await self._store.get(Venue, venue_id)

    async def referable(self, venue_id: str) -> Venue:
        """Return a venue that people may be sent to.

        Raises:
            VenueUnknown, VenueRetired.
        """
        venue = await self._store.get(Venue, venue_id)
        if venue is None:
            raise VenueUnknown
        if venue.retired_at is not None:
            raise VenueRetired
        return venue

    async def learn(self, told: Venue) -> None:
        """Keep what a snapshot told, unless a later one is known.

        Raises:
            StaleVersion, AlreadyExists: somebody learnt it meanwhile; decide again.
        """
        known = await self._store.get(Venue, told.id)
        if known is None:
            await self._store.add(told)
        elif (newer := known.newer(told)) is not None:
            await self._store.save(newer)


def _roles(referral: Referral, caller: Caller, rights: Rights) -> list[ActorKind]:
    """The prescriber's side is the owner's part of the tree, the partner's side the venue it was sent to."""
    near = {
        ActorKind.PRESCRIBER: caller.sees(referral.owner),
        ActorKind.PARTNER: referral.opening.venue_id in caller.venues,
    }
    return [role for role, scope in rights.items() if near[role] and scope.value in caller.scopes]


def _reservation_id(client_id: str, client_reference: str) -> str:
    return f"referrals:{client_id}:{client_reference}"
