"""Events in: an assessment is matched once, referrals load their venue, an erased case is forgotten."""

import asyncio
from typing import Any, ClassVar

import pytest

from services.directory.documents import Match, ReferralLoad
from services.directory.matching.index import VenueIndex
from shared.bus.topics import Topic
from shared.events.assessments import (
    SITUATION_PURPOSE,
    AssessmentCompleted,
    AssessmentFacts,
    AssessmentRevised,
    RetainedNeed,
    Situation,
)
from shared.events.cases import CaseErased
from shared.events.matches import MatchCompleted, NeedUncovered
from shared.events.payload import Payload
from shared.events.referrals import Outcome as ReferralOutcome
from shared.events.referrals import ReferralCompleted, ReferralCreated
from shared.events.vocabulary import (
    ActorKind,
    AgeBand,
    Need,
    ReferralKind,
    ReferralState,
    Urgency,
)
from shared.store.port import Document
from tests.directory.test_api import venue
from tests.support.clock import NOON
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("directory")

CASE = "11111111-1111-4111-8111-111111111111"
ASSESSMENT = "22222222-2222-4222-8222-222222222222"


class Elsewhere(Document):
    """Stands for an aggregate of another service: only its events matter here."""

    kind: ClassVar[str] = "elsewhere"


async def publish(platform: PlatformUnderTest, service: str, aggregate: str, *payloads: Payload) -> None:
    """Let another service's aggregate publish, and wait until it is handled."""
    store = platform.store(service)
    known = await store.get(Elsewhere, aggregate)
    if known is None:
        await store.add(Elsewhere(id=aggregate, created_at=NOON), payloads)
    else:
        await store.save(known, payloads)
    await platform.settle()


async def assessed(platform: PlatformUnderTest, kind: type = AssessmentCompleted, **changes: Any) -> Payload:
    """An assessment's result for someone in Bobigny who wants to learn, and also leisure."""
    await platform.vault.create(CASE, "cpam93")
    situation = Situation(**({"commune": "93008", "reach_km": 5.0} | changes))
    facts = AssessmentFacts(
        departement="93",
        age_band=AgeBand.FROM_60,
        depth="full",
        questionnaire="standard",
        questionnaire_version="1",
        needs=(RetainedNeed(need=Need.LEISURE, priority=2), RetainedNeed(need=Need.BASIC_SKILLS, priority=1)),
        confidence=90,
        ordinal=1,
    )
    sealed = await platform.vault.seal(CASE, SITUATION_PURPOSE, situation.model_dump_json().encode())
    return kind(case_id=CASE, owner="cpam93/bobigny/accueil", facts=facts, sealed=sealed)


class TestMatching:
    async def test_an_assessment_is_matched_and_what_is_missing_is_told(
        self, platform: PlatformUnderTest
    ) -> None:
        client = await platform.client()
        made = await client.post("/v1/venues", venue())
        await publish(platform, "assessment", ASSESSMENT, await assessed(platform))
        completed, uncovered = (event.data for event in await platform.events(Topic.MATCHES))
        assert isinstance(completed, MatchCompleted)
        assert (completed.cause, completed.case_id, completed.assessment_id) == (
            "assessment",
            CASE,
            ASSESSMENT,
        )
        assert completed.venue_ids == (made.json["id"],)
        assert [(one.need, one.coverage) for one in completed.needs] == [
            ("basic_skills", "covered"),
            ("leisure", "uncovered"),
        ]
        assert isinstance(uncovered, NeedUncovered)
        assert (uncovered.need, uncovered.departement) == ("leisure", "93")
        listed = (await client.get("/v1/matches", assessment_id=ASSESSMENT)).json["items"]
        (found,) = listed
        read = (await client.get(f"/v1/matches/{found['id']}")).json
        assert read["venues"][0]["nom"] == "Espace public numérique"
        assert read["venues"][0]["reasons"][0]["text"].startswith("à ")
        other = await platform.client("caf75/paris/accueil")
        assert (await other.get("/v1/matches", assessment_id=ASSESSMENT)).json["items"] == []

    async def test_a_repeat_is_a_no_op_and_a_revision_is_a_new_match(
        self, platform: PlatformUnderTest
    ) -> None:
        told = await assessed(platform)
        await publish(platform, "assessment", ASSESSMENT, told)
        (first,) = [event async for event in platform.store("directory").scan(Match)]
        handlers = platform.platform.services["directory"].handlers
        (event,) = await platform.events(Topic.ASSESSMENTS)
        await handlers[AssessmentCompleted](event)
        assert [event async for event in platform.store("directory").scan(Match)] == [first]
        await publish(
            platform, "assessment", ASSESSMENT, await assessed(platform, AssessmentRevised, reach_km=1.0)
        )
        client = await platform.client()
        assert len((await client.get("/v1/matches", assessment_id=ASSESSMENT)).json["items"]) == 2

    async def test_the_situation_is_not_readable_in_the_store(self, platform: PlatformUnderTest) -> None:
        await publish(platform, "assessment", ASSESSMENT, await assessed(platform))
        (stored,) = [one async for one in platform.store("directory").scan(Match)]
        assert "93008" not in stored.model_dump_json()
        events = [event.data.model_dump_json() for event in await platform.events(Topic.MATCHES)]
        assert not any("93008" in text for text in events)

    @pytest.mark.parametrize("situation", [{"commune": None}, {"commune": "93999"}])
    async def test_without_a_place_nothing_is_matched(
        self, platform: PlatformUnderTest, situation: dict
    ) -> None:
        await publish(platform, "assessment", ASSESSMENT, await assessed(platform, **situation))
        assert await platform.events(Topic.MATCHES) == []

    async def test_a_case_erased_before_its_turn_is_skipped(self, platform: PlatformUnderTest) -> None:
        told = await assessed(platform)
        await platform.vault.destroy(CASE)
        await publish(platform, "assessment", ASSESSMENT, told)
        assert await platform.events(Topic.MATCHES) == []

    async def test_an_erased_case_is_forgotten(self, platform: PlatformUnderTest) -> None:
        await publish(platform, "assessment", ASSESSMENT, await assessed(platform))
        await publish(platform, "referral", CASE, CaseErased(owner="cpam93"))
        assert [one async for one in platform.store("directory").scan(Match)] == []


