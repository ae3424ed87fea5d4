"""A real HTTP receiver on loopback, as a partner or an institution would run one."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web
from standardwebhooks import Webhook

PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Return the `webhook-id`."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """Return the decoded body."""
        return orjson.loads(self.body)

    def signed_by(self, secret: str) -> bool:
        """Tell whether one of the signatures is this secret's, whenever the attempt was made."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        expected = Webhook(secret).sign(self.id, at, self.body.decode())
        return expected in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """Keeps what it receives; answers 200 unless told otherwise for a path."""

    base: str = ""
    received: list[Received] = field(default_factory=list)
    answers: dict[str, deque[web.Response]] = field(default_factory=lambda: defaultdict(deque))
    always: dict[str, int] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def url(self, path: str = "/hook") -> str:
        """Return the URL of a path here."""
        return self.base + path

    def then(self, path: str, status: int, **headers: str) -> "Receiver":
        """Answer the next request that has no answer yet with this status."""
        self.answers[path].append(
            web.Response(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})
        )
        return self

    def hold(self, path: str) -> asyncio.Event:
        """Let requests to a path hang until the event returned is set."""
        return self.gates.setdefault(path, asyncio.Event())

    def at(self, path: str = "/hook") -> list[Received]:
        """Return what a path received."""
        return [request for request in self.received if request.path == path]

    def ids(self, path: str = "/hook") -> list[str]:
        """Return the `webhook-id` of each request to a path, in order of arrival."""
        return [request.id for request in self.at(path)]

    async def wait_for(self, count: int, path: str = "/hook") -> list[Received]:
        """Return what a path received once it is at least `count` requests."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: len(self.at(path)) >= count)
        return self.at(path)

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the request, then answer it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.path, headers, await request.read()))
        async with self._arrived:
            self._arrived.notify_all()
        if gate := self.gates.get(request.path):
            await gate.wait()
        if self.answers[request.path]:
            return self.answers[request.path].popleft()
        return web.Response(status=self.always.get(request.path, 200))


@asynccontextmanager
async def running_receiver() -> AsyncIterator[Receiver]:
    """Run a receiver on a free port of loopback."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        for gate in receiver.gates.values():
            gate.set()
        await runner.cleanup()
