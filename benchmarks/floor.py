"""The floor of `chain_vs_floor`: the same server, token check, commits, bytes and webhooks, and no product at all.

Usage: python -m benchmarks.floor CONFIG, a JSON file with port, folder, hook, webhooks, rows_bytes, issuer and jwk. A request names in its query
how many writes and webhooks it stands for; the first write is awaited, the others follow in the background, one after the other in three lanes,
as the three groups of the product do.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import uvicorn
import uvloop
from fastapi import FastAPI, Request
from joserfc.jwk import ECKey, KeySet

from benchmarks.bare import BareGroupCommit
from benchmarks.chain_client import WORKERS
from services.server import calm_collector
from shared.clock import SystemClock
from shared.http.auth import requires
from shared.ids import RandomIds
from shared.security.caller import Caller, Scope
from shared.security.tokens import JwtVerifier

LANES = 3
Token = Annotated[Caller, requires(Scope.REFERRALS_WRITE)]
SQL = "INSERT INTO rows (id, body) VALUES (?, ?)"
SCHEMA = ["CREATE TABLE rows (id TEXT PRIMARY KEY, body TEXT)"]


def build(config: dict[str, Any]) -> FastAPI:  # noqa: C901 - one closure a route, read in a line
    """Return the floor's app; call from its event loop."""
    writer = BareGroupCommit(Path(config["folder"]) / "floor.db", SCHEMA)
    ids, http, hooks = RandomIds(), aiohttp.ClientSession(), asyncio.Semaphore(WORKERS)
    answer = "x" * config["answer_bytes"]
    body, pending = "x" * config["row_bytes"], set[asyncio.Future[Any]]()
    app = FastAPI(openapi_url=None)
    app.state.verifier = JwtVerifier(
        config["issuer"], SystemClock(), lambda: KeySet([ECKey.import_key(config["jwk"])])
    )

    async def send() -> None:
        async with hooks, http.post(config["hook"], data=b"y" * 400) as answer:
            await answer.read()

    def later(work: Any) -> None:
        future = asyncio.ensure_future(work)
        pending.add(future)
        future.add_done_callback(pending.discard)

    def write() -> "asyncio.Future[None]":
        return writer.write((SQL, (ids.new(), body)))

    async def one_after_the_other(count: int) -> None:
        for _ in range(count):
            await write()

    @app.post("/chain")
    async def chain(request: Request, _caller: Token) -> dict[str, str]:
        await request.body()
        writes, webhooks = map(int, request.scope["query_string"].split(b"-"))
        rest = range(writes - 1)
        for lane in range(LANES):
            if count := len(rest[lane::LANES]):
                later(one_after_the_other(count))
        for _ in range(webhooks):
            later(send())
        if writes:
            await write()
        return {"answer": answer}

    @app.post("/bare")
    async def bare(request: Request, _caller: Token) -> dict[str, str]:
        await request.body()
        return {"answer": answer}

    @app.get("/drain")
    async def drain() -> dict[str, int]:
        while pending:
            await asyncio.wait(set(pending))
        return {"left": len(pending)}

    return app


async def serve(config: dict[str, Any]) -> None:
    """Serve until the process is ended."""
    app = build(config)
    calm_collector()
    await uvicorn.Server(
        uvicorn.Config(
            app,
            port=config["port"],
            loop="none",
            http="httptools",
            log_config=None,
            access_log=False,
            lifespan="off",
        )
    ).serve()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(Path(sys.argv[1]).read_text())))
