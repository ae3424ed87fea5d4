"""Sends chains until a file tells it to stop, and writes down each acknowledgement, synced, before the next request.

A request that gets no answer is repeated with the same `Idempotency-Key` until it is acknowledged, as a client should.
Usage: python -m tests.crash.driver CONFIG, a JSON file with base, prescriber, partner, service, workers, seed, journal and stop.
"""

import asyncio
import itertools
import json
import os
import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp

from deploy.demo import bodies
from deploy.demo.api import TIMEOUT, Api, Credentials, UnexpectedAnswer, get_token
from tests.crash.journal import Journal

PATIENCE_SECONDS = 120
AWAY = (aiohttp.ClientError, TimeoutError, ConnectionError)


class Driver:
    """Runs chains; every step is one acknowledged request."""

    def __init__(self, http: aiohttp.ClientSession, config: dict[str, Any], journal: Journal) -> None:
        self._http, self._config, self._journal = http, config, journal
        self._random = random.Random(config["seed"])
        self._prescriber: Api
        self._partner: Api

    async def connect(self) -> None:
        """Get both tokens."""
        base = self._config["base"]
        for name, agent in (("prescriber", "agent-crash"), ("partner", "partner-crash")):
            credentials = Credentials(**self._config[name])
            token = await insist(lambda one=credentials: get_token(self._http, base, one))
            setattr(
                self,
                f"_{name}",
                Api(
                    self._http, base, token, agent, self._config["service"] if name == "prescriber" else None
                ),
            )

    async def chain(self, number: int) -> None:
        """Assess, match, refer, accept, schedule, attend, complete; journal each acknowledgement."""
        assessed = await self._post(self._prescriber, "/v1/assessments", bodies.first_interview())
        self._note(number, "assessed", id=assessed["id"], case_id=assessed["case_id"])
        match = await self._match_of(assessed["id"])
        self._note(number, "matched", id=match["id"], assessment_id=assessed["id"])
        now = datetime.now(UTC)
        referral = await self._post(
            self._prescriber,
            "/v1/referrals",
            bodies.referral(match["venue_ids"][0], assessed, match["id"], now),
        )
        self._note(number, "requested", id=referral["id"])
        path = f"/v1/referrals/{referral['id']}"
        for command, state, body in (
            ("accept", "accepted", {}),
            ("schedule", "scheduled", bodies.appointment(now)),
            ("attendance", "in_progress", {"attendance": "seen"}),
            ("complete", "completed", bodies.OUTCOME),
        ):
            await self._post(self._partner, f"{path}/{command}", body)
            self._note(number, state, id=referral["id"])

    async def _post(self, api: Api, path: str, body: dict[str, Any]) -> Any:
        key = str(UUID(int=self._random.getrandbits(128), version=4))
        return await insist(lambda: api.post(path, body, key=key))

    async def _match_of(self, assessment_id: str) -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found = await insist(lambda: self._prescriber.get("/v1/matches", assessment_id=assessment_id))
                if found["items"]:
                    return found["items"][0]
                await asyncio.sleep(0.02)

    def _note(self, chain: int, step: str, **facts: str) -> None:
        self._journal.write({"chain": chain, "step": step, **facts})


async def insist(call: Any) -> Any:
    """Repeat a call until it is answered; an answer that says no for good ends the driver."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await call()
            except AWAY:
                await asyncio.sleep(0.05)
            except UnexpectedAnswer as error:
                if error.status != 503:
                    raise
                await asyncio.sleep(0.1)


async def drive(config: dict[str, Any]) -> None:
    """Run all chains with a few workers."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
        driver = Driver(http, config, Journal(Path(config["journal"])))
        await driver.connect()
        numbers, stop = itertools.count(), config["stop"]

        async def work() -> None:
            while not os.path.exists(stop):  # noqa: PTH110, ASYNC240 - a look at a local folder
                await driver.chain(next(numbers))

        async with asyncio.TaskGroup() as group:
            for _ in range(config["workers"]):
                group.create_task(work())


if __name__ == "__main__":
    asyncio.run(drive(json.loads(Path(sys.argv[1]).read_text())))