def created(venue_id: str) -> ReferralCreated:
    return ReferralCreated(
        case_id=CASE,
        owner="cpam93",
        venue_id=venue_id,
        state=ReferralState.REQUESTED,
        kind=ReferralKind.INDIVIDUAL,
        urgency=Urgency.STANDARD,
        needs=(Need.BASIC_SKILLS,),
        departement="93",
        age_band=AgeBand.FROM_60,
    )


def completed(venue_id: str) -> ReferralCompleted:
    return ReferralCompleted(
        case_id=CASE,
        owner="cpam93",
        venue_id=venue_id,
        state=ReferralState.COMPLETED,
        previous=ReferralState.IN_PROGRESS,
        by=ActorKind.PARTNER,
        outcome=ReferralOutcome(),
    )


class TestLoad:
    async def test_open_referrals_load_a_venue_and_the_next_match_says_so(
        self, platform: PlatformUnderTest
    ) -> None:
        client = await platform.client()
        venue_id = (await client.post("/v1/venues", venue())).json["id"]
        await publish(platform, "referral", "r1", created(venue_id))
        await publish(platform, "referral", "r2", created(venue_id))
        await publish(platform, "referral", "r2", completed(venue_id))
        found = (await client.post("/v1/matches", {"needs": ["basic_skills"], "commune": "93008"})).json
        texts = [reason["text"] for reason in found["venues"][0]["reasons"]]
        assert "1 orientation en cours dans ce lieu" in texts
        assert found["load_revision"] != 0

    async def test_an_old_event_that_comes_again_opens_nothing(self, platform: PlatformUnderTest) -> None:
        await publish(platform, "referral", "r1", created(ASSESSMENT), completed(ASSESSMENT))
        handlers = platform.platform.services["directory"].handlers
        first, _ = await platform.events(Topic.REFERRALS)
        await handlers[ReferralCreated](first)
        load = await platform.store("directory").get(ReferralLoad, "r1")
        assert load is not None
        assert (load.open, load.last_event) == (False, 2)
        index = platform.platform.services["directory"].components[VenueIndex]
        assert isinstance(index, VenueIndex)
        assert index.load_revision == 0

    async def test_many_referrals_to_one_venue_at_once_are_heard_without_a_second_try(
        self, platform: PlatformUnderTest
    ) -> None:
        ids = [f"r{number}" for number in range(60)]
        store = platform.store("referral")
        await asyncio.gather(
            *(store.add(Elsewhere(id=one, created_at=NOON), [created(ASSESSMENT)]) for one in ids)
        )
        await platform.settle()
        loads = await platform.store("directory").get_many(ReferralLoad, ids)
        assert [load.open for load in loads] == [True] * 60
