"""Who calls a route, with which right, for which agent and service: through a probe route on a real platform."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter

from shared.http.auth import acts, requires
from shared.security.caller import Act, Caller, Owner, Scope
from tests.support.platform import PlatformUnderTest, running_platform

router = APIRouter(prefix="/probe")


@router.get("")
async def who_calls(caller: Annotated[Caller, requires(Scope.VENUES_READ)]) -> dict[str, Any]:
    return asdict(caller) | {"scopes": sorted(caller.scopes), "venues": sorted(caller.venues)}


@router.post("")
async def who_acts(act: Annotated[Act, acts(Scope.VENUES_WRITE)]) -> dict[str, Any]:
    return {"agent": act.agent, "service": act.service, "owner": act.owner.model_dump()}


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[PlatformUnderTest]:
    async with running_platform(tmp_path, names=("identity",)) as running:
        running.platform.app.include_router(router)
        yield running


BOTH = (Scope.VENUES_READ, Scope.VENUES_WRITE)


class TestToken:
    async def test_without_a_token(self, platform: PlatformUnderTest) -> None:
        anonymous = platform.anonymous()
        for headers in (
            {},
            {"Authorization": ""},
            {"Authorization": "Bearer"},
            {"Authorization": "Basic YTpi"},
        ):
            refused = await anonymous.request("GET", "/probe", headers=headers)
            assert refused.status == 401, headers
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert refused.headers["Content-Type"] == "application/problem+json"

    async def test_with_a_token_that_is_none(self, platform: PlatformUnderTest) -> None:
        for token in ("nothing", "a.b.c", "1 84 12 76 451 089 46"):
            refused = await platform.anonymous().request(
                "GET", "/probe", headers={"Authorization": f"Bearer {token}"}
            )
            assert refused.status == 401
            assert token not in refused.text

    async def test_it_is_not_read_from_the_query(self, platform: PlatformUnderTest) -> None:
        client = await platform.client(scopes=BOTH)
        refused = await platform.anonymous().get("/probe", access_token=client.token)
        assert refused.status == 401

    async def test_without_the_scope(self, platform: PlatformUnderTest) -> None:
        client = await platform.client(scopes=[scope for scope in Scope if scope is not Scope.VENUES_READ])
        refused = await client.get("/probe")
        assert (refused.status, refused.json["scope"]) == (403, "venues:read")

    async def test_with_the_scope(self, platform: PlatformUnderTest) -> None:
        client = await platform.client("pimms-93", scopes=BOTH, venues=["v2", "v1"], client_id="c1")
        assert (await client.get("/probe")).json == {
            "client_id": "c1",
            "node": "pimms-93",
            "scopes": ["venues:read", "venues:write"],
            "venues": ["v1", "v2"],
        }


class TestAct:
    async def test_the_agent_must_be_an_opaque_id(self, platform: PlatformUnderTest) -> None:
        client = await platform.client(scopes=BOTH)
        for agent in (
            None,
            "",
            "Marie Lenoir",
            "marie@cpam.fr",
            "a" * 65,
            "1841276451089",
            "184127645108946",
        ):
            client.agent = agent
            refused = await client.post("/probe")
            assert (refused.status, refused.json["header"]) == (400, "Relais-Agent"), agent
            if agent:
                assert agent not in refused.text
        for agent in ("agent-7", "A.b_c-9", "a" * 64):
            client.agent = agent
            assert (await client.post("/probe")).json["agent"] == agent

    async def test_the_service_is_the_clients_own_unless_it_says_otherwise(
        self, platform: PlatformUnderTest
    ) -> None:
        client = await platform.client("cpam93/bobigny", scopes=BOTH)
        client.service = None
        assert (await client.post("/probe")).json["service"] == "cpam93/bobigny"
        below = await client.acting(service="cpam93/bobigny/accueil").post("/probe")
        assert below.json["owner"] == {
            "institution": "cpam93",
            "body": "cpam93/bobigny",
            "service": "cpam93/bobigny/accueil",
        }

    async def test_a_service_out_of_sight_is_refused(self, platform: PlatformUnderTest) -> None:
        client = await platform.client("cpam93/bobigny", scopes=BOTH)
        for service in ("cpam93", "cpam93/pantin", "cpam93/bobigny2", "cnav"):
            refused = await client.acting(service=service).post("/probe")
            assert (refused.status, refused.json["type"]) == (403, "/problems/service-out-of-sight")

    async def test_a_service_that_is_no_path_is_refused(self, platform: PlatformUnderTest) -> None:
        client = await platform.client("cpam93", scopes=BOTH)
        for service in ("CPAM93", "cpam93/", "cpam93/a/b/c", "cpam93/../cnav"):
            refused = await client.acting(service=service).post("/probe")
            assert (refused.status, refused.json["header"]) == (400, "Relais-Service"), service

    async def test_the_scope_is_asked_before_the_headers(self, platform: PlatformUnderTest) -> None:
        client = await platform.client(scopes=[Scope.VENUES_READ])
        client.agent = None
        assert (await client.post("/probe")).status == 403


@pytest.mark.parametrize(
    ("node", "seen"),
    [
        ("a", {"a", "a/b", "a/b/c", "a/bb"}),
        ("a/b", {"a/b", "a/b/c"}),
        ("a/b/c", {"a/b/c"}),
        ("a/bb", {"a/bb"}),
        ("aa", {"aa"}),
    ],
)
def test_sight_follows_the_subtree_in_reads_and_in_lists(node: str, seen: set[str]) -> None:
    caller = Caller("c", node, frozenset())
    owners = {path: Owner.of(path) for path in ("a", "a/b", "a/b/c", "a/bb", "aa")}
    assert {path for path, owner in owners.items() if caller.sees(owner)} == seen
    _, equals = caller.owned()
    ((field, value),) = equals.items()
    level = field.removeprefix("owner.")
    assert {path for path, owner in owners.items() if getattr(owner, level) == value} == seen
