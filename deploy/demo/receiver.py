"""A real HTTP receiver of webhooks, as a partner's software would be: it verifies each signature before it reads.

Verification is that of the `standardwebhooks` package, which knows nothing of Relais.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


@dataclass(frozen=True, slots=True)
class Received:
    """One verified webhook; `at` is when it arrived, on this process's own clock."""

    webhook_id: str
    body: dict[str, Any]
    at: float


@dataclass
class Receiver:
    """Listens on loopback; `secret` is set once the subscription has told it."""

    secret: str = ""
    received: list[Received] = field(default_factory=list)
    refused: int = 0
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _runner: web.AppRunner | None = None

    async def start(self) -> str:
        """Listen on a free port; return the address to subscribe."""
        app = web.Application()
        app.router.add_post("/relais", self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{port}/relais"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_for(self, matches: Callable[[Received], bool], seconds: float = 20) -> Received:
        """Return the first webhook that matches, waiting for it.

        Raises:
            TimeoutError: none came in time.
        """
        async with asyncio.timeout(seconds), self._arrived:
            while True:
                for one in self.received:
                    if matches(one):
                        return one
                await self._arrived.wait()

    async def _receive(self, request: web.Request) -> web.Response:
        text = await request.text()
        try:
            body = Webhook(self.secret).verify(text, dict(request.headers))
        except (WebhookVerificationError, ValueError):
            self.refused += 1
            return web.Response(status=400)
        async with self._arrived:
            self.received.append(Received(request.headers["webhook-id"], body, time.perf_counter()))
            self._arrived.notify_all()
        return web.Response(status=204)
