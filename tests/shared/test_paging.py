"""The parameters of every list."""

import pytest

from shared.store.port import MAX_PAGE
from tests.shared.surface import surface
from tests.support.asgi import ask

APP = surface()


async def test_without_parameters_a_list_has_its_usual_size() -> None:
    assert (await ask(APP, "GET", "/v1/plain")).json == {"items": [50], "next": None}


async def test_limit_and_cursor_are_taken() -> None:
    answer = await ask(APP, "GET", f"/v1/things?limit={MAX_PAGE}&after=abc&colour=red")
    assert answer.json == {"items": [MAX_PAGE], "next": "abc"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "query.limit"),
        (f"limit={MAX_PAGE + 1}", "query.limit"),
        ("limit=ten", "query.limit"),
        ("after=" + "x" * 2_001, "query.after"),
        ("colour=green", "query.colour"),
        ("page=2", "query.page"),
    ],
)
async def test_what_does_not_fit_is_named(query: str, field: str) -> None:
    answer = await ask(APP, "GET", f"/v1/things?{query}")
    assert answer.status == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]
