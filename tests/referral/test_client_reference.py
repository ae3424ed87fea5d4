"""The institution's own name for a referral: unique for each client, searchable, finished by a retry."""

from datetime import timedelta

import pytest

from services.referral.repository import ABANDONED_AFTER, Referrals
from shared.bus.topics import Topic
from shared.idempotency import RequestKey
from shared.security.caller import Caller
from tests.referral.material import created, problem, referral_body, tell_venue
from tests.support.clock import NOON
from tests.support.http import ApiClient
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("referral")

PATH = "/v1/referrals"
CLIENT = "client-cpam93-bobigny-accueil"
REFERENCE = "2026/DOS 41"


@pytest.fixture
async def cpam(platform: PlatformUnderTest) -> ApiClient:
    await tell_venue(platform)
    return await platform.client()


async def test_it_finds_the_referral(cpam: ApiClient) -> None:
    referral = await created(cpam, client_reference=REFERENCE)
    await created(cpam)
    found = await cpam.get(PATH, client_reference=REFERENCE)
    assert [item["id"] for item in found.json["items"]] == [referral["id"]]
    assert (await cpam.get(PATH, client_reference=REFERENCE, state="accepted")).json["items"] == []
    assert (await cpam.get(PATH, client_reference="another")).json["items"] == []


async def test_it_names_one_referral_only(cpam: ApiClient) -> None:
    await created(cpam, client_reference=REFERENCE)
    answer = await cpam.post(PATH, referral_body(client_reference=REFERENCE))
    assert problem(answer) == (409, "client-reference-taken")
    assert REFERENCE not in answer.text


async def test_another_client_may_use_the_same(platform: PlatformUnderTest, cpam: ApiClient) -> None:
    await created(cpam, client_reference=REFERENCE)
    other = await platform.client("caf75/paris/accueil")
    assert (await other.get(PATH, client_reference=REFERENCE)).json["items"] == []
    await created(other, client_reference=REFERENCE)


async def test_a_client_moved_elsewhere_no_longer_finds_it(
    platform: PlatformUnderTest, cpam: ApiClient
) -> None:
    await created(cpam, client_reference=REFERENCE)
    moved = await platform.client("cpam93/bondy/accueil", client_id=CLIENT)
    assert (await moved.get(PATH, client_reference=REFERENCE)).json["items"] == []


async def test_it_is_in_no_event(platform: PlatformUnderTest, cpam: ApiClient) -> None:
    referral = await created(cpam, client_reference=REFERENCE)
    await cpam.post(f"{PATH}/{referral['id']}/correct", {"reason": "data_error"})
    events = await platform.events(Topic.REFERRALS)
    assert len(events) == 2
    assert all(REFERENCE not in repr(event) for event in events)


async def test_a_retry_finishes_a_creation_cut_after_the_reservation(
    platform: PlatformUnderTest, cpam: ApiClient
) -> None:
    secret = platform.platform.app.state.request_secret
    caller = Caller(CLIENT, "cpam93/bobigny/accueil", frozenset())
    referral_id = RequestKey("cut", f"POST {PATH}", "", secret).creation_id(caller)
    await Referrals(platform.store("referral")).reserve(CLIENT, REFERENCE, referral_id, NOON)
    answer = await cpam.post(PATH, referral_body(client_reference=REFERENCE), key="cut")
    assert (answer.status, answer.json["id"]) == (201, referral_id)
    assert len((await cpam.get(PATH, client_reference=REFERENCE)).json["items"]) == 1


async def test_a_reservation_whose_maker_died_is_taken_over_in_time(
    platform: PlatformUnderTest, cpam: ApiClient
) -> None:
    referrals = Referrals(platform.store("referral"))
    await referrals.reserve(CLIENT, REFERENCE, "never-made", platform.clock.now())
    body = referral_body(client_reference=REFERENCE)
    assert problem(await cpam.post(PATH, body)) == (409, "client-reference-taken")
    assert (await cpam.get(PATH, client_reference=REFERENCE)).json["items"] == []
    platform.clock.advance(ABANDONED_AFTER + timedelta(seconds=1))
    assert (await cpam.post(PATH, body)).status == 201
