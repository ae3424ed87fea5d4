"""Every refusal is an RFC 9457 problem that names fields and rules, and never gives back what was sent."""

import pytest

from shared.http.problems import MEDIA_TYPE, documented
from shared.store.port import AlreadyExists, StaleVersion
from tests.shared.surface import surface
from tests.support.asgi import ask

APP = surface()
NIR = "269059912345662"
OWN_ID = "0017d487-0f4a-5d72-8051-ab7c61bc7af6"
PERSON = "Mme Lefevre, 12 rue des Lilas"


async def test_every_field_that_does_not_fit_is_named_with_its_rule() -> None:
    answer = await ask(APP, "POST", "/v1/things", body={"size": 0, "reference": "x", "surprise": 1})
    assert answer.status == 422
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json["type"] == "/problems/invalid-request"
    assert answer.json["status"] == 422
    assert {(error["field"], error["rule"]) for error in answer.json["errors"]} == {
        ("body.name", "missing"),
        ("body.size", "greater_than_equal"),
        ("body.reference", "uuid_parsing"),
        ("body.surprise", "extra_forbidden"),
    }


@pytest.mark.parametrize(
    "body",
    [
        {"name": PERSON, "size": PERSON},
        {"name": "x", "size": 1, "reference": PERSON},
        {"name": "x", "size": 1, PERSON: 1},
        {"name": "x", "size": 1, NIR: 1},
        {"name": "x", "size": 1, "pet": {"kind": PERSON}},
        {"name": "x", "size": 1, "marks": {PERSON: "y"}},
        {"name": f"NIR {NIR}", "size": 1},
        {"name": "x" * 300 + PERSON, "size": 1},
        PERSON,
        [PERSON],
        f'{{"name": "{PERSON}'.encode(),
        PERSON.encode(),
        b"",
    ],
)
async def test_what_was_sent_is_never_given_back(body: object) -> None:
    answer = await ask(APP, "POST", "/v1/things", body=body)
    assert answer.status == 422
    assert answer.json["errors"]
    for word in (b"Lefevre", b"Lilas", NIR.encode()):
        assert word not in answer.body


async def test_a_body_that_is_no_text_is_refused_without_giving_it_back() -> None:
    answer = await ask(APP, "POST", "/v1/things", body=b"\xff" + PERSON.encode())
    assert answer.status == 400
    assert b"Lefevre" not in answer.body


async def test_an_unknown_name_that_looks_like_a_field_is_told_so_that_it_can_be_mended() -> None:
    answer = await ask(APP, "POST", "/v1/things", body={"name": "x", "size": 1, "sizes": 2})
    assert [error["field"] for error in answer.json["errors"]] == ["body.sizes"]


@pytest.mark.parametrize("sent", [NIR, "Mme%20Lefevre", "Lefevre"])
async def test_an_id_that_is_none_of_ours_is_not_given_back(sent: str) -> None:
    answer = await ask(APP, "GET", f"/v1/things/{sent}")
    assert answer.status == 404
    assert answer.json["detail"] == "There is no thing that this client may see."


async def test_an_error_of_ours_says_what_it_is() -> None:
    answer = await ask(APP, "GET", f"/v1/things/{OWN_ID}")
    assert answer.status == 404
    assert answer.json == {
        "type": "/problems/not-found",
        "title": "Not found",
        "status": 404,
        "detail": f"There is no thing {OWN_ID} that this client may see.",
    }


async def test_what_is_away_says_when_to_come_back() -> None:
    answer = await ask(APP, "GET", "/v1/away")
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize("path", ["/v1/bug", "/v1/undeclared"])
async def test_a_bug_tells_nothing_of_itself(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = await ask(APP, "GET", path)
    assert answer.status == 500
    assert answer.json["type"] == "/problems/internal-error"
    assert b"Lefevre" not in answer.body
    assert b"by_mood" not in answer.body
    assert "http.request.failed" in capsys.readouterr().out


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/v1/things", 405)])
async def test_the_frameworks_refusals_are_problems_too(method: str, path: str, status: int) -> None:
    answer = await ask(APP, method, path)
    assert answer.status == answer.json["status"] == status
    assert answer.json["type"] == "about:blank"
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert int(answer.headers["content-length"]) == len(answer.body)


async def test_a_client_that_hangs_up_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    await ask(APP, "POST", "/v1/raw", pieces=[b"half"], hang_up=True)
    assert "http.request.failed" not in capsys.readouterr().out


def test_errors_of_one_status_are_documented_together() -> None:
    responses = documented(StaleVersion, AlreadyExists)
    assert list(responses) == [409]
    assert responses[409]["description"] == "stale-version, already-exists"
