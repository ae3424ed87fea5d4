"""What happens around every request: the trace it belongs to, its metrics and log line, and the size of its body."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import RelaisError
from shared.http.problems import problem_response
from shared.observability import metrics
from shared.observability.tracing import continue_trace

log = structlog.get_logger()

SLOW_SECONDS = 1.0
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


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
    metrics.HTTP_REQUESTS.labels(scope["method"], route, status).inc()
    metrics.HTTP_SECONDS.labels(route).observe(seconds)
    if route not in _QUIET and (status >= 500 or seconds > SLOW_SECONDS):
        log.warning(
            "http.request.answered",
            method=scope["method"],
            route=route,
            status=status,
            duration_ms=round(seconds * 1000),
        )


class LimitedBody:
    """Refuses bodies over a limit, by their announced length or as they arrive. Prefixes may have limits of their own."""

    def __init__(self, app: ASGIApp, limit_bytes: int, larger: dict[str, int]) -> None:
        self._app, self._limit, self._larger = app, limit_bytes, larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "DELETE", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], self._limit)
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > limit:
            await problem_response(BodyTooLarge(limit))(scope, receive, send)
            return
        seen = 0

        async def counted_receive() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise BodyTooLarge(limit)
            return message

        await self._app(scope, counted_receive, send)
