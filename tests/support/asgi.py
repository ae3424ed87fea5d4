"""Speaks ASGI to an app without a socket, so that a test decides how a request arrives, piece by piece."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import ASGIApp, Message


@dataclass
class AsgiAnswer:
    """What an app sent back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    starts: int = 0

    @property
    def json(self) -> Any:
        """Return the decoded body."""
        return orjson.loads(self.body)


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    body: object = None,
    pieces: Sequence[bytes] = (),
    headers: dict[str, str] | None = None,
    hang_up: bool = False,
) -> AsgiAnswer:
    """Send one request: `body` as JSON with its length, or `pieces` without one; `hang_up` ends it half-way.

    An error that the app lets through after its answer (as it does for a bug) is left aside.
    """
    path, _, query = path.partition("?")
    sent = dict(headers or {})
    if body is not None:
        pieces = (body if isinstance(body, bytes) else orjson.dumps(body),)
        sent |= {"content-type": "application/json", "content-length": str(len(pieces[0]))}
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.disconnect"} if hang_up else {"type": "http.request", "body": b""})
    answer = AsgiAnswer()

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.starts += 1
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    try:
        await app(scope, receive, send)
    except Exception:
        if answer.status < 500:
            raise
    return answer
