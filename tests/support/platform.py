"""A whole embedded platform on a real socket, for tests."""

import asyncio
import base64
import random
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from joserfc.jwk import ECKey, KeySet

from services.platform import SERVICES, Platform
from shared.bus.topics import Topic
from shared.events.envelope import Event, decode
from shared.http.auth import TokenVerifier, Unauthenticated
from shared.ids import RandomIds
from shared.security.caller import Caller, Scope
from shared.security.tokens import JwtVerifier, TokenIssuer
from shared.settings import PlatformSettings
from shared.store.port import Store
from shared.store.sqlite import log_table
from shared.vault.port import Vault
from tests.support.clock import ManualClock
from tests.support.http import ApiClient

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
PRESCRIBER = tuple(
    scope
    for scope in Scope
    if scope not in {Scope.REFERRALS_ANSWER, Scope.INSTITUTIONS_MANAGE, Scope.CLIENTS_MANAGE}
)
PARTNER = (Scope.REFERRALS_ANSWER, Scope.SUBSCRIPTIONS_MANAGE, Scope.EVENTS_READ, Scope.VENUES_READ)
SETTLE_SECONDS = 20


class EitherVerifier:
    """Accepts the tokens that tests mint, and those of the platform's own identity service."""

    def __init__(self, minted: TokenVerifier) -> None:
        self.minted = minted
        self.own: TokenVerifier | None = None

    async def verify(self, token: str) -> Caller:
        """Return the caller of either kind of token."""
        try:
            return await self.minted.verify(token)
        except Unauthenticated:
            if self.own is None:
                raise
        return await self.own.verify(token)


@dataclass
class PlatformUnderTest:
    """What a test holds: a running platform and the ways into it."""

    platform: Platform
    clock: ManualClock
    base: str
    session: aiohttp.ClientSession
    issuer: TokenIssuer
    key: ECKey
    server: uvicorn.Server = field(repr=False)

    @property
    def vault(self) -> Vault:
        """Return the vault."""
        return self.platform.vault

    def store(self, service: str) -> Store:
        """Return a service's own store."""
        return self.platform.engine.store(service)

    async def client(
        self,
        node: str = "cpam93/bobigny/accueil",
        *,
        scopes: Sequence[str] = PRESCRIBER,
        venues: Sequence[str] = (),
        client_id: str | None = None,
        agent: str = "agent-7",
    ) -> ApiClient:
        """Return a client with a token of these claims."""
        caller = Caller(
            client_id or f"client-{node.replace('/', '-')}", node, frozenset(scopes), frozenset(venues)
        )
        return ApiClient(self.session, self.base, self.issuer.issue(caller, self.key), agent, node)

    async def partner(self, *venues: str, node: str = "pimms-93") -> ApiClient:
        """Return a partner's client that answers for these venues."""
        return await self.client(node, scopes=PARTNER, venues=venues, agent="partner-agent-1")

    def anonymous(self) -> ApiClient:
        """Return a client without a token."""
        return ApiClient(self.session, self.base, None, "agent-7", None)

    async def settle(self) -> None:
        """Return once every event published so far is handled by every group, and those they caused too."""
        async with asyncio.timeout(SETTLE_SECONDS):
            while not await self._idle():
                await asyncio.sleep(0.005)

    async def events(self, topic: Topic) -> list[Event[Any]]:
        """Return everything published on a topic, decoded, oldest first."""
        rows = self.platform.engine.read(f"SELECT body FROM {log_table(topic)} ORDER BY position")
        return [decode(row[0]) for row in rows if row[0] is not None]

    async def _idle(self) -> bool:
        first = [await consumer.idle() for consumer in self.platform.consumers]
        await asyncio.sleep(0)
        return all(first) and all([await consumer.idle() for consumer in self.platform.consumers])


def test_settings(data_dir: Path, **changes: Any) -> PlatformSettings:
    """Return settings for a test: its own folder, a fixed key, webhooks to loopback allowed."""
    values: dict[str, Any] = {
        "data_dir": data_dir,
        "master_key": MASTER_KEY,
        "webhook_allow_private": True,
        "port": 0,
    }
    return PlatformSettings(**values | changes)


test_settings.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it


@asynccontextmanager
async def running_platform(
    data_dir: Path, *, names: Sequence[str] = SERVICES, clock: ManualClock | None = None, **settings: Any
) -> AsyncIterator[PlatformUnderTest]:
    """Run a platform on a free port of loopback."""
    clock = clock or ManualClock()
    configured = test_settings(data_dir, **settings)
    key = ECKey.generate_key("P-256", {"kid": "test", "use": "sig", "alg": "ES256"}, auto_kid=False)
    issuer = TokenIssuer(configured.public_url, clock, RandomIds(), timedelta(days=400))
    verifier = EitherVerifier(JwtVerifier(configured.public_url, clock, lambda: KeySet([key])))
    platform = await Platform.start(
        configured, clock=clock, rng=random.Random(7), names=names, verifier=verifier
    )
    if "identity" in names:
        verifier.own = platform.services["identity"].components[TokenVerifier]  # type: ignore[assignment]
    listener = socket.create_server(("127.0.0.1", 0))
    # Accepted sockets inherit it. asyncio sets it only on sockets of an explicit protocol, which these are not, and
    # without it each answer waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(uvicorn.Config(platform.app, log_config=None, lifespan="off", access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        async with aiohttp.ClientSession() as session:
            while not server.started:
                await asyncio.sleep(0.005)
            yield PlatformUnderTest(platform, clock, base, session, issuer, key, server)
    finally:
        server.should_exit = True
        await serving
        await platform.stop()
