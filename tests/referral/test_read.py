"""Lists, the two views, and the journal of reads."""

from datetime import timedelta

import pytest

from services.referral.journal import AccessRecord
from shared.security.caller import Scope
from tests.referral.material import (
    NAME,
    OTHER_VENUE,
    VENUE,
    agreement_body,
    command,
    created,
    problem,
    records_body,
    signpost_body,
    tell_venue,
)
from tests.support.clock import NOON
from tests.support.http import ApiClient
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("referral")


@pytest.fixture
async def cpam(platform: PlatformUnderTest) -> ApiClient:
    await tell_venue(platform)
    return await platform.client()


@pytest.fixture
async def pimms(platform: PlatformUnderTest) -> ApiClient:
    return await platform.partner(VENUE)


async def journal(platform: PlatformUnderTest, referral_id: str) -> list[AccessRecord]:
    page = await platform.store("referral").find(AccessRecord, "by_referral", {"referral_id": referral_id})
    return page.items


class TestList:
    async def test_each_sees_its_own_part_of_the_tree(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        here = (await created(cpam))["id"]
        bondy = await platform.client("cpam93/bondy/accueil")
        there = (await created(bondy))["id"]
        seen = {
            node: [
                item["id"]
                for item in (await (await platform.client(node)).get("/v1/referrals")).json["items"]
            ]
            for node in ("cpam93", "cpam93/bobigny", "cpam93/bondy/accueil", "caf75")
        }
        assert seen == {
            "cpam93": sorted([here, there]),
            "cpam93/bobigny": [here],
            "cpam93/bondy/accueil": [there],
            "caf75": [],
        }

    async def test_filters(self, platform: PlatformUnderTest, cpam: ApiClient, pimms: ApiClient) -> None:
        await tell_venue(platform, OTHER_VENUE)
        taken = await created(cpam)
        await command(pimms, taken["id"], "accept")
        waiting = await created(cpam, case_id=taken["case_id"])
        agreed = agreement_body(recipients=[{"venue_id": OTHER_VENUE}])
        elsewhere = await created(cpam, venue_id=OTHER_VENUE, agreement=agreed)
        expected = [
            ({"state": "accepted"}, [taken]),
            ({"state": "requested"}, [waiting, elsewhere]),
            ({"venue_id": VENUE}, [taken, waiting]),
            ({"venue_id": VENUE, "state": "requested"}, [waiting]),
            ({"case_id": taken["case_id"]}, [taken, waiting]),
            ({"case_id": taken["case_id"], "state": "accepted"}, [taken]),
            ({"case_id": elsewhere["case_id"], "venue_id": VENUE}, []),
        ]
        for filters, found in expected:
            answer = await cpam.get("/v1/referrals", **filters)
            assert {item["id"] for item in answer.json["items"]} == {one["id"] for one in found}, filters

    async def test_another_institution_finds_nothing_by_case(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        referral = await created(cpam)
        other = await platform.client("caf75")
        assert (await other.get("/v1/referrals", case_id=referral["case_id"])).json["items"] == []

    async def test_pages_hold_each_referral_once(self, cpam: ApiClient) -> None:
        made = {(await created(cpam))["id"] for _ in range(5)}
        seen: list[str] = []
        after = None
        while True:
            page = (await cpam.get("/v1/referrals", limit=2, after=after)).json
            seen += [item["id"] for item in page["items"]]
            if (after := page["next"]) is None:
                break
        assert len(seen) == 5
        assert set(seen) == made

    async def test_what_does_not_fit_is_refused(self, cpam: ApiClient) -> None:
        case_id = "00000000-0000-4000-8000-000000000000"
        for params in (
            {"surprise": "1"},
            {"state": "lost"},
            {"limit": "0"},
            {"case_id": case_id, "after": "x"},
        ):
            assert (await cpam.get("/v1/referrals", **params)).status == 422, params
        assert problem(await cpam.get("/v1/referrals", after="forged")) == (400, "invalid-cursor")

    async def test_it_opens_nothing_personal(self, cpam: ApiClient) -> None:
        await created(cpam)
        assert NAME not in (await cpam.get("/v1/referrals")).text


class TestPrescriberReads:
    async def test_only_in_its_part_of_the_tree(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        path = f"/v1/referrals/{(await created(cpam))['id']}"
        assert (await platform.anonymous().get(path)).status == 401
        partner = await platform.partner(VENUE)
        assert problem(await partner.get(path)) == (403, "missing-scope")
        for node in ("caf75", "cpam93/bondy/accueil"):
            assert problem(await (await platform.client(node)).get(path)) == (404, "unknown-referral")
        assert (await (await platform.client("cpam93")).get(path)).status == 200

    async def test_each_read_is_journalled_with_its_agent(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        referral_id = (await created(cpam))["id"]
        assert await journal(platform, referral_id) == []
        await cpam.acting(agent="agent-9").get(f"/v1/referrals/{referral_id}")
        (record,) = await journal(platform, referral_id)
        assert (record.agent, record.service, record.reader) == (
            "agent-9",
            "cpam93/bobigny/accueil",
            "prescriber",
        )
        assert record.parts == (
            "adaptations",
            "availability",
            "contact",
            "municipality",
            "professional",
            "summary",
        )
        assert NAME not in record.model_dump_json()

    async def test_a_reader_without_a_name_reads_nothing(self, cpam: ApiClient) -> None:
        referral_id = (await created(cpam))["id"]
        answer = await cpam.request("GET", f"/v1/referrals/{referral_id}", headers={"Relais-Agent": ""})
        assert problem(answer) == (400, "invalid-act-header")


class TestVenueReads:
    async def test_only_its_own(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        path = f"/v1/venue-referrals/{(await created(cpam))['id']}"
        assert (await platform.anonymous().get(path)).status == 401
        assert problem(await cpam.get(path)) == (403, "missing-scope")
        assert problem(await (await platform.partner(OTHER_VENUE)).get(path)) == (404, "unknown-referral")

    async def test_before_acceptance_nothing_that_names_the_person(
        self, platform: PlatformUnderTest, cpam: ApiClient, pimms: ApiClient
    ) -> None:
        referral = await created(cpam)
        seen = await pimms.get(f"/v1/venue-referrals/{referral['id']}")
        assert {name for name, value in seen.json["personal"].items() if value} == {
            "municipality",
            "availability",
            "adaptations",
            "professional",
        }
        assert (seen.json["needs"], seen.json["age_band"]) == (["basic_skills"], "60_69")
        assert NAME not in seen.text
        assert referral["case_id"] not in seen.text
        (record,) = await journal(platform, referral["id"])
        assert (record.reader, record.parts) == (
            "partner",
            ("adaptations", "availability", "municipality", "professional"),
        )

    async def test_once_accepted_the_contact_sheet_and_place_until_it_ends(
        self, cpam: ApiClient, pimms: ApiClient
    ) -> None:
        referral_id = (await created(cpam))["id"]
        await command(pimms, referral_id, "accept")
        appointment = {"at": (NOON + timedelta(days=1)).isoformat(), "place": "Salle Curie"}
        await command(pimms, referral_id, "schedule", {"appointment": appointment})
        seen = (await pimms.get(f"/v1/venue-referrals/{referral_id}")).json
        assert seen["personal"]["contact"]["name"] == NAME
        assert seen["appointment_place"] == "Salle Curie"
        await command(pimms, referral_id, "fail", {"reason": "no_show"})
        closed = await pimms.get(f"/v1/venue-referrals/{referral_id}")
        assert NAME not in closed.text
        assert "Salle Curie" not in closed.text

    async def test_no_more_than_the_agreement_shares(self, cpam: ApiClient, pimms: ApiClient) -> None:
        body = records_body(summary="À aider.", agreement=agreement_body(purposes=["share_summary"]))
        referral_id = (await cpam.post("/v1/referrals", body)).json["id"]
        await command(pimms, referral_id, "accept")
        seen = (await pimms.get(f"/v1/venue-referrals/{referral_id}")).json["personal"]
        assert {name for name, value in seen.items() if value} == {"summary"}

    async def test_an_ended_agreement_closes_the_contact_sheet(
        self, platform: PlatformUnderTest, cpam: ApiClient, pimms: ApiClient
    ) -> None:
        soon = agreement_body(ends_at=(NOON + timedelta(days=2)).isoformat())
        referral_id = (await created(cpam, agreement=soon))["id"]
        await command(pimms, referral_id, "accept")
        platform.clock.advance(timedelta(days=2))
        assert NAME not in (await pimms.get(f"/v1/venue-referrals/{referral_id}")).text

    async def test_nothing_of_a_signpost(self, cpam: ApiClient, pimms: ApiClient) -> None:
        referral_id = (await cpam.post("/v1/referrals", signpost_body())).json["id"]
        seen = (await pimms.get(f"/v1/venue-referrals/{referral_id}")).json
        assert set(seen["personal"].values()) == {None}
        assert seen["age_band"] == "unknown"

    async def test_lists_one_venue_at_a_time(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        referral_id = (await created(cpam))["id"]
        network = await platform.partner(VENUE, OTHER_VENUE)
        path = "/v1/venue-referrals"
        assert problem(await network.get(path)) == (422, "venue-not-chosen")
        assert problem(await network.get(path, venue_id="venue-of-others")) == (422, "venue-not-chosen")
        assert (await network.get(path, venue_id=OTHER_VENUE)).json["items"] == []
        assert [item["id"] for item in (await network.get(path, venue_id=VENUE)).json["items"]] == [
            referral_id
        ]
        alone = await platform.partner(VENUE)
        assert len((await alone.get(path, state="requested")).json["items"]) == 1
        assert (await alone.get(path, state="accepted")).json["items"] == []

    async def test_a_client_without_venues_lists_none(self, platform: PlatformUnderTest) -> None:
        nobody = await platform.client("pimms-93", scopes=[Scope.REFERRALS_ANSWER])
        assert problem(await nobody.get("/v1/venue-referrals")) == (422, "venue-not-chosen")
