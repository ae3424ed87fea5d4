"""Every route of this service, walked: no token, wrong scope, another institution, another venue."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from services.referral.api import ROUTERS
from shared.security.caller import Scope
from tests.referral.material import (
    OTHER_VENUE,
    VENUE,
    created,
    problem,
    referral_body,
    tell_venue,
)
from tests.support.http import Answer, ApiClient
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("referral")

ROUTES = [
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]
RIGHTS = {Scope.REFERRALS_READ, Scope.REFERRALS_WRITE, Scope.REFERRALS_ANSWER, Scope.CASES_ERASE}
BODIES: dict[str, dict[str, Any]] = {
    "decline": {"reason": "no_capacity"},
    "schedule": {"appointment": {"at": "2026-12-01T10:00:00Z"}},
    "attendance": {"attendance": "seen"},
    "hold": {"reason": "missing_document"},
    "complete": {"outcome": {"autonomy_after": "autonomous"}},
    "fail": {"reason": "no_show"},
    "cancel": {"reason": "person_declined", "wish_of": "person"},
    "reopen": {"to": "requested", "note": "Une place s'est libérée."},
    "correct": {"reason": "data_error"},
}


async def call(client: ApiClient, method: str, path: str, referral: dict[str, Any]) -> Answer:
    """Call a route about this referral with a sound body."""
    filled = path.format(referral_id=referral["id"], case_id=referral["case_id"])
    if method == "GET":
        return await client.get(filled)
    body = (
        referral_body(case_id=referral["case_id"])
        if path == "/v1/referrals"
        else BODIES.get(path.rsplit("/", maxsplit=1)[-1])
    )
    return await client.post(filled, body)


def test_the_walk_knows_every_route() -> None:
    assert len(ROUTES) == 20
    assert all(re.match(r"^/v1/(referrals|venue-referrals|cases)(/|$)", path) for _, path in ROUTES)


async def test_no_route_answers_without_a_token_or_with_another_right(platform: PlatformUnderTest) -> None:
    await tell_venue(platform)
    cpam = await platform.client()
    referral = await created(cpam)
    wrong = await platform.client(scopes=[scope for scope in Scope if scope not in RIGHTS], venues=[VENUE])
    forged = ApiClient(platform.session, platform.base, "e30.e30.e30", "agent-7", None)
    before = (await cpam.get(f"/v1/referrals/{referral['id']}")).json
    for method, path in ROUTES:
        assert (await call(platform.anonymous(), method, path, referral)).status == 401, path
        assert (await call(forged, method, path, referral)).status == 401, path
        assert problem(await call(wrong, method, path, referral)) == (403, "missing-scope"), path
    assert (await cpam.get(f"/v1/referrals/{referral['id']}")).json == before


async def test_no_route_shows_or_moves_what_is_anothers(platform: PlatformUnderTest) -> None:
    await tell_venue(platform)
    cpam = await platform.client()
    referral = await created(cpam)
    before = (await cpam.get(f"/v1/referrals/{referral['id']}")).json
    foreign = await platform.client("caf75/paris/accueil", scopes=list(Scope), venues=[OTHER_VENUE])
    for method, path in ROUTES:
        answer = await call(foreign, method, path, referral)
        if "{" in path or method == "POST":
            assert answer.status == 404, (method, path, answer.text)
        else:
            assert (answer.status, answer.json["items"]) == (200, []), path
        assert referral["id"] not in answer.text.replace(f"referral {referral['id']}", "")
    assert (await cpam.get(f"/v1/referrals/{referral['id']}")).json == before
