"""A client of the platform over a real socket, as an institution's or a partner's software would be."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import orjson


@dataclass(frozen=True)
class Answer:
    """What came back: `json` is None when the body is not JSON."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """Return the decoded body."""
        return orjson.loads(self.text)


class ApiClient:
    """Sends requests with one token, agent and service; every POST gets a random `Idempotency-Key` unless told one."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        token: str | None,
        agent: str | None,
        service: str | None,
    ) -> None:
        self._session, self._base = session, base
        self.token, self.agent, self.service = token, agent, service

    def acting(self, *, agent: str | None = None, service: str | None = None) -> "ApiClient":
        """Return a client with the same token for another agent or service."""
        return ApiClient(self._session, self._base, self.token, agent or self.agent, service or self.service)

    async def get(self, path: str, **params: Any) -> Answer:
        """GET with query parameters; None leaves one out."""
        return await self.request("GET", path, params={k: str(v) for k, v in params.items() if v is not None})

    async def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Answer:
        """POST a JSON body."""
        return await self.request(
            "POST", path, json=body, headers={"Idempotency-Key": key or str(uuid4()), **headers}
        )

    async def put(self, path: str, body: Any = None, *, key: str | None = None) -> Answer:
        """PUT a JSON body."""
        return await self.request("PUT", path, json=body, headers={"Idempotency-Key": key or str(uuid4())})

    async def delete(self, path: str) -> Answer:
        """DELETE."""
        return await self.request("DELETE", path)

    async def request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> Answer:
        """Send any request with this client's own headers."""
        own = {
            name: value
            for name, value in (
                ("Authorization", f"Bearer {self.token}" if self.token else None),
                ("Relais-Agent", self.agent),
                ("Relais-Service", self.service),
            )
            if value is not None
        }
        async with self._session.request(
            method, self._base + path, headers=own | (headers or {}), allow_redirects=False, **options
        ) as response:
            return Answer(response.status, await response.text(), dict(response.headers))
