"""What a professional's decision does to an assessment, beside what HTTP shows."""

import asyncio
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.assessment.model import months_after
from shared.bus.topics import Topic
from shared.events.assessments import AssessmentCompleted, AssessmentRevised
from tests.assessment.http_material import an_assessment
from tests.support.platform import PlatformUnderTest


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 11, 23), 12, date(2027, 11, 23)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 10, 31), 1, date(2026, 11, 30)),
    ],
)
def test_a_review_falls_on_the_same_day_or_the_last_of_a_shorter_month(
    day: date, months: int, expected: date
) -> None:
    assert months_after(day, months) == expected


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)), months=st.integers(0, 60))
def test_months_after_always_lands_in_the_month_meant(day: date, months: int) -> None:
    found = months_after(day, months)
    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == months
    assert found.day <= day.day


@pytest.mark.services("assessment")
async def test_two_decisions_at_once_are_both_heard_one_after_the_other(platform: PlatformUnderTest) -> None:
    client = await platform.client()
    created = await an_assessment(client)
    reasons = ("observed_otherwise", "person_disagrees", "situation_changed", "answers_unreliable")
    answers = await asyncio.gather(
        *(
            client.post(created["links"]["retain"], {"profile": "guided_beginner", "profile_reason": reason})
            for reason in reasons
        )
    )
    assert [answer.status for answer in answers] == [200] * len(reasons)
    await platform.settle()
    events = await platform.events(Topic.ASSESSMENTS)
    assert [type(event.data) for event in events] == [AssessmentCompleted] + [AssessmentRevised] * 3
    assert (await client.get(created["links"]["self"])).json["revisions"] == 3
