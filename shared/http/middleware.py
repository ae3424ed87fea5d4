"""What happens around every request: the trace it belongs to, its metrics and log line, the size of its body, who may keep the answer."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import RelaisError
from shared.http.problems import problem_response
from shared.observability import metrics
from shared.observability.tracing import continue_trace

log = structlog.get_logger()

SLOW_SECONDS = 1.0
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_NO_STORE = (b"cache-control", b"no-store")
_NO_SNIFFING = (b"x-content-type-options", b"nosniff")


class BodyTooLarge(RelaisError):
    """The body is over the limit of its route."""

    status = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The body is larger than {limit_bytes} bytes.", limit_bytes=limit_bytes)


class Observed:
    """Counts and times each request by its route template, and writes one log line for a slow or failed one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = next(
            (value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), None
        )
        continue_trace(received)
        started, status = time.perf_counter(), 500

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed_send)
        finally:
            _observe(scope, status, time.perf_counter() - started)


def _observe(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")
    # Anybody may invent a method; each would be a series of its own.
    method = scope["method"] if scope["method"] in _METHODS else "other"
    metrics.child(metrics.HTTP_REQUESTS, method, route, str(status)).inc()
    metrics.child(metrics.HTTP_SECONDS, route).observe(seconds)
    if route not in _QUIET and (status >= 500 or seconds > SLOW_SECONDS):
        log.warning(
            "http.request.answered",
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000),
        )


class Unkept:
    """Says of each answer that it is what it says it is and, under `/v1/`, that nobody on its way keeps a copy of it.

    What the API answers is often about a person; a route that knows better sets `Cache-Control` itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        api = scope["path"].startswith("/v1/")

        async def unkept_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                added = [_NO_SNIFFING] if _NO_SNIFFING[0] not in names else []
                if api and _NO_STORE[0] not in names:
                    added.append(_NO_STORE)
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, unkept_send)


class LimitedBody:
    """Refuses bodies over a limit, by their announced length or as they arrive. Some paths have limits of their own."""

    def __init__(self, app: ASGIApp, limit_bytes: int, larger: dict[str, int]) -> None:
        self._app, self._limit, self._larger = app, limit_bytes, larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], self._limit)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > limit:
            await problem_response(BodyTooLarge(limit))(scope, receive, send)
            return
        await _Counted(self._app, limit, receive, send).serve(scope)


class _Counted:
    """One request whose body is counted as it arrives.

    Over the limit the app is stopped by an error; whatever it makes of that (FastAPI: 400), the client gets the 413.
    """

    def __init__(self, app: ASGIApp, limit: int, receive: Receive, send: Send) -> None:
        self._app, self._limit, self._receive, self._send = app, limit, receive, send
        self._seen = 0
        self._answered = False

    async def serve(self, scope: Scope) -> None:
        try:
            await self._app(scope, self._counted_receive, self._guarded_send)
        except BodyTooLarge:
            if self._answered:
                raise
        if self._seen > self._limit and not self._answered:
            await problem_response(BodyTooLarge(self._limit))(scope, self._receive, self._send)

    async def _counted_receive(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > self._limit:
            raise BodyTooLarge(self._limit)
        return message

    async def _guarded_send(self, message: Message) -> None:
        if self._seen > self._limit and not self._answered:
            return
        self._answered = True
        await self._send(message)
