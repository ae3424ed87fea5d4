"""The HTTP application of one process: the routes of its services, and what every process answers.

Every process: `/healthz` (progress), `/readyz`, `/metrics`, `/openapi.json`, `/docs` (its assets are served from here, not from
a content network), `/asyncapi.json`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import HTMLResponse, Response

from shared.http.auth import TokenVerifier
from shared.http.middleware import LimitedBody, Observed, Unkept
from shared.http.problems import install_problem_handlers
from shared.observability.health import Health, Level

BODY_LIMIT_BYTES = 1_048_576
LARGER_BODIES = {"/v1/imports": 64 * 1_048_576}
DESCRIPTION = """Relais carries a person who struggles with digital services from an assessment to a proven result.

Ask `POST /oauth/token` for an access token, send it as `Authorization: Bearer`, say who acts with `Relais-Agent` and
`Relais-Service`, and give each creation or move an `Idempotency-Key`. Errors are RFC 9457 problems; lists are read by cursor."""


def build_app(
    routers: Sequence[APIRouter],
    *,
    components: Mapping[type, object],
    verifier: TokenVerifier,
    request_secret: bytes,
    health: Health,
    ready: Callable[[], Mapping[str, str]],
    asyncapi: Callable[[], dict[str, Any]],
) -> FastAPI:
    """Return the app. `ready` gives, for each service that must not yet be sent requests, the reason why."""
    app = FastAPI(title="Relais", version="1", description=DESCRIPTION, docs_url=None, redoc_url=None)
    app.state.components = components
    app.state.verifier = verifier
    app.state.request_secret = request_secret
    install_problem_handlers(app)
    for router in routers:
        # Laid flat: an included router is searched twice for each request, a third of a millisecond here.
        app.router.routes.extend(router.routes)
    _add_process_routes(app, health, ready, asyncapi)
    app.add_middleware(LimitedBody, limit_bytes=BODY_LIMIT_BYTES, larger=LARGER_BODIES)
    app.add_middleware(Unkept)
    app.add_middleware(Observed)
    return app


def _add_process_routes(
    app: FastAPI,
    health: Health,
    ready: Callable[[], Mapping[str, str]],
    asyncapi: Callable[[], dict[str, Any]],
) -> None:
    app.mount("/docs/assets", StaticFiles(packages=[("fastapi_offline", "static")]), name="docs-assets")

    async def healthz() -> Response:
        level, states = health.report()
        parts = {name: {"level": state.level, "why": state.why} for name, state in states.items()}
        return _json({"level": level, "parts": parts}, 503 if level is Level.FAILED else 200)

    async def readyz() -> Response:
        waiting = dict(ready())
        return _json({"ready": not waiting, "waiting_for": waiting}, 503 if waiting else 200)

    async def scrape() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Relais API",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon.png",
        )

    async def asyncapi_json() -> Response:
        return _json(asyncapi(), 200)

    routes = {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": scrape,
        "/docs": docs,
        "/asyncapi.json": asyncapi_json,
    }
    for path, endpoint in routes.items():
        app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False)


def _json(body: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")
