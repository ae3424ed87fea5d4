"""Access tokens: JWTs signed with ES256, and their verification with a bounded cache.

Claims: `iss`, `aud` (`relais`), `sub` (client id), `iat`, `exp`, `jti`, `scope` (space-separated), `node` (path in the institution
tree) and, for a partner, `venues`. Source: RFC 9068 (JWT profile for access tokens), RFC 8725 (one algorithm, checked).
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from shared.clock import Clock
from shared.http.auth import Unauthenticated
from shared.ids import Ids
from shared.security.caller import Caller

ALGORITHM = "ES256"
AUDIENCE = "relais"
_CACHED_TOKENS = 10_000
_CLOCK_SKEW = timedelta(seconds=5)


class TokenIssuer:
    """Signs tokens for one issuer."""

    def __init__(self, issuer: str, clock: Clock, ids: Ids, lifetime: timedelta) -> None:
        self._issuer, self._clock, self._ids = issuer, clock, ids
        self.lifetime = lifetime

    def issue(self, caller: Caller, key: ECKey) -> str:
        """Return a token that says who this caller is, until `lifetime` from now."""
        now = self._clock.now()
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": caller.client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + self.lifetime).timestamp()),
            "jti": self._ids.new(),
            "scope": " ".join(sorted(caller.scopes)),
            "node": caller.node,
        }
        if caller.venues:
            claims["venues"] = sorted(caller.venues)
        header = {"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


class JwtVerifier:
    """Verifies tokens against an issuer's keys.

    A signature costs about 90 µs to check, so a verified token is remembered (its text, at most 10,000 of them) until it expires.
    `keys` gives the issuer's current public keys; it is asked again for each token that is not remembered.
    """

    def __init__(self, issuer: str, clock: Clock, keys: Callable[[], KeySet]) -> None:
        self._issuer, self._clock, self._keys = issuer, clock, keys
        self._verified: OrderedDict[str, tuple[Caller, datetime]] = OrderedDict()

    async def verify(self, token: str) -> Caller:
        """Return the caller of a token.

        Raises:
            Unauthenticated: altered, expired, foreign, or malformed.
        """
        now = self._clock.now()
        known = self._verified.get(token)
        if known is not None and known[1] > now:
            return known[0]
        caller, expires = self._check(token, now)
        self._verified[token] = (caller, expires)
        if len(self._verified) > _CACHED_TOKENS:
            self._verified.popitem(last=False)
        return caller

    def forget(self) -> None:
        """Forget every verified token: its key was withdrawn."""
        self._verified.clear()

    def _check(self, token: str, now: datetime) -> tuple[Caller, datetime]:
        try:
            claims = jwt.decode(token, self._keys(), algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise Unauthenticated("it is altered, or signed by a key that is not ours") from error
        if claims.get("iss") != self._issuer or claims.get("aud") != AUDIENCE:
            raise Unauthenticated("it was issued for another service")
        issued, expires = _instant(claims, "iat", now), _instant(claims, "exp", now)
        if expires <= now:
            raise Unauthenticated("it has expired")
        if issued > now + _CLOCK_SKEW:
            raise Unauthenticated("it is dated in the future")
        return _caller(claims), expires


def _instant(claims: dict[str, Any], name: str, now: datetime) -> datetime:
    value = claims.get(name)
    if not isinstance(value, int | float):
        raise Unauthenticated(f"its claim {name} is missing")
    try:
        return datetime.fromtimestamp(value, now.tzinfo)
    except (OverflowError, ValueError, OSError) as error:
        raise Unauthenticated(f"its claim {name} is no time") from error


def _caller(claims: dict[str, Any]) -> Caller:
    client, node, scope = (claims.get(name) for name in ("sub", "node", "scope"))
    venues = claims.get("venues", [])
    if not isinstance(client, str) or not isinstance(node, str) or not isinstance(scope, str):
        raise Unauthenticated("a claim is missing")
    if not isinstance(venues, list) or not all(isinstance(venue, str) for venue in venues):
        raise Unauthenticated("its claim venues is no list of ids")
    return Caller(client, node, frozenset(scope.split()), frozenset(venues))
