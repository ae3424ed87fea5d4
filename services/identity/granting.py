"""`POST /oauth/token`: client credentials against an access token.

Source: RFC 6749, sections 2.3.1 (how a client proves itself), 4.4 (client credentials) and 5 (answers and errors).
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import ClassVar
from urllib.parse import parse_qsl, unquote_plus

import structlog

from services.identity.bodies import TokenOut
from services.identity.keyring import Keyring
from services.identity.metrics import TOKENS
from services.identity.model import Client, IdentityError
from services.identity.repository import IdentityRepository
from services.identity.secrets import ClientSecrets
from services.identity.throttle import BadSecrets
from shared.clock import Clock
from shared.security.caller import Scope
from shared.security.tokens import TokenIssuer

log = structlog.get_logger()

FORM = "application/x-www-form-urlencoded"
MAX_FIELDS = 20
MAX_CLIENT_ID = 64  # longer ones are none of ours, and must not fill the throttle's memory


class TokenRefused(IdentityError):
    """The base of what the token route refuses. `code` is the `error` of RFC 6749, section 5.2."""

    status: ClassVar[int] = 400
    code: ClassVar[str]

    @property
    def headers(self) -> dict[str, str]:
        """Return what goes with the answer."""
        return {}


class MalformedTokenRequest(TokenRefused):
    """The form can't be read."""

    code: ClassVar[str] = "invalid_request"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The request can't be read: {problem}.")


class UnsupportedGrant(TokenRefused):
    """Only client credentials are supported."""

    code: ClassVar[str] = "unsupported_grant_type"

    def __init__(self) -> None:
        super().__init__("Only grant_type=client_credentials is supported.")


class InvalidClient(TokenRefused):
    """Unknown, disabled, or another secret: they look the same from outside."""

    status: ClassVar[int] = 401
    code: ClassVar[str] = "invalid_client"

    def __init__(self) -> None:
        super().__init__("The client is unknown or disabled, or its secret is another one.")

    @property
    def headers(self) -> dict[str, str]:
        """Return the scheme that is accepted."""
        return {"WWW-Authenticate": 'Basic realm="relais"'}


class ScopeNotGranted(TokenRefused):
    """A scope was asked for that this client does not have."""

    code: ClassVar[str] = "invalid_scope"

    def __init__(self, held: frozenset[Scope]) -> None:
        super().__init__(f"This client may ask for: {' '.join(sorted(held))}.")


class TooManyBadSecrets(TokenRefused):
    """A client goes on presenting bad secrets. The RFC has no code for it; this one is section 4.1.2.1's."""

    status: ClassVar[int] = 429
    code: ClassVar[str] = "temporarily_unavailable"

    def __init__(self, wait: timedelta) -> None:
        self._seconds = max(1, ceil(wait.total_seconds()))
        super().__init__(
            f"Too many bad secrets for this client; come back in {self._seconds} s with the right one."
        )

    @property
    def headers(self) -> dict[str, str]:
        """Return when to come back."""
        return {"Retry-After": str(self._seconds)}


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Who asks, and for which scopes (empty: all it has)."""

    client_id: str
    secret: str
    scopes: frozenset[str]


def read_token_request(content_type: str, body: bytes, authorization: str | None) -> TokenRequest:
    """Read the form and the credentials, from the header or the form but not both.

    Raises:
        MalformedTokenRequest, UnsupportedGrant, InvalidClient.
    """
    form = _read_form(content_type, body)
    if "grant_type" not in form:
        raise MalformedTokenRequest("grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise UnsupportedGrant
    scopes = frozenset(form.get("scope", "").split())
    if authorization is None:
        if "client_id" not in form or "client_secret" not in form:
            raise InvalidClient
        return TokenRequest(form["client_id"], form["client_secret"], scopes)
    if "client_secret" in form:
        raise MalformedTokenRequest("credentials stand both in the header and in the form")
    client_id, secret = _read_basic(authorization)
    if form.get("client_id", client_id) != client_id:
        raise MalformedTokenRequest("the header and the form name two clients")
    return TokenRequest(client_id, secret, scopes)


def _read_form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type.split(";", maxsplit=1)[0].strip().lower() != FORM:
        raise MalformedTokenRequest(f"its Content-Type must be {FORM}")
    try:
        pairs = parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise MalformedTokenRequest(f"it is not a form in UTF-8 of at most {MAX_FIELDS} fields") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise MalformedTokenRequest("a parameter is repeated")
    return form


def _read_basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidClient from error
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        raise InvalidClient
    return unquote_plus(client_id), unquote_plus(secret)


class TokenDesk:
    """Gives tokens to clients that prove who they are."""

    def __init__(
        self,
        *,
        repository: IdentityRepository,
        secrets: ClientSecrets,
        keyring: Keyring,
        issuer: TokenIssuer,
        bad_secrets: BadSecrets,
        clock: Clock,
    ) -> None:
        self._repository, self._secrets, self._keyring = repository, secrets, keyring
        self._issuer, self._bad_secrets, self._clock = issuer, bad_secrets, clock

    async def grant(self, request: TokenRequest) -> TokenOut:
        """Return a token for the scopes asked for, or for all that the client has.

        Raises:
            InvalidClient, TooManyBadSecrets, ScopeNotGranted.
        """
        client = await self._proven(request)
        scopes = client.scopes
        if request.scopes:
            if not request.scopes <= {scope.value for scope in client.scopes}:
                TOKENS.labels(ScopeNotGranted.code).inc()
                raise ScopeNotGranted(client.scopes)
            scopes = frozenset(Scope(scope) for scope in request.scopes)
        token = self._issuer.issue(client.as_caller(scopes), self._keyring.signing)
        TOKENS.labels("issued").inc()
        log.info("identity.token.issued", client=client.id, scopes=len(scopes))
        return TokenOut(
            access_token=token,
            expires_in=int(self._issuer.lifetime.total_seconds()),
            scope=" ".join(sorted(scopes)),
        )

    async def _proven(self, request: TokenRequest) -> Client:
        if len(request.client_id) > MAX_CLIENT_ID:
            TOKENS.labels(InvalidClient.code).inc()
            raise InvalidClient
        client = await self._repository.client(request.client_id)
        digests = client.live_digests(self._clock.now()) if client else []
        if self._secrets.is_one_of(request.secret, digests) and client is not None:
            return client
        wait = self._bad_secrets.count(request.client_id)
        refusal = InvalidClient() if wait is None else TooManyBadSecrets(wait)
        TOKENS.labels(refusal.code).inc()
        if client is not None:  # an id that is none of ours may hold anything: it is not logged
            log.warning("identity.token.refused", client=client.id, code=refusal.code)
        raise refusal
