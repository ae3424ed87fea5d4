"""`POST /v1/referrals`."""

from datetime import timedelta
from typing import Any

import pytest

from shared.bus.topics import Topic
from shared.events.referrals import ReferralCreated
from shared.security.caller import Scope
from tests.referral.material import (
    NIR,
    OTHER_VENUE,
    SUMMARY,
    VENUE,
    agreement_body,
    contact_body,
    created,
    problem,
    referral_body,
    refusal_body,
    signpost_body,
    tell_venue,
)
from tests.support.clock import NOON
from tests.support.http import ApiClient
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("referral")

PATH = "/v1/referrals"
UNKNOWN_CASE = "00000000-0000-4000-8000-000000000000"

UNSOUND: list[tuple[dict[str, Any], str, str]] = [
    ({"agreement": refusal_body()}, "agreement-needed", "agreement"),
    (
        {"agreement": agreement_body(recipients=[{"venue_id": OTHER_VENUE}])},
        "agreement-needed",
        "agreement",
    ),
    (
        {"agreement": agreement_body(purposes=["share_summary", "share_adaptations"])},
        "not-agreed",
        "contact",
    ),
    ({"agreement": agreement_body(purposes=["share_contact"])}, "not-agreed", "summary"),
    (
        {"agreement": agreement_body(said_at=(NOON + timedelta(hours=1)).isoformat())},
        "record-in-future",
        "agreement.said_at",
    ),
    (
        {
            "information_given": {
                "notice_version": "n",
                "channel": "paper",
                "given_at": (NOON + timedelta(hours=1)).isoformat(),
            }
        },
        "record-in-future",
        "information_given.given_at",
    ),
]

DO_NOT_FIT: list[tuple[dict[str, Any], str]] = [
    ({"surprise": 1}, "body.surprise"),
    ({"needs": []}, "body.needs"),
    ({"needs": ["basic_skills", "basic_skills"]}, "body"),
    ({"needs": ["basic_skills", "magic"]}, "body.needs.1"),
    ({"departement": "99"}, "body.departement"),
    ({"municipality": "Bobigny"}, "body.municipality"),
    ({"client_reference": "x" * 65}, "body.client_reference"),
    ({"client_reference": ""}, "body.client_reference"),
    ({"assessment_id": "Mme Exemple"}, "body.assessment_id"),
    ({"match_id": "Mme Exemple"}, "body.match_id"),
    ({"contact": contact_body(phone="call me")}, "body.contact.phone"),
    ({"contact": contact_body(way="post", postal_address=None)}, "body.contact"),
    ({"contact": contact_body(email="nowhere")}, "body.contact.email"),
]

HOLD_A_NIR: list[dict[str, Any]] = [
    {"summary": f"Numéro {NIR} au dossier"},
    {"venue_id": NIR.replace(" ", "")},
    {"availability": NIR},
    {"client_reference": NIR.replace(" ", "")},
    {"contact": contact_body(name=NIR)},
    {"contact": contact_body(postal_address=NIR)},
    {"contact": contact_body(phone=NIR)},
    {"contact": contact_body(email=f"{NIR.replace(' ', '')}@essai.fr")},
    {"contact": contact_body(safe_times=NIR)},
    {"contact": contact_body(language=NIR)},
    {"contact": contact_body(relative={"name": NIR})},
    {"contact": contact_body(relative={"name": "Sa fille", "phone": NIR})},
    {"professional": {"name": NIR}},
    {"professional": {"name": "Accueil", "phone": NIR}},
    {"professional": {"name": "Accueil", "email": f"{NIR.replace(' ', '')}@essai.fr"}},
    {"legal_basis": {"basis": "consent", "register_entry": NIR.replace(" ", "")}},
    {
        "information_given": {
            "notice_version": NIR.replace(" ", ""),
            "channel": "paper",
            "given_at": NOON.isoformat(),
        }
    },
]


@pytest.fixture
async def cpam(platform: PlatformUnderTest) -> ApiClient:
    await tell_venue(platform)
    return await platform.client()


