"""Tokens that are altered, expired, foreign or forged open nothing, and say nothing of what they held."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from shared.http.auth import Unauthenticated
from shared.ids import RandomIds
from shared.security.caller import Caller
from shared.security.tokens import ALGORITHM, AUDIENCE, JwtVerifier, TokenIssuer
from tests.support.clock import NOON, ManualClock

ISSUER = "https://relais.example"
LIFETIME = timedelta(hours=1)
CALLER = Caller("client-1", "cpam93/bobigny", frozenset({"assessments:read", "clients:manage"}), frozenset())


def a_key(kid: str = "k1") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": ALGORITHM}, auto_kid=False)


KEY, FOREIGN = a_key(), a_key()


class Desk:
    """An issuer and a verifier that share a clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.keys = KeySet([KEY])
        self.verifier = JwtVerifier(ISSUER, self.clock, lambda: self.keys)

    def token(self, key: ECKey = KEY, issuer: str = ISSUER, caller: Caller = CALLER) -> str:
        return TokenIssuer(issuer, self.clock, RandomIds(), LIFETIME).issue(caller, key)

    def signed(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a token signed by the right key with other claims; None leaves one out."""
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "client-1",
            "iat": now,
            "exp": now + 60,
            "scope": "assessments:read",
            "node": "cpam93",
        } | changes
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": ALGORITHM, "kid": "k1"} | (header or {}), kept, KEY, algorithms=[ALGORITHM])

    async def refuses(self, token: str) -> str:
        with pytest.raises(Unauthenticated) as refused:
            await self.verifier.verify(token)
        return str(refused.value)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def test_a_good_token_gives_its_caller(desk: Desk) -> None:
    partner = Caller("client-2", "pimms-93", frozenset({"referrals:answer"}), frozenset({"v1", "v2"}))
    for caller in (CALLER, partner):
        assert await desk.verifier.verify(desk.token(caller=caller)) == caller


class TestTime:
    async def test_an_expired_token_is_refused(self, desk: Desk) -> None:
        token = desk.token()
        desk.clock.advance(LIFETIME - timedelta(seconds=1))
        assert await desk.verifier.verify(token) == CALLER
        desk.clock.advance(timedelta(seconds=1))
        assert "expired" in await desk.refuses(token)

    async def test_a_remembered_token_expires_too(self, desk: Desk) -> None:
        token = desk.token()
        await desk.verifier.verify(token)
        desk.clock.advance(LIFETIME)
        assert "expired" in await desk.refuses(token)

    async def test_a_token_of_the_future_is_refused(self, desk: Desk) -> None:
        now = int(NOON.timestamp())
        assert "future" in await desk.refuses(desk.signed(iat=now + 60, exp=now + 120))

    async def test_times_must_be_there_and_be_times(self, desk: Desk) -> None:
        for changes in (
            {"exp": None},
            {"iat": None},
            {"exp": "tomorrow"},
            {"exp": 10**400},
            {"exp": -(10**18)},
            {"exp": True},
        ):
            await desk.refuses(desk.signed(**changes))


class TestOrigin:
    async def test_another_issuer_or_audience_is_refused(self, desk: Desk) -> None:
        assert "another service" in await desk.refuses(desk.token(issuer="https://other.example"))
        for changes in ({"aud": "other"}, {"aud": ["other"]}, {"aud": None}, {"iss": None}):
            assert "another service" in await desk.refuses(desk.signed(**changes))

    async def test_a_foreign_key_is_refused_even_under_our_kid(self, desk: Desk) -> None:
        assert "not ours" in await desk.refuses(desk.token(key=FOREIGN))

    async def test_an_unknown_kid_is_refused(self, desk: Desk) -> None:
        assert "not ours" in await desk.refuses(desk.token(key=a_key("k9")))

    async def test_a_withdrawn_key_ends_its_tokens_once_forgotten(self, desk: Desk) -> None:
        token = desk.token()
        await desk.verifier.verify(token)
        desk.keys = KeySet([a_key("k2")])
        desk.verifier.forget()
        assert "not ours" in await desk.refuses(token)

    async def test_a_key_carried_by_the_token_itself_is_not_believed(self, desk: Desk) -> None:
        header = {"alg": ALGORITHM, "kid": "k1", "jwk": FOREIGN.as_dict(private=False)}
        token = jwt.encode(header, claims_of(desk.token()), FOREIGN, algorithms=[ALGORITHM])
        await desk.refuses(token)


class TestForged:
    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
    async def test_no_algorithm_is_refused(self, desk: Desk, algorithm: str) -> None:
        claims = claims_of(desk.token())
        for header in ({"alg": algorithm}, {"alg": algorithm, "kid": "k1"}):
            for signature in ("", desk.token().split(".")[2]):
                await desk.refuses(f"{encoded(header)}.{encoded(claims)}.{signature}")

    async def test_hs256_keyed_with_our_public_key_is_refused(self, desk: Desk) -> None:
        public = KEY.as_pem(private=False)
        as_json = json.dumps(KEY.as_dict(private=False)).encode()
        for secret in (public, public.strip(), as_json):
            signed = (
                f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'k1'})}.{encoded(claims_of(desk.token()))}"
            )
            digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            await desk.refuses(f"{signed}.{signature}")

    async def test_other_claims_under_the_same_signature_are_refused(self, desk: Desk) -> None:
        header, _, signature = desk.token().split(".")
        more = claims_of(desk.token()) | {"scope": "cases:erase"}
        await desk.refuses(f"{header}.{encoded(more)}.{signature}")

    async def test_a_change_anywhere_is_refused(self, desk: Desk) -> None:
        token = desk.token()
        # The last character of each part may carry bits that decoding ignores: it is left out.
        ends = {at - 1 for at, letter in enumerate(token) if letter == "."} | {len(token) - 1}
        for at in set(range(0, len(token), 7)) - ends:
            other = "A" if token[at] != "A" else "B"
            await desk.refuses(token[:at] + other + token[at + 1 :])

    @pytest.mark.parametrize(
        "header",
        [
            {"alg": ["ES256"], "kid": "k1"},
            {"alg": None},
            {"alg": ALGORITHM, "kid": 5},
            {"alg": ALGORITHM, "kid": ["k1"]},
            {"alg": ALGORITHM, "kid": "k1", "crit": ["b64"], "b64": False},
            {"alg": ALGORITHM, "kid": "k1", "crit": "exp"},
            [],
            "text",
            None,
            {},
        ],
        ids=str,
    )
    async def test_an_odd_header_is_refused(self, desk: Desk, header: object) -> None:
        _, payload, signature = desk.token().split(".")
        await desk.refuses(f"{encoded(header)}.{payload}.{signature}")

    async def test_odd_claims_under_our_own_signature_are_refused(self, desk: Desk) -> None:
        odd: list[dict[str, Any]] = [
            {"sub": None},
            {"sub": 7},
            {"node": None},
            {"scope": ["a"]},
            {"scope": None},
            {"venues": "v1"},
            {"venues": [["v1"]]},
            {"venues": None, "sub": {}},
        ]
        for changes in odd:
            await desk.refuses(desk.signed(**changes))

    @settings(max_examples=300)
    @given(st.text(max_size=200) | st.lists(st.text("AZaz09-_=", max_size=30), max_size=5).map(".".join))
    async def test_any_other_text_is_refused(self, text: str) -> None:
        await Desk().refuses(text)


async def test_a_refusal_repeats_nothing_of_the_token(desk: Desk) -> None:
    token = desk.signed(sub="mme-l", node="secret-node", iss="https://evil.example")
    message = await desk.refuses(token)
    for part in ("mme-l", "secret-node", "evil", token.split(".")[1]):
        assert part not in message
