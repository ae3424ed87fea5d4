"""`POST /v1/referrals/{id}/{command}`."""

from datetime import timedelta
from typing import Any

import pytest

from shared.bus.topics import Topic
from shared.security.caller import Scope
from tests.referral.material import (
    NIR,
    OTHER_VENUE,
    VENUE,
    command,
    created,
    problem,
    signpost_body,
    tell_venue,
)
from tests.support.clock import NOON
from tests.support.http import ApiClient
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("referral")

TUESDAY = (NOON + timedelta(days=1)).isoformat().replace("+00:00", "Z")
BY_PHONE = {"on_behalf_of": "venue", "channel": "phone"}
OUTCOME = {
    "services_given": ["Maîtrise des outils numériques du quotidien"],
    "autonomy_after": "autonomous",
    "procedure_obtained": True,
}


@pytest.fixture
async def cpam(platform: PlatformUnderTest) -> ApiClient:
    await tell_venue(platform)
    return await platform.client()


@pytest.fixture
async def pimms(platform: PlatformUnderTest) -> ApiClient:
    return await platform.partner(VENUE)


class TestRefusals:
    async def test_without_a_token_or_the_scope(self, platform: PlatformUnderTest, cpam: ApiClient) -> None:
        referral_id = (await created(cpam))["id"]
        reader = await platform.client(scopes=[Scope.REFERRALS_READ])
        assert (await command(platform.anonymous(), referral_id, "accept")).status == 401
        assert problem(await command(reader, referral_id, "cancel")) == (403, "missing-scope")

    async def test_a_partner_of_another_venue_and_another_institution_see_nothing(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        referral_id = (await created(cpam))["id"]
        strangers = [
            await platform.partner(OTHER_VENUE),
            await platform.client("caf75/paris/accueil"),
            await platform.client("cpam93/bondy/accueil"),
            await platform.client("pimms-93", scopes=[Scope.REFERRALS_WRITE], venues=[VENUE]),
            await platform.client(scopes=[Scope.REFERRALS_READ, Scope.REFERRALS_ANSWER]),
        ]
        nowhere = "00000000-0000-4000-8000-000000000000"
        unknown = await command(strangers[0], nowhere, "accept")
        for stranger in strangers:
            answer = await command(stranger, referral_id, "accept")
            assert problem(answer) == (404, "unknown-referral")
            assert answer.text.replace(referral_id, "") == unknown.text.replace(nowhere, "")

    async def test_a_prescriber_answers_only_on_behalf_of_the_venue(self, cpam: ApiClient) -> None:
        referral_id = (await created(cpam))["id"]
        answer = await command(cpam, referral_id, "accept")
        assert problem(answer) == (409, "transition-refused")
        assert answer.json["state"] == "requested"
        assert answer.json["command"] == "accept"
        assert answer.json["possible"] == ["cancel", "correct"]

    async def test_a_partner_never_acts_on_behalf(self, cpam: ApiClient, pimms: ApiClient) -> None:
        referral_id = (await created(cpam))["id"]
        answer = await command(pimms, referral_id, "accept", BY_PHONE)
        assert problem(answer) == (422, "only-prescribers-act-for-venues")

    async def test_a_refused_command_changes_nothing(
        self, platform: PlatformUnderTest, cpam: ApiClient, pimms: ApiClient
    ) -> None:
        referral_id = (await created(cpam))["id"]
        before = (await cpam.get(f"/v1/referrals/{referral_id}")).json
        answer = await command(pimms, referral_id, "complete", {"outcome": OUTCOME})
        assert problem(answer) == (409, "transition-refused")
        assert answer.json["possible"] == ["accept", "acknowledge", "decline", "start", "waitlist"]
        assert (await cpam.get(f"/v1/referrals/{referral_id}")).json == before
        assert len(await platform.events(Topic.REFERRALS)) == 1

    async def test_a_body_that_does_not_fit_names_the_field(self, cpam: ApiClient, pimms: ApiClient) -> None:
        referral_id = (await created(cpam))["id"]
        wrong: list[tuple[str, dict[str, Any], list[str]]] = [
            ("decline", {}, ["body.reason"]),
            ("decline", {"reason": "bored"}, ["body.reason"]),
            ("accept", {"surprise": 1}, ["body.surprise"]),
            ("accept", {"channel": "phone"}, ["body"]),
            ("accept", {"on_behalf_of": "venue"}, ["body"]),
            ("accept", {"on_behalf_of": "venue", "channel": "api"}, ["body.channel"]),
            ("schedule", {"appointment": {"at": "2026-12-01T10:00:00"}}, ["body.appointment.at"]),
            ("complete", {"outcome": {}}, ["body.outcome.autonomy_after"]),
            (
                "complete",
                {"outcome": {"services_given": ["Mme L. va mieux"], "autonomy_after": "autonomous"}},
                ["body.outcome.services_given.0"],
            ),
            ("cancel", {"reason": "other"}, ["body.wish_of"]),
            ("reopen", {}, ["body.note", "body.to"]),
            ("accept", {"note": NIR}, ["body.note"]),
            ("accept", {"note": ""}, ["body.note"]),
            ("schedule", {"appointment": {"at": TUESDAY, "place": NIR}}, ["body.appointment.place"]),
        ]
        for name, body, fields in wrong:
            answer = await command(pimms, referral_id, name, body)
            assert answer.status == 422, (name, body)
            assert [error["field"] for error in answer.json["errors"]] == fields
            assert NIR not in answer.text

    async def test_a_reason_that_does_not_fit_names_those_that_do(
        self, cpam: ApiClient, pimms: ApiClient
    ) -> None:
        referral_id = (await created(cpam))["id"]
        answer = await command(pimms, referral_id, "decline", {"reason": "no_show"})
        assert problem(answer) == (422, "reason-not-allowed")
        assert "no_capacity" in answer.json["allowed"]
        bare = await command(pimms, referral_id, "decline", {"reason": "other"})
        assert problem(bare) == (422, "other-needs-note")


class TestLives:
    async def test_from_request_to_outcome(
        self, platform: PlatformUnderTest, cpam: ApiClient, pimms: ApiClient
    ) -> None:
        referral_id = (await created(cpam))["id"]
        appointment = {"at": TUESDAY, "mode": "on_site", "minutes": 45, "place": "Salle Curie"}
        steps: list[tuple[str, dict[str, Any] | None, str]] = [
            ("acknowledge", None, "acknowledged"),
            ("accept", None, "accepted"),
            ("schedule", {"appointment": appointment}, "scheduled"),
            ("attendance", {"attendance": "seen"}, "in_progress"),
            ("hold", {"reason": "missing_document", "note": "Attend sa carte."}, "on_hold"),
            ("complete", {"outcome": OUTCOME}, "completed"),
        ]
        for name, body, state in steps:
            answer = await command(pimms, referral_id, name, body)
            assert (answer.status, answer.json["state"]) == (200, state)
        read = (await cpam.get(f"/v1/referrals/{referral_id}")).json
        assert read["outcome"]["services_given"] == OUTCOME["services_given"]
        assert read["appointment_place"] == "Salle Curie"
        assert [step["command"] for step in read["history"]] == ["create", *(name for name, _, _ in steps)]
        assert read["history"][5]["note"] == "Attend sa carte."
        assert {step["agent"] for step in read["history"][1:]} == {"partner-agent-1"}
        events = await platform.events(Topic.REFERRALS)
        assert [event.sequence for event in events] == [1, 2, 3, 4, 5, 6, 7]
        assert [event.data.state for event in events] == ["requested", *(state for _, _, state in steps)]
        assert events[3].data.appointment_at == NOON + timedelta(days=1)
        assert events[6].data.outcome.procedure_obtained

    async def test_a_venue_without_software_is_typed_in_by_the_prescriber(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        referral_id = (await created(cpam))["id"]
        answer = await command(cpam, referral_id, "decline", {**BY_PHONE, "reason": "no_capacity"})
        step = answer.json["history"][-1]
        assert (step["by"], step["on_behalf_of_venue"], step["channel"]) == ("prescriber", True, "phone")
        event = (await platform.events(Topic.REFERRALS))[-1].data
        assert (event.by, event.on_behalf_of_venue, event.channel) == ("prescriber", True, "phone")

    async def test_a_declined_referral_is_reopened(self, cpam: ApiClient, pimms: ApiClient) -> None:
        referral_id = (await created(cpam))["id"]
        await command(pimms, referral_id, "decline", {"reason": "no_capacity"})
        answer = await command(
            cpam, referral_id, "reopen", {"to": "requested", "note": "Une place s'est libérée."}
        )
        assert (answer.json["state"], answer.json["closed_at"]) == ("requested", None)
        assert (await command(pimms, referral_id, "accept")).json["state"] == "accepted"

    async def test_a_signpost_starts_when_the_person_came(self, cpam: ApiClient, pimms: ApiClient) -> None:
        referral_id = (await cpam.post("/v1/referrals", signpost_body())).json["id"]
        assert problem(await command(pimms, referral_id, "accept")) == (409, "transition-refused")
        started = await command(pimms, referral_id, "start")
        assert (started.json["state"], started.json["age_band"]) == ("in_progress", "unknown")

    async def test_an_institution_with_its_own_venue_acts_on_both_sides(
        self, platform: PlatformUnderTest, cpam: ApiClient
    ) -> None:
        both = await platform.client(scopes=[Scope.REFERRALS_WRITE, Scope.REFERRALS_ANSWER], venues=[VENUE])
        referral_id = (await created(cpam))["id"]
        accepted = await command(both, referral_id, "accept")
        assert (accepted.json["state"], "case_id" in accepted.json) == ("accepted", False)
        corrected = await command(both, referral_id, "correct", {"reason": "data_error"})
        assert corrected.json["history"][-1]["by"] == "prescriber"


class TestRepeats:
    async def test_the_same_key_is_one_command(
        self, platform: PlatformUnderTest, cpam: ApiClient, pimms: ApiClient
    ) -> None:
        referral_id = (await created(cpam))["id"]
        first = await command(pimms, referral_id, "waitlist", key="once")
        await command(pimms, referral_id, "accept")
        late = await command(pimms, referral_id, "waitlist", key="once")
        assert (first.json["state"], late.status, late.json["state"]) == ("waitlisted", 200, "accepted")
        assert len(await platform.events(Topic.REFERRALS)) == 3

    async def test_the_same_key_with_another_body_is_refused(self, cpam: ApiClient, pimms: ApiClient) -> None:
        referral_id = (await created(cpam))["id"]
        await command(pimms, referral_id, "decline", {"reason": "no_capacity"}, key="once")
        answer = await command(pimms, referral_id, "decline", {"reason": "out_of_area"}, key="once")
        assert problem(answer) == (422, "idempotency-key-reused")

    async def test_the_same_command_under_a_new_key_is_a_no_op(
        self, platform: PlatformUnderTest, cpam: ApiClient, pimms: ApiClient
    ) -> None:
        referral_id = (await created(cpam))["id"]
        body = {"reason": "other", "note": "Fermé pour travaux."}
        first = await command(pimms, referral_id, "decline", body)
        again = await command(pimms, referral_id, "decline", body)
        assert (again.status, again.json) == (200, first.json)
        other = await command(pimms, referral_id, "decline", {**body, "note": "Autre chose."})
        assert problem(other) == (409, "transition-refused")
        assert len(await platform.events(Topic.REFERRALS)) == 2
