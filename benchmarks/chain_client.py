"""Runs whole chains against a prepared platform, as its callers and its partner would.

A chain: assess, read the match, refer, accept, schedule, attend, complete; the partner gets five signed webhooks.
"""

import asyncio
import json
import re
import time
from datetime import UTC, datetime

import aiohttp

from deploy.demo import bodies
from deploy.demo.__main__ import SERVICE
from deploy.demo.api import Api, Credentials, get_token
from deploy.demo.host import Host
from deploy.demo.receiver import Receiver
from services.identity.bootstrap import Demonstration

WORKERS = 8
WEBHOOKS = 5
REQUESTS = 7
REFERRAL_BYTES = 1_100
"""A referral's body in JSON, with its agreement and contact sheet."""
_OPERATIONS = re.compile(r'^relais_store_commit_operations_sum\{store="\w+"\} (\S+)', re.MULTILINE)


class ChainClient:
    """Runs chains against a prepared platform and counts its own requests."""

    def __init__(self, http: aiohttp.ClientSession, host: Host, clients: Demonstration) -> None:
        self._http, self._host, self._clients = http, host, clients
        self.requests = 0
        self.receiver = Receiver()

    async def connect(self) -> None:
        """Get tokens, subscribe the receiver, learn a venue."""
        base = self._host.base
        institution, partner = (
            Credentials(one.client_id, one.client_secret)
            for one in (self._clients.institution, self._clients.partner)
        )
        self.prescriber = Api(
            self._http, base, await get_token(self._http, base, institution), "agent-bench", SERVICE
        )
        self.partner = Api(self._http, base, await get_token(self._http, base, partner), "partner-bench")
        self.hook = await self.receiver.start()
        made = await self.partner.post("/v1/subscriptions", {"url": self.hook, "event_types": ["*"]})
        self.receiver.secret = made["secret"]

    async def chain(self) -> str:
        """Run one chain; return the id of its assessment."""
        assessed = await self.prescriber.post("/v1/assessments", bodies.first_interview())
        self.requests += 1
        while True:
            found = await self.prescriber.get("/v1/matches", assessment_id=assessed["id"])
            self.requests += 1
            if found["items"]:
                break
            await asyncio.sleep(0.01)
        match, now = found["items"][0], datetime.now(UTC)
        venue = match["venue_ids"][0]
        referral = await self.prescriber.post(
            "/v1/referrals", bodies.referral(venue, assessed, match["id"], now)
        )
        path = f"/v1/referrals/{referral['id']}"
        for command, body in (
            ("accept", {}),
            ("schedule", bodies.appointment(now)),
            ("attendance", {"attendance": "seen"}),
            ("complete", bodies.OUTCOME),
        ):
            await self.partner.post(f"{path}/{command}", body)
        self.requests += 5
        return str(assessed["id"])

    async def run(self, chains: int) -> float:
        """Run chains with `WORKERS` at once; return chains per second, until all are told to the partner and counted."""
        wanted, counted = len(self.receiver.received) + chains * WEBHOOKS, await self._counted() + chains
        numbers, started = iter(range(chains)), time.perf_counter()

        async def work() -> None:
            for _ in numbers:
                await self.chain()

        await asyncio.gather(*(work() for _ in range(WORKERS)))
        await self.receiver.wait_for(lambda _: len(self.receiver.received) >= wanted, 60)
        while await self._counted() < counted:
            await asyncio.sleep(0.02)
        return chains / (time.perf_counter() - started)

    @property
    def answer_bytes(self) -> int:
        """Return the bytes of all answers so far."""
        return self.prescriber.received_bytes + self.partner.received_bytes

    @property
    def request_bytes(self) -> int:
        """Return the average bytes of a body sent: the interview and the referral are large, the commands small."""
        large = len(json.dumps(bodies.first_interview())) + len(json.dumps(bodies.OUTCOME)) + REFERRAL_BYTES
        return large // REQUESTS

    async def writes(self) -> float:
        """Return how many writes the platform has made."""
        return sum(float(found) for found in _OPERATIONS.findall(await self._metrics()))

    async def _counted(self) -> int:
        report = await self.prescriber.get("/v1/statistics/own/funnel")
        return int(report["total"]["completed"]["cases"])

    async def _metrics(self) -> str:
        async with self._http.get(f"{self._host.base}/metrics") as answer:
            return await answer.text()
