"""The keys that sign: made once, stored encrypted, replaced while the tokens they signed live on."""

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest

from services.identity.keyring import CHECK_EVERY, KEY_AGE, SigningKeyUnreadable
from services.identity.model import SigningKey
from tests.identity.callers import Identity
from tests.support.clock import ManualClock
from tests.support.http import ApiClient
from tests.support.platform import running_platform

LIFETIME = timedelta(hours=1)


async def kids(identity: Identity) -> list[str]:
    keys = await identity.platform.anonymous().get("/.well-known/jwks.json")
    return [key["kid"] for key in keys.json["keys"]]


async def operator_with_a_token(identity: Identity) -> ApiClient:
    answer = await identity.ask_as((await identity.demonstration()).operator)
    return identity.bearing(answer.json["access_token"], "operator")


def kid_of(client: ApiClient) -> str:
    header = client.token.split(".")[0] if client.token else ""
    return str(json.loads(base64.urlsafe_b64decode(header + "=="))["kid"])


async def test_after_a_rotation_the_new_key_signs_and_the_old_one_verifies(identity: Identity) -> None:
    before = await operator_with_a_token(identity)
    new = await identity.keyring.rotate()
    after = await operator_with_a_token(identity)
    assert kid_of(after) == new != kid_of(before)
    assert set(await kids(identity)) == {new, kid_of(before)}
    for client in (before, after):
        assert (await client.get("/v1/clients")).status == 200


async def test_the_old_key_leaves_with_its_last_token(identity: Identity) -> None:
    (old,) = await kids(identity)
    new = await identity.keyring.rotate()
    identity.platform.clock.advance(LIFETIME - timedelta(seconds=1))
    assert set(await kids(identity)) == {old, new}
    identity.platform.clock.advance(timedelta(seconds=1))
    assert await kids(identity) == [new]


async def test_rotations_that_follow_each_other_keep_every_living_token_good(identity: Identity) -> None:
    clients = []
    for _ in range(3):
        clients.append(await operator_with_a_token(identity))
        await identity.keyring.rotate()
    assert [(await client.get("/v1/clients")).status for client in clients] == [200, 200, 200]
    assert len(await kids(identity)) == 4


async def test_an_old_key_is_replaced_by_itself(identity: Identity) -> None:
    (old,) = await kids(identity)
    identity.platform.clock.advance(KEY_AGE - CHECK_EVERY)
    await identity.platform.settle()
    assert await kids(identity) == [old]
    for _ in range(3):
        identity.platform.clock.advance(CHECK_EVERY)
        for _ in range(50):
            await identity.platform.anonymous().get("/.well-known/jwks.json")
            if identity.keyring.signing.kid != old:
                break
    assert identity.keyring.signing.kid != old


async def test_tokens_are_good_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    async with running_platform(tmp_path, names=("identity",), clock=clock) as platform:
        client = await operator_with_a_token(Identity(platform))
        await Identity(platform).keyring.rotate()
        before = await kids(Identity(platform))
    async with running_platform(tmp_path, names=("identity",), clock=clock) as platform:
        again = Identity(platform).bearing(client.token or "", "operator")
        assert (await again.get("/v1/clients")).status == 200
        assert await kids(Identity(platform)) == before


async def test_a_stored_key_is_encrypted_and_bound_to_its_id(identity: Identity) -> None:
    store = identity.platform.store("identity")
    (stored,) = [key async for key in store.scan(SigningKey)]
    raw = base64.b64decode(stored.sealed)
    assert b"PRIVATE KEY" not in raw
    await store.add(SigningKey(id="another", created_at=stored.created_at, sealed=stored.sealed))
    with pytest.raises(SigningKeyUnreadable):
        await identity.keyring.load()


async def test_with_two_unretired_keys_the_newer_signs(identity: Identity) -> None:
    """Stopped between storing a new key and retiring the old one, the platform starts with both."""
    store = identity.platform.store("identity")
    (old,) = [key async for key in store.scan(SigningKey)]
    identity.platform.clock.advance(timedelta(minutes=1))
    new = await identity.keyring.rotate()
    retired = await store.get(SigningKey, old.id)
    assert retired is not None
    await store.save(retired.model_copy(update={"retired_at": None}))
    await identity.keyring.load()
    assert identity.keyring.signing.kid == new
    assert set(await kids(identity)) == {old.id, new}
