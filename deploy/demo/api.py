"""A small client of the public API, as an institution's or a partner's software would write it."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp

TIMEOUT = aiohttp.ClientTimeout(total=30)


class UnexpectedAnswer(Exception):
    """The platform answered something else than the story expects."""

    def __init__(self, method: str, path: str, status: int, text: str) -> None:
        super().__init__(f"{method} {path} answered {status}: {text[:500]}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Credentials:
    """What identity gave a client."""

    client_id: str
    client_secret: str


async def get_token(http: aiohttp.ClientSession, base: str, credentials: Credentials) -> str:
    """Return an access token by client credentials (RFC 6749 §4.4)."""
    form = {"grant_type": "client_credentials"}
    auth = aiohttp.encode_basic_auth(credentials.client_id, credentials.client_secret)
    async with http.post(f"{base}/oauth/token", data=form, headers={"Authorization": auth}) as response:
        if response.status != 200:
            raise UnexpectedAnswer("POST", "/oauth/token", response.status, await response.text())
        return str((await response.json())["access_token"])


class Api:
    """One client with its token. Every POST carries an `Idempotency-Key`: random, or the one given for a repeat."""

    def __init__(
        self, http: aiohttp.ClientSession, base: str, token: str, agent: str, service: str | None = None
    ) -> None:
        self._http, self._base = http, base
        self.received_bytes = 0
        self._headers = {"Authorization": f"Bearer {token}", "Relais-Agent": agent}
        if service:
            self._headers["Relais-Service"] = service

    async def get(self, path: str, **params: str) -> Any:
        """GET a JSON document."""
        return await self._json("GET", path, params=params)

    async def text(self, path: str) -> str:
        """GET a page."""
        async with self._http.get(self._base + path, headers=self._headers) as response:
            text = await response.text()
            if response.status != 200:
                raise UnexpectedAnswer("GET", path, response.status, text)
            return text

    async def post(self, path: str, body: Any, *, key: str | None = None) -> Any:
        """POST a JSON document and return the answer's."""
        return await self._json("POST", path, json=body, extra={"Idempotency-Key": key or str(uuid4())})

    async def _json(
        self, method: str, path: str, *, extra: dict[str, str] | None = None, **options: Any
    ) -> Any:
        headers = self._headers | (extra or {})
        async with self._http.request(method, self._base + path, headers=headers, **options) as response:
            if response.status not in {200, 201, 202}:
                raise UnexpectedAnswer(method, path, response.status, await response.text())
            text = await response.read()
            self.received_bytes += len(text)
            return json.loads(text)
