"""Bodies that the HTTP tests send, with defaults that are valid."""

from typing import Any

from services.assessment.questionnaire import KnownBy
from tests.assessment.material import MRS_L, Chosen, answers
from tests.support.http import ApiClient

QUESTIONNAIRE_NAME = {"id": "relais", "version": "2026-1"}
NIR = "2 58 05 93 008 123 84"  # a valid key, of nobody


def an_interview(chosen: Chosen | None = None, **changes: Any) -> dict[str, Any]:
    """Mme L.'s full interview, 68 years old, in Bobigny."""
    given = answers(MRS_L if chosen is None else chosen, known_by=KnownBy.SEEN)
    body: dict[str, Any] = {
        "depth": "full",
        "questionnaire": QUESTIONNAIRE_NAME,
        "answers": [one.model_dump(mode="json", exclude_none=True) for one in given],
        "about": {"age_band": "60_69", "commune": "93008"},
    }
    return body | changes


async def an_assessment(client: ApiClient, *args: Any, **changes: Any) -> dict[str, Any]:
    """One that was accepted."""
    answer = await client.post("/v1/assessments", an_interview(*args, **changes))
    assert answer.status == 201, answer.text
    created: dict[str, Any] = answer.json
    return created
