"""Assessment through HTTP: interviews, what is retained of them, and what leaves the service."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.bus.topics import Topic
from shared.events.assessments import SITUATION_PURPOSE, AssessmentCompleted, AssessmentRevised, Situation
from shared.events.vocabulary import Adaptation
from shared.security.caller import Scope
from tests.assessment.http_material import NIR, an_assessment, an_interview
from tests.assessment.material import AT_EASE, MRS_L, SKILLS
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("assessment")

ELSEWHERE = "caf93/saint-denis/accueil"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
SCREEN = {key: MRS_L[key] for key in ("internet_use", "equipment_connection", "procedures_alone")}


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"note": f"Son numéro est {NIR}."}, "note"),
    ({"retain": {"person_wish_text": f"NIR {NIR}"}}, "person_wish_text"),
    ({"name": "Mme L."}, "name"),
    ({"about": {"commune": "96001"}}, "commune"),
    ({"about": {"commune": "93000 Bobigny"}}, "commune"),
    ({"about": {"birth_date": "1958-05-01"}}, "birth_date"),
    ({"case_id": "Mme L."}, "case_id"),
    ({"depth": "deep"}, "depth"),
    ({"questionnaire": {"id": "relais", "version": "2019-1"}}, "questionnaire"),
]
"""What does not fit a new assessment, and the field at fault."""


async def _published(platform: PlatformUnderTest) -> list[Any]:
    await platform.settle()
    return await platform.events(Topic.ASSESSMENTS)


def _every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


class TestWhoMayCall:
    async def test_nobody_without_a_token_or_the_right(self, platform: PlatformUnderTest) -> None:
        reader = await platform.client(scopes=[Scope.ASSESSMENTS_READ])
        stranger = await platform.client(scopes=[Scope.VENUES_READ])
        for path in (
            "/v1/questionnaires",
            "/v1/guidance",
            f"/v1/assessments/{UNKNOWN}",
            f"/v1/progress/{UNKNOWN}",
        ):
            assert (await platform.anonymous().get(path)).status == 401
            assert (await stranger.get(path)).status == 403
        for path in ("/v1/assessments", f"/v1/assessments/{UNKNOWN}/retain"):
            assert (await platform.anonymous().post(path, {})).status == 401
            assert (await reader.post(path, an_interview())).status == 403

    async def test_another_institution_sees_nothing(self, platform: PlatformUnderTest) -> None:
        owner, other = await platform.client(), await platform.client(ELSEWHERE)
        created = await an_assessment(owner, retain={})
        for path in (created["links"]["self"], created["links"]["sheet"], created["links"]["progress"]):
            assert (await owner.get(path)).status == 200
            assert (await other.get(path)).status == 404
        assert (await other.post(created["links"]["retain"], {})).status == 404
        joining = await other.post("/v1/assessments", an_interview(case_id=created["case_id"]))
        assert joining.status == 404

    async def test_a_sister_service_sees_nothing_and_the_institution_sees_all(
        self, platform: PlatformUnderTest
    ) -> None:
        created = await an_assessment(await platform.client("cpam93/bobigny/accueil"))
        sister, above = await platform.client("cpam93/pantin/accueil"), await platform.client("cpam93")
        assert (await sister.get(created["links"]["self"])).status == 404
        assert (await sister.post("/v1/assessments", an_interview(case_id=created["case_id"]))).status == 404
        assert (await above.get(created["links"]["self"])).status == 200

    async def test_what_does_not_exist_is_not_found(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        for path in (
            f"/v1/assessments/{UNKNOWN}",
            f"/v1/assessments/{UNKNOWN}/sheet",
            f"/v1/progress/{UNKNOWN}",
        ):
            assert (await client.get(path)).status == 404
        assert (await client.post("/v1/assessments", an_interview(case_id=UNKNOWN))).status == 404


class TestQuestionnaires:
    async def test_each_question_is_read_with_its_refusal(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        (listed,) = (await client.get("/v1/questionnaires")).json["items"]
        assert (listed["id"], listed["version"], listed["questions"]["screen"]) == ("relais", "2026-1", 3)
        read = (await client.get("/v1/questionnaires/relais/2026-1")).json
        for block in read["blocks"]:
            for question in block["questions"]:
                assert question["choices"][-1]["text"] == "Ne souhaite pas répondre"
        printing = next(q for b in read["blocks"] for q in b["questions"] if q["id"] == "printing")
        assert printing["shown_if"]["question"] == "device"

    async def test_unknown_versions_and_parameters_are_refused(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        missing = await client.get("/v1/questionnaires/relais/2019-1")
        assert missing.status == 404
        assert "relais 2026-1" in missing.json["detail"]
        assert (await client.get("/v1/questionnaires", depth="full")).status == 422

    async def test_an_institution_switches_its_adaptations_off(self, platform: PlatformUnderTest) -> None:
        head, desk = await platform.client("cpam93"), await platform.client()
        off = {"blocks_off": ["adaptations"]}
        assert (await desk.put("/v1/questionnaires/preferences", off)).status == 403
        odd = await head.put("/v1/questionnaires/preferences", {"blocks_off": ["screen"]})
        assert (odd.status, "adaptations" in odd.json["detail"]) == (422, True)
        assert (await head.put("/v1/questionnaires/preferences", off)).json == off
        blocks = (await desk.get("/v1/questionnaires/relais/2026-1")).json["blocks"]
        assert "adaptations" not in {block["id"] for block in blocks}
        refused = await desk.post("/v1/assessments", an_interview())
        assert refused.status == 422
        assert "switched off" in refused.json["detail"]
        await an_assessment(await platform.client(ELSEWHERE))
        await head.put("/v1/questionnaires/preferences", {"blocks_off": []})
        await an_assessment(desk)


class TestPropose:
    async def test_someone_without_equipment_who_wants_to_learn(self, platform: PlatformUnderTest) -> None:
        created = await an_assessment(await platform.client())
        proposed = created["proposed"]
        assert created["state"] == "proposed"
        assert proposed["profile"]["profile"] == "first_steps"
        assert {one["name"]: one["figure"] for one in proposed["scores"]} == {
            "access": 0,
            "skills": 0,
            "autonomy": 8,
        }
        assert [one["need"] for one in proposed["needs"]][:2] == ["one_off_help", "basic_skills"]
        assert proposed["reach_km"] == 5.0
        assert proposed["guidance"] == ["retirement_pension"]
        for score in proposed["scores"]:
            assert sum(part["points"] for part in score["contributions"]) == score["figure"]

    async def test_a_screen_gives_a_band_only(self, platform: PlatformUnderTest) -> None:
        created = await an_assessment(await platform.client(), SCREEN, depth="screen")
        assert created["proposed"]["band"]["band"] == "help_now"
        assert (created["proposed"]["profile"], created["proposed"]["scores"]) == (None, [])

    async def test_a_profile_that_cannot_be_found_names_the_questions_needed(
        self, platform: PlatformUnderTest
    ) -> None:
        unsaid = {key: value for key, value in MRS_L.items() if key not in SKILLS}
        profile = (await an_assessment(await platform.client(), unsaid))["proposed"]["profile"]
        assert profile["profile"] == "undetermined"
        assert profile["questions_needed"] == SKILLS

    async def test_answers_that_do_not_fit_are_all_named(self, platform: PlatformUnderTest) -> None:
        body = an_interview()
        body["answers"] += [
            {"question": "shoe_size", "choices": ["big"]},
            {"question": "email", "choices": ["fax"]},
        ]
        refused = await (await platform.client()).post("/v1/assessments", body)
        assert refused.status == 422
        named = {(one["question"], one["problem"]) for one in refused.json["errors"]}
        assert named == {("shoe_size", "unknown question"), ("email", "answered twice")}

    async def test_a_body_that_does_not_fit_is_refused_by_field_without_echo(
        self, platform: PlatformUnderTest
    ) -> None:
        client = await platform.client()
        for changes, field in UNFIT:
            refused = await client.post("/v1/assessments", an_interview(**changes))
            assert refused.status == 422, field
            assert field in refused.text
            for secret in (NIR, "Mme L.", "1958-05-01", "93000 Bobigny"):
                assert secret not in refused.text

    async def test_a_repeat_has_the_effect_of_one(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        first = await client.post("/v1/assessments", an_interview(retain={}), key="once")
        again = await client.post("/v1/assessments", an_interview(retain={}), key="once")
        assert (again.status, again.json) == (first.status, first.json)
        assert len(await _published(platform)) == 1
        other = await client.post("/v1/assessments", an_interview(AT_EASE), key="once")
        assert other.status == 422

    async def test_an_erased_case_takes_nothing_more(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        created = await an_assessment(client)
        await platform.vault.destroy(created["case_id"])
        assert (await client.post("/v1/assessments", an_interview(case_id=created["case_id"]))).status == 410
        assert (await client.get(created["links"]["self"])).status == 410

    async def test_nothing_said_is_readable_in_the_files(self, platform: PlatformUnderTest) -> None:
        note = "prefere le mardi matin"
        wish = "veut ecrire a sa petite fille"
        retain = {"person_wish": "learn", "person_wish_text": wish}
        await an_assessment(await platform.client(), note=note, retain=retain)
        await platform.settle()
        stored = _every_byte(platform.platform.settings.data_dir)
        assert b"first_steps" in stored
        for said in (note, wish, "93008", "skill_scams", "large_print", "no_connection_reason"):
            assert said.encode() not in stored


class TestRetain:
    async def test_nothing_is_published_before_a_professional_retains(
        self, platform: PlatformUnderTest
    ) -> None:
        client = await platform.client()
        created = await an_assessment(client)
        assert await _published(platform) == []
        answer = await client.acting(agent="agent-9").post(
            created["links"]["retain"], {"person_wish": "learn"}
        )
        assert answer.status == 200, answer.text
        retained = answer.json["retained"]
        assert answer.json["state"] == "completed"
        assert (retained["profile"], retained["agent"], retained["overridden"]) == (
            "first_steps",
            "agent-9",
            False,
        )
        (event,) = await _published(platform)
        assert isinstance(event.data, AssessmentCompleted)

    async def test_what_is_published_counts_in_clear_and_seals_the_rest(
        self, platform: PlatformUnderTest
    ) -> None:
        created = await an_assessment(await platform.client(), retain={})
        (event,) = await _published(platform)
        facts = event.data.facts
        assert (event.aggregate_id, event.data.case_id) == (created["id"], created["case_id"])
        assert (facts.departement, facts.age_band, facts.depth) == ("93", "60_69", "full")
        assert [(one.need, one.priority) for one in facts.needs][:2] == [
            ("one_off_help", 1),
            ("basic_skills", 2),
        ]
        assert (facts.scores.access, facts.scores.autonomy, facts.rights_given_up) == (0, 8, True)
        assert (facts.ordinal, facts.first_scores, facts.previous_scores) == (1, None, None)
        assert event.data.owner == "cpam93/bobigny/accueil"
        opened = await platform.vault.open(created["case_id"], SITUATION_PURPOSE, event.data.sealed)
        assert Situation.model_validate_json(opened) == Situation(
            commune="93008", reach_km=5.0, adaptations=(Adaptation.LARGE_PRINT,)
        )

    async def test_a_change_needs_a_coded_reason(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        link = (await an_assessment(client))["links"]["retain"]
        for body in (
            {"profile": "guided_beginner"},
            {"needs": ["outreach"]},
            {"profile": "first_steps", "profile_reason": "incomplete"},
            {"profile": "guided_beginner", "profile_reason": "tired"},
            {"needs": ["outreach", "outreach"], "needs_reason": "other_priority"},
        ):
            assert (await client.post(link, body)).status == 422, body
        assert await _published(platform) == []
        body = {"profile": "guided_beginner", "profile_reason": "observed_otherwise"}
        changed = (
            await client.post(link, body | {"needs": ["outreach"], "needs_reason": "person_disagrees"})
        ).json
        assert (changed["retained"]["overridden"], changed["retained"]["needs"]) == (True, ["outreach"])
        assert changed["proposed"]["profile"]["profile"] == "first_steps"
        (event,) = await _published(platform)
        assert (event.data.facts.overridden, event.data.facts.profile) == (True, "guided_beginner")

    async def test_a_change_of_mind_replaces_and_says_so(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        created = await an_assessment(client, retain={})
        body = {"profile": "guided_beginner", "profile_reason": "situation_changed"}
        first = await client.post(created["links"]["retain"], body, key="mind")
        again = await client.post(created["links"]["retain"], body, key="mind")
        same = await client.post(created["links"]["retain"], body)
        assert (first.json["revisions"], again.json["revisions"], same.json["revisions"]) == (1, 1, 1)
        completed, revised = await _published(platform)
        assert isinstance(completed.data, AssessmentCompleted)
        assert isinstance(revised.data, AssessmentRevised)
        assert (revised.data.facts.profile, revised.data.facts.ordinal, revised.sequence) == (
            "guided_beginner",
            1,
            2,
        )
        assert (await client.post(created["links"]["retain"], {}, key="mind")).status == 422

    async def test_what_a_change_of_mind_leaves_out_stays(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        retain = {"person_wish": "learn", "person_wish_text": "Lire ses messages.", "needs": ["basic_skills"]}
        created = await an_assessment(client, retain=retain | {"needs_reason": "other_priority"})
        body = {"profile": "intermediate", "profile_reason": "observed_otherwise"}
        retained = (await client.post(created["links"]["retain"], body)).json["retained"]
        assert (retained["profile"], retained["needs"], retained["needs_reason"]) == (
            "intermediate",
            ["basic_skills"],
            "other_priority",
        )
        assert (retained["person_wish"], retained["person_wish_text"]) == ("learn", "Lire ses messages.")
        back = (await client.post(created["links"]["retain"], {"profile": "first_steps"})).json["retained"]
        assert (back["profile"], back["profile_reason"], back["overridden"]) == ("first_steps", None, True)

    async def test_lasting_assistance_is_looked_at_again_after_a_year(
        self, platform: PlatformUnderTest
    ) -> None:
        chosen = {**MRS_L, "learning_ability": "not_now"}
        created = await an_assessment(await platform.client(), chosen, retain={})
        assert created["retained"]["profile"] == "lasting_assistance"
        assert created["retained"]["review_on"] == "2027-11-23"

    async def test_a_screen_retains_needs_and_no_profile(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        created = await an_assessment(client, SCREEN, depth="screen")
        assert (await client.post(created["links"]["retain"], {"profile": "first_steps"})).status == 422
        body = {"needs": ["one_off_help"], "needs_reason": "observed_otherwise"}
        assert (await client.post(created["links"]["retain"], body)).status == 200
        (event,) = await _published(platform)
        facts = event.data.facts
        assert (facts.depth, facts.band, facts.profile, facts.scores) == ("screen", "help_now", None, None)

    async def test_what_the_person_wants_is_kept_in_their_words(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        retain = {"person_wish": "learn", "person_wish_text": "Écrire à ma petite-fille."}
        created = await an_assessment(client, retain=retain)
        read = (await client.get(created["links"]["self"])).json
        assert read == created
        assert read["retained"]["person_wish_text"] == "Écrire à ma petite-fille."


class TestProgress:
    async def test_a_case_is_compared_with_its_first_and_its_previous(
        self, platform: PlatformUnderTest
    ) -> None:
        client = await platform.client()
        first = await an_assessment(client, retain={})
        case = {"case_id": first["case_id"], "retain": {}}
        helped = {**MRS_L, **dict.fromkeys(SKILLS, "with_help"), "email": "with_help"}
        platform.clock.advance(timedelta(days=90))
        second = await an_assessment(client, helped, **case)
        platform.clock.advance(timedelta(days=90))
        third = await an_assessment(client, {**helped, "skill_searching": "alone"}, **case)
        await an_assessment(client, case_id=first["case_id"])  # proposed only: not a step
        progress = (await client.get(f"/v1/progress/{first['case_id']}")).json
        assert [step["assessment_id"] for step in progress["steps"]] == [
            first["id"],
            second["id"],
            third["id"],
        ]
        assert progress["since_first"]["change"] == {"access": 0, "skills": 55, "autonomy": 10}
        assert progress["since_previous"]["change"] == {"access": 0, "skills": 9, "autonomy": 0}
        assert progress["since_previous"]["skills_gained"] == ["skill_searching"]
        assert set(progress["since_first"]["skills_gained"]) == set(SKILLS)
        facts = (await _published(platform))[-1].data.facts
        assert (facts.ordinal, facts.first_scores.skills, facts.previous_scores.skills) == (3, 0, 46)