class TestRefusals:
    async def test_without_a_token(self, platform: PlatformUnderTest) -> None:
        assert (await platform.anonymous().post(PATH, referral_body())).status == 401

    async def test_without_the_scope(self, platform: PlatformUnderTest) -> None:
        reader = await platform.client(scopes=[Scope.REFERRALS_READ])
        assert problem(await reader.post(PATH, referral_body())) == (403, "missing-scope")

    async def test_without_an_idempotency_key(self, cpam: ApiClient) -> None:
        answer = await cpam.request("POST", PATH, json=referral_body())
        assert problem(answer) == (400, "invalid-idempotency-key")

    async def test_for_an_unknown_venue(self, cpam: ApiClient) -> None:
        answer = await cpam.post(PATH, referral_body(venue_id="venue-nowhere"))
        assert problem(answer) == (422, "venue-unknown")
        assert answer.json["field"] == "venue_id"

    async def test_for_a_retired_venue(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        await tell_venue(platform, version=2, retired_at=NOON.isoformat())
        assert problem(await cpam.post(PATH, referral_body())) == (422, "venue-retired")

    async def test_for_a_case_that_does_not_exist(self, cpam: ApiClient) -> None:
        assert problem(await cpam.post(PATH, referral_body(case_id=UNKNOWN_CASE))) == (404, "unknown-case")

    async def test_for_another_institutions_case(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        case_id = (await created(cpam))["case_id"]
        other = await platform.client("caf75/paris/accueil")
        assert problem(await other.post(PATH, referral_body(case_id=case_id))) == (404, "unknown-case")

    async def test_without_a_sound_agreement_nothing_is_stored(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        for changes, name, field in UNSOUND:
            answer = await cpam.post(PATH, referral_body(client_reference="dossier 1", **changes))
            assert problem(answer) == (422, name), changes
            assert answer.json["field"] == field
        assert (await cpam.get(PATH)).json["items"] == []
        assert await platform.events(Topic.REFERRALS) == []
        await created(cpam, client_reference="dossier 1")

    async def test_a_signpost_with_personal_parts(self, cpam: ApiClient) -> None:
        answer = await cpam.post(PATH, signpost_body(contact=contact_body(), availability="le soir"))
        assert problem(answer) == (422, "signpost-carries-nothing")
        assert answer.json["fields"] == ["availability", "contact"]

    async def test_without_one_of_the_three_records(self, cpam: ApiClient) -> None:
        for record in ("legal_basis", "information_given", "agreement"):
            body = {name: value for name, value in signpost_body().items() if name != record}
            answer = await cpam.post(PATH, body)
            assert answer.status == 422
            assert [error["field"] for error in answer.json["errors"]] == [f"body.{record}"]

    async def test_a_body_that_does_not_fit_names_the_field(self, cpam: ApiClient) -> None:
        for changes, field in DO_NOT_FIT:
            answer = await cpam.post(PATH, referral_body(**changes))
            assert answer.status == 422, changes
            assert [error["field"] for error in answer.json["errors"]] == [field]

    async def test_a_social_security_number_is_refused_and_not_echoed(self, cpam: ApiClient) -> None:
        for changes in HOLD_A_NIR:
            answer = await cpam.post(PATH, referral_body(**changes))
            assert answer.status == 422, changes
            assert len(answer.json["errors"]) == 1
            assert NIR not in answer.text
            assert NIR.replace(" ", "") not in answer.text

    async def test_a_recipient_is_an_id_and_never_a_text_about_somebody(self, cpam: ApiClient) -> None:
        for text in (NIR.replace(" ", ""), NIR, "Mme Exemple"):
            agreement = agreement_body(recipients=[{"venue_id": VENUE}, {"venue_id": text}])
            answer = await cpam.post(PATH, referral_body(agreement=agreement))
            assert answer.status == 422, text
            assert text not in answer.text


class TestCreation:
    async def test_a_referral_is_requested_with_a_case_of_its_own(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        referral = await created(cpam)
        assert referral["state"] == "requested"
        assert referral["owner"] == "cpam93/bobigny/accueil"
        assert await platform.vault.owner(referral["case_id"]) == "cpam93"
        assert referral["agreement"]["recorded_by"] == "agent-7"
        assert referral["possible"] == ["cancel", "correct"]

    async def test_it_is_published_once_with_countable_facts(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        referral = await created(cpam, urgency="urgent")
        (event,) = await platform.events(Topic.REFERRALS)
        assert isinstance(event.data, ReferralCreated)
        assert (event.aggregate_id, event.sequence) == (referral["id"], 1)
        assert event.data.model_dump(mode="json") == {
            "case_id": referral["case_id"],
            "owner": "cpam93/bobigny/accueil",
            "venue_id": VENUE,
            "state": "requested",
            "kind": "individual",
            "urgency": "urgent",
            "needs": ["basic_skills"],
            "departement": "93",
            "age_band": "60_69",
            "assessment_id": None,
            "match_id": None,
            "replaces": None,
        }

    async def test_a_second_referral_joins_the_case(self, cpam: ApiClient) -> None:
        first = await created(cpam)
        second = await created(cpam, case_id=first["case_id"])
        assert (second["case_id"], second["id"] == first["id"]) == (first["case_id"], False)

    async def test_after_a_refusal_a_signpost_is_handed_over(self, cpam: ApiClient) -> None:
        answer = await cpam.post(PATH, signpost_body())
        assert (answer.status, answer.json["state"]) == (201, "handed_over")
        read = await cpam.get(f"{PATH}/{answer.json['id']}")
        assert set(read.json["personal"].values()) == {None}

    async def test_what_was_confided_can_be_read_back(self, cpam: ApiClient) -> None:
        referral = await created(cpam)
        read = await cpam.get(f"{PATH}/{referral['id']}")
        sent = referral_body()
        for part in ("summary", "adaptations", "municipality", "availability"):
            assert read.json["personal"][part] == sent[part]
        assert read.json["personal"]["contact"].items() >= sent["contact"].items()
        assert read.json["personal"]["professional"].items() >= sent["professional"].items()
        assert read.json["venue"]["nom"] == "PIMMS de Bobigny"


class TestRepeats:
    async def test_the_same_request_gives_the_same_referral(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        body = referral_body(client_reference="dossier 1")
        first = await cpam.post(PATH, body, key="once")
        await tell_venue(platform, version=2, retired_at=NOON.isoformat())
        again = await cpam.post(PATH, body, key="once")
        assert (again.status, again.json) == (201, first.json)
        assert len(await platform.events(Topic.REFERRALS)) == 1

    async def test_the_same_key_with_another_body_is_refused(self, cpam: ApiClient) -> None:
        await cpam.post(PATH, referral_body(), key="once")
        answer = await cpam.post(PATH, referral_body(summary=f"{SUMMARY} Vite."), key="once")
        assert problem(answer) == (422, "idempotency-key-reused")

    async def test_another_clients_key_is_another_request(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        other = await platform.client(client_id="client-2")
        first = await cpam.post(PATH, referral_body(), key="once")
        second = await other.post(PATH, referral_body(), key="once")
        assert first.json["id"] != second.json["id"]
