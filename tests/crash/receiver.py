"""The partner's endpoint as a process: logs each request raw, synced to disk, before it answers.

Usage: python -m tests.crash.receiver PORT LOG
"""

import sys
import time
from pathlib import Path

from aiohttp import web

from tests.crash.journal import Journal


def build(log: Path) -> web.Application:
    """Return the app that logs what it gets."""
    journal = Journal(log)

    async def receive(request: web.Request) -> web.Response:
        journal.write({"at": time.time(), "headers": dict(request.headers), "body": await request.text()})
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/{name}", receive)
    return app


if __name__ == "__main__":
    web.run_app(
        build(Path(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None
    )
