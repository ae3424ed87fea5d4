"""`Idempotency-Key`: what it names, what it remembers, and what it refuses; through probe routes on a real platform."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter
from hypothesis import given
from hypothesis import strategies as st

from shared.http.auth import requires
from shared.http.idempotency import Idempotent
from shared.idempotency import (
    KEPT_COMMANDS,
    CommandRecord,
    IdempotencyKeyReused,
    RequestKey,
    already_done,
    check_same_request,
    remember,
)
from shared.security.caller import Caller, Scope
from tests.support.http import ApiClient
from tests.support.platform import PlatformUnderTest, running_platform

router = APIRouter(prefix="/probe")


def shown(key: RequestKey, caller: Caller) -> dict[str, str]:
    return {
        "creation": key.creation_id(caller),
        "command": key.command_key(caller),
        "print": key.fingerprint,
    }


@router.post("/{thing}/open")
async def open_thing(
    thing: str, body: dict[str, Any], caller: Annotated[Caller, requires(Scope.VENUES_WRITE)], key: Idempotent
) -> dict[str, str]:
    return shown(key, caller)


@router.post("/{thing}/close")
async def close_thing(
    thing: str, body: dict[str, Any], caller: Annotated[Caller, requires(Scope.VENUES_WRITE)], key: Idempotent
) -> dict[str, str]:
    return shown(key, caller)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[PlatformUnderTest]:
    async with running_platform(tmp_path, names=("identity",)) as running:
        running.platform.app.include_router(router)
        yield running


@pytest.fixture
async def client(platform: PlatformUnderTest) -> ApiClient:
    return await platform.client("cpam93", scopes=[Scope.VENUES_WRITE], client_id="c1")


class TestHeader:
    async def test_it_is_needed(self, client: ApiClient) -> None:
        refused = await client.request("POST", "/probe/a/open", json={})
        assert (refused.status, refused.json["type"]) == (400, "/problems/invalid-idempotency-key")

    async def test_what_is_no_key_is_refused(self, client: ApiClient) -> None:
        for key in ("", "two words", "é", "a" * 201, "184127645108946", "1-84-12-76-451-089-46"):
            refused = await client.request("POST", "/probe/a/open", json={}, headers={"Idempotency-Key": key})
            assert refused.status == 400, key
            if key:
                assert key not in refused.text
        assert (await client.post("/probe/a/open", {}, key="k" * 200)).status == 200


class TestNames:
    async def test_a_repeat_has_the_same_names(self, client: ApiClient) -> None:
        first, again = [(await client.post("/probe/a/open", {"x": 1}, key="k1")).json for _ in range(2)]
        assert first == again

    async def test_the_body_and_the_path_are_in_the_print_only(self, client: ApiClient) -> None:
        first = (await client.post("/probe/a/open", {"x": 1}, key="k1")).json
        body = (await client.post("/probe/a/open", {"x": 2}, key="k1")).json
        path = (await client.post("/probe/b/open", {"x": 1}, key="k1")).json
        for other in (body, path):
            assert other["print"] != first["print"]
            assert (other["creation"], other["command"]) == (first["creation"], first["command"])

    async def test_another_key_route_or_client_names_something_else(
        self, client: ApiClient, platform: PlatformUnderTest
    ) -> None:
        other_client = await platform.client("cpam93", scopes=[Scope.VENUES_WRITE], client_id="c2")
        answers = [
            (await client.post("/probe/a/open", {}, key="k1")).json,
            (await client.post("/probe/a/open", {}, key="k2")).json,
            (await client.post("/probe/a/close", {}, key="k1")).json,
            (await other_client.post("/probe/a/open", {}, key="k1")).json,
        ]
        for name in ("creation", "command"):
            assert len({answer[name] for answer in answers}) == 4

    async def test_an_id_can_not_be_guessed_from_the_key(self, tmp_path: Path, client: ApiClient) -> None:
        here = (await client.post("/probe/a/open", {}, key="k1")).json
        other_key = "b" * 43 + "="
        async with running_platform(tmp_path / "2", names=("identity",), master_key=other_key) as elsewhere:
            elsewhere.platform.app.include_router(router)
            same = await elsewhere.client("cpam93", scopes=[Scope.VENUES_WRITE], client_id="c1")
            there = (await same.post("/probe/a/open", {}, key="k1")).json
        assert all(here[name] != there[name] for name in here)


CALLER = Caller("c1", "cpam93", frozenset())
keys = st.builds(
    RequestKey,
    key=st.sampled_from([f"k{n}" for n in range(50)]),
    route=st.just("POST /probe"),
    fingerprint=st.sampled_from(["f1", "f2"]),
    secret=st.just(b"s"),
)


@given(st.lists(keys, max_size=120))
def test_the_last_commands_are_remembered_and_a_reused_key_is_refused(requests: list[RequestKey]) -> None:
    commands: tuple[CommandRecord, ...] = ()
    done: list[RequestKey] = []
    for version, key in enumerate(requests, start=1):
        earlier = [one for one in done[-KEPT_COMMANDS:] if one.key == key.key]
        if not earlier:
            assert not already_done(commands, key, CALLER)
            commands = remember(commands, key, CALLER, version)
            done.append(key)
        elif earlier[0].fingerprint == key.fingerprint:
            assert already_done(commands, key, CALLER)
        else:
            with pytest.raises(IdempotencyKeyReused):
                already_done(commands, key, CALLER)
    assert len(commands) == min(len(done), KEPT_COMMANDS)


def test_the_key_itself_is_not_kept() -> None:
    key = RequestKey("dossier-de-madame-l", "POST /probe", "f1", b"secret")
    (record,) = remember((), key, CALLER, 1)
    assert "dossier" not in record.model_dump_json()


def test_a_creation_from_another_body_is_refused() -> None:
    key = RequestKey("k1", "POST /probe", "f1", b"secret")
    check_same_request("f1", key)
    with pytest.raises(IdempotencyKeyReused):
        check_same_request("f2", key)
