"""Signatures and secrets: the published vector, rotation, and what is kept of a secret."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from services.notifications.channels.signing import signed_headers
from services.notifications.model import MAX_SECRETS
from services.notifications.secret_box import SecretBox, SecretBroken
from tests.notifications.receiver import Receiver
from tests.notifications.workbench import Bench, a_key, created, moved, partner

VECTOR = json.loads((Path(__file__).parent / "standard_webhooks_vector.json").read_text())
PARTNER = partner("venue-1")


def test_the_published_vector() -> None:
    at = datetime.fromtimestamp(int(VECTOR["webhook-timestamp"]), UTC)
    headers = signed_headers([VECTOR["secret"]], VECTOR["webhook-id"], at, VECTOR["body"])
    assert headers == {
        name: VECTOR[name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    }


@given(st.text(max_size=200), st.integers(1, 3))
def test_the_library_verifies_any_body_with_each_secret(body: str, count: int) -> None:
    box = SecretBox(bytes(32))
    secrets = [box.make() for _ in range(count)]
    headers = signed_headers(secrets, "ref-1:1", datetime.now(UTC), body)
    for secret in secrets:
        Webhook(secret).verify(body, headers, json_parse=False)


def test_a_secret_is_32_random_bytes() -> None:
    box = SecretBox(bytes(32))
    made = {box.make() for _ in range(50)}
    assert len(made) == 50
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in made)


def test_a_sealed_secret_opens_for_its_subscription_and_key_only() -> None:
    box = SecretBox(bytes(32))
    sealed = box.seal("sub-1", "whsec_abc")
    assert box.open("sub-1", sealed) == "whsec_abc"
    assert box.seal("sub-1", "whsec_abc") != sealed
    altered = base64.b64encode(base64.b64decode(sealed)[:-1] + b"\0").decode()
    for identifier, text, opener in (
        ("sub-2", sealed, box),
        ("sub-1", sealed, SecretBox(bytes(31) + b"\1")),
        ("sub-1", altered, box),
        ("sub-1", "not base64!", box),
        ("sub-1", "", box),
    ):
        with pytest.raises(SecretBroken):
            opener.open(identifier, text)


async def test_no_secret_lies_in_the_store_in_clear(bench: Bench, receiver: Receiver) -> None:
    made = await bench.subscribe(PARTNER, receiver.url())
    assert made.secret is not None
    stored = await bench.repository.load_subscription(made.subscription.id)
    assert stored is not None
    assert made.secret.removeprefix("whsec_") not in stored.model_dump_json()


async def test_both_secrets_sign_for_a_day_after_a_rotation(bench: Bench, receiver: Receiver) -> None:
    first = await bench.subscribe(PARTNER, receiver.url())
    second = await bench.desk.rotate(PARTNER, a_key(), first.subscription.id)
    assert first.secret
    assert second.secret
    assert first.secret != second.secret
    await bench.hand(created(), sequence=1)
    await bench.later(timedelta(hours=24) - timedelta(seconds=1))
    await bench.hand(moved(), sequence=2)
    await bench.later(timedelta(seconds=1))
    await bench.hand(moved(), sequence=3)
    await bench.quiet()
    signers = [
        (request.signed_by(first.secret), request.signed_by(second.secret)) for request in receiver.at()
    ]
    assert signers == [(True, True), (True, True), (False, True)]


async def test_a_repeated_rotation_makes_one_secret(bench: Bench, receiver: Receiver) -> None:
    made = await bench.subscribe(PARTNER, receiver.url())
    key = a_key()
    rotated = await bench.desk.rotate(PARTNER, key, made.subscription.id)
    again = await bench.desk.rotate(PARTNER, key, made.subscription.id)
    assert again.secret == rotated.secret
    later = await bench.desk.rotate(PARTNER, a_key(), made.subscription.id)
    assert later.secret != rotated.secret
    once_more = await bench.desk.rotate(PARTNER, key, made.subscription.id)
    assert once_more.secret is None  # no longer the current one: never shown again


async def test_secrets_do_not_pile_up(bench: Bench, receiver: Receiver) -> None:
    made = await bench.subscribe(PARTNER, receiver.url())
    for _ in range(MAX_SECRETS + 3):
        rotated = await bench.desk.rotate(PARTNER, a_key(), made.subscription.id)
    assert len(rotated.subscription.secrets) == MAX_SECRETS
    await bench.hand(created())
    await bench.quiet()
    assert rotated.secret
    assert receiver.at()[0].signed_by(rotated.secret)
