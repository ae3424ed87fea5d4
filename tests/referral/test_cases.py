"""`/v1/cases`: reading, and an erasure that a crash between any two steps can't leave half-done."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from services.referral.case import Case, CaseState
from services.referral.desk import ReferralDesk
from services.referral.erasure import CaseDesk
from services.referral.model import Referral, cancelled_by_erasure
from services.referral.repository import Cases, Referrals, ReservedReference, Venues
from services.referral.requests import CreateReferral
from services.referral.sealing import Sealing
from shared.bus.topics import Topic
from shared.events.cases import CaseErased, CaseErasing
from shared.events.referrals import ReferralCancelled
from shared.idempotency import RequestKey
from shared.security.caller import Act, Caller, Scope
from shared.vault import port as vault_port
from tests.referral.material import (
    NAME,
    SUMMARY,
    VENUE,
    command,
    created,
    problem,
    records_body,
    referral_body,
    tell_venue,
)
from tests.support.http import ApiClient
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("referral")

UNKNOWN = "/v1/cases/00000000-0000-4000-8000-000000000000"


@pytest.fixture
async def cpam(platform: PlatformUnderTest) -> ApiClient:
    await tell_venue(platform)
    return await platform.client()


class TestRead:
    async def test_refusals(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        path = f"/v1/cases/{(await created(cpam))['case_id']}"
        assert (await platform.anonymous().get(path)).status == 401
        partner = await platform.partner(VENUE)
        assert problem(await partner.get(path)) == (403, "missing-scope")
        assert problem(await (await platform.client("caf75")).get(path)) == (404, "unknown-case")
        assert problem(await cpam.get(UNKNOWN)) == (404, "unknown-case")

    async def test_its_referrals_and_dates(self, cpam: ApiClient) -> None:
        first = await created(cpam)
        second = await created(cpam, case_id=first["case_id"])
        await command(cpam, first["id"], "correct", {"reason": "data_error"})
        case = (await cpam.get(f"/v1/cases/{first['case_id']}")).json
        assert (case["state"], case["erased_at"]) == ("open", None)
        assert {item["id"]: item["state"] for item in case["referrals"]} == {
            first["id"]: "entered_in_error",
            second["id"]: "requested",
        }

    async def test_only_the_referrals_in_sight(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        case_id = (await created(cpam))["case_id"]
        bondy = await platform.client("cpam93/bondy/accueil")
        there = await created(bondy, case_id=case_id)
        seen = (await bondy.get(f"/v1/cases/{case_id}")).json["referrals"]
        assert [item["id"] for item in seen] == [there["id"]]

    async def test_a_case_known_by_its_assessment_alone(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        await platform.vault.create("assessed-only", "cpam93")
        assert (await cpam.get("/v1/cases/assessed-only")).json["referrals"] == []


class TestErase:
    async def test_refusals(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        path = f"/v1/cases/{(await created(cpam))['case_id']}/erase"
        assert (await platform.anonymous().post(path)).status == 401
        writer = await platform.client(scopes=[Scope.REFERRALS_READ, Scope.REFERRALS_WRITE])
        assert problem(await writer.post(path)) == (403, "missing-scope")
        assert problem(await (await platform.client("caf75")).post(path)) == (404, "unknown-case")
        assert problem(await cpam.post(f"{UNKNOWN}/erase")) == (404, "unknown-case")
        assert await platform.events(Topic.CASES) == []

    async def test_what_led_to_the_person_is_gone_and_what_counts_stays(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        made = await created(cpam, client_reference="dossier-9")
        answer = await cpam.post(f"/v1/cases/{made['case_id']}/erase")
        assert (answer.status, answer.json["state"]) == (202, "erasing")
        await platform.settle()
        case = (await cpam.get(f"/v1/cases/{made['case_id']}")).json
        assert (case["state"], case["referrals"]) == ("erased", [])
        read = await cpam.get(f"/v1/referrals/{made['id']}")
        assert NAME not in read.text
        assert (read.json["case_id"], read.json["client_reference"]) == (None, None)
        assert (read.json["state"], read.json["needs"]) == ("cancelled", ["basic_skills"])
        with pytest.raises(vault_port.CaseErased):
            await platform.vault.owner(made["case_id"])
        assert [type(event.data) for event in await platform.events(Topic.CASES)] == [CaseErasing, CaseErased]

    async def test_open_referrals_are_cancelled_so_that_their_venues_know(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        made = await created(cpam)
        closed = await created(cpam, case_id=made["case_id"])
        await command(cpam, closed["id"], "correct", {"reason": "data_error"})
        await cpam.post(f"/v1/cases/{made['case_id']}/erase")
        await platform.settle()
        told = [
            event
            for event in await platform.events(Topic.REFERRALS)
            if isinstance(event.data, ReferralCancelled)
        ]
        assert [(event.aggregate_id, event.data.by, event.data.wish_of) for event in told] == [
            (made["id"], "system", "person")
        ]

    async def test_nothing_can_be_added_or_changed_afterwards(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        body = referral_body()
        made = (await cpam.post("/v1/referrals", body, key="once")).json
        await cpam.post(f"/v1/cases/{made['case_id']}/erase")
        joining = await cpam.post("/v1/referrals", referral_body(case_id=made["case_id"]))
        assert problem(joining) == (410, "case-erased")
        await platform.settle()
        assert problem(await cpam.post("/v1/referrals", referral_body(case_id=made["case_id"]))) == (
            410,
            "case-erased",
        )
        assert problem(await cpam.post("/v1/referrals", body, key="once")) == (410, "referral-erased")
        corrected = await command(cpam, made["id"], "correct", {"reason": "data_error"})
        assert problem(corrected) == (410, "referral-erased")
        stranger = await platform.client("caf75/paris/accueil")
        assert problem(await stranger.post("/v1/referrals", referral_body(case_id=made["case_id"]))) == (
            404,
            "unknown-case",
        )

    async def test_a_second_order_changes_nothing(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        case_id = (await created(cpam))["case_id"]
        for _ in range(2):
            assert (await cpam.post(f"/v1/cases/{case_id}/erase")).status == 202
        await platform.settle()
        assert (await cpam.post(f"/v1/cases/{case_id}/erase")).json["state"] == "erased"
        assert len(await platform.events(Topic.CASES)) == 2

    async def test_the_reference_is_free_again(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        case_id = (await created(cpam, client_reference="dossier-9"))["case_id"]
        await cpam.post(f"/v1/cases/{case_id}/erase")
        await platform.settle()
        assert (await cpam.get("/v1/referrals", client_reference="dossier-9")).json["items"] == []
        await created(cpam, client_reference="dossier-9")


@dataclass
class Crashed:
    """A case whose erasure stopped somewhere, in a service that no longer runs: the test redelivers by hand."""

    platform: PlatformUnderTest
    case_id: str
    referral_ids: list[str]

    @property
    def desk(self) -> CaseDesk:
        desk = self.platform.platform.services["referral"].components[CaseDesk]
        assert isinstance(desk, CaseDesk)
        return desk

    @property
    def referrals(self) -> Referrals:
        return Referrals(self.platform.store("referral"))

    async def order(self) -> None:
        """Save the case as `erasing` without its event reaching anyone."""
        case = Case(
            id=self.case_id,
            created_at=self.platform.clock.now(),
            institution="cpam93",
            state=CaseState.ERASING,
            agent="agent-7",
            service="cpam93",
        )
        await self.platform.store("referral").add(case)

    async def referral(self, position: int) -> Referral:
        referral = await self.referrals.get(self.referral_ids[position])
        assert referral is not None
        return referral


async def one_referral_cancelled(at: Crashed) -> None:
    decision = cancelled_by_erasure(await at.referral(0), at.platform.clock.now())
    await at.referrals.save(decision.referral, decision.events)


async def key_destroyed(at: Crashed) -> None:
    await one_referral_cancelled(at)
    await at.platform.vault.destroy(at.case_id)


async def nothing_more(at: Crashed) -> None:
    assert await at.referral(0)


@pytest.mark.parametrize("crash", [nothing_more, one_referral_cancelled, key_destroyed])
async def test_a_crash_before_the_case_is_erased_is_repaired_by_redelivery(
    platform: PlatformUnderTest, cpam: ApiClient, crash: Callable[[Crashed], Awaitable[None]]
) -> None:
    first = await created(cpam)
    second = await created(cpam, case_id=first["case_id"])
    at = Crashed(platform, first["case_id"], [first["id"], second["id"]])
    await at.order()
    await crash(at)
    for _ in range(2):
        await at.desk.destroy_key(at.case_id)
    await platform.settle()
    case = await platform.store("referral").get(Case, at.case_id)
    assert case is not None
    assert case.state is CaseState.ERASED
    assert [type(event.data) for event in await platform.events(Topic.CASES)] == [CaseErased]
    cancelled = [
        one for one in await platform.events(Topic.REFERRALS) if isinstance(one.data, ReferralCancelled)
    ]
    assert sorted(event.aggregate_id for event in cancelled) == sorted(at.referral_ids)
    assert {(await at.referral(position)).case_id for position in (0, 1)} == {None}


async def reference_released(at: Crashed) -> None:
    await at.referrals.release(await at.referral(0))


async def first_unlinked(at: Crashed) -> None:
    referral = await at.referral(0)
    await at.referrals.release(referral)
    await at.referrals.save(referral.erased(at.platform.clock.now()))


@pytest.mark.parametrize("crash", [nothing_more, reference_released, first_unlinked])
async def test_a_crash_while_unlinking_is_repaired_by_redelivery(
    platform: PlatformUnderTest, cpam: ApiClient, crash: Callable[[Crashed], Awaitable[None]]
) -> None:
    first = await created(cpam, client_reference="dossier-9")
    second = await created(cpam, case_id=first["case_id"])
    at = Crashed(platform, first["case_id"], [first["id"], second["id"]])
    await crash(at)
    for _ in range(2):
        await at.desk.unlink(at.case_id)
    assert {(await at.referral(position)).case_id for position in (0, 1)} == {None}
    reserved = "referrals:client-cpam93-bobigny-accueil:dossier-9"
    assert await platform.store("referral").get(ReservedReference, reserved) is None


class ErasedMeanwhile:
    """The real vault, in which the whole erasure of a case passes right after something was sealed for it."""

    def __init__(self, vault: vault_port.Vault, desk: CaseDesk, order: Callable[[], Awaitable[None]]) -> None:
        self._vault, self._desk, self._order = vault, desk, order

    async def create(self, case_id: str, institution: str) -> None:
        await self._vault.create(case_id, institution)

    async def owner(self, case_id: str) -> str:
        return await self._vault.owner(case_id)

    async def seal(self, case_id: str, purpose: str, plain: bytes) -> str:
        sealed = await self._vault.seal(case_id, purpose, plain)
        await self._order()
        await self._desk.destroy_key(case_id)
        await self._desk.unlink(case_id)
        return sealed

    async def open(self, case_id: str, purpose: str, sealed: str) -> bytes:
        return await self._vault.open(case_id, purpose, sealed)

    async def destroy(self, case_id: str) -> None:
        await self._vault.destroy(case_id)


async def test_a_referral_added_while_its_case_was_erased_is_unlinked_at_once(
    platform: PlatformUnderTest, cpam: ApiClient
) -> None:
    at = Crashed(platform, (await created(cpam))["case_id"], [])
    store, vault = platform.store("referral"), ErasedMeanwhile(platform.vault, at.desk, at.order)
    desk = ReferralDesk(
        referrals=at.referrals,
        cases=Cases(store),
        venues=Venues(store),
        vault=vault,
        sealing=Sealing(vault),
        clock=platform.clock,
    )
    caller = Caller("client-1", "cpam93/bobigny/accueil", frozenset())
    key = RequestKey("once", "POST /v1/referrals", "fingerprint", b"secret")
    body = CreateReferral.model_validate(
        records_body(case_id=at.case_id, summary=SUMMARY, client_reference="dossier-9")
    )
    with pytest.raises(vault_port.CaseErased):
        await desk.create(Act(caller, "agent-7", caller.node), body, key)
    added = await at.referrals.get(key.creation_id(caller))
    assert added is not None
    assert (added.case_id, added.client_reference, added.state) == (None, None, "cancelled")
    assert await at.referrals.named(caller, "dossier-9") is None
