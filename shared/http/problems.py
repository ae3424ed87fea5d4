"""The one place that turns errors into RFC 9457 answers (`application/problem+json`).

`type` is `/problems/` and the error's class name in kebab-case. An answer names fields and rules and never echoes
a value: what was sent may be about a person.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from shared.errors import RelaisError, Unavailable

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
# "Input should be a valid UUID, invalid character: found `é` at 3": after the comma comes what was sent.
_QUOTING = frozenset({"uuid_parsing", "url_parsing", "url_syntax_violation"})


class Problem(BaseModel):
    """RFC 9457 problem details, as every refusal is written."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


class InvalidRequest(RelaisError):
    """A payload or parameter that does not fit; names every field at once."""

    status: ClassVar[int] = 422

    def __init__(self, errors: list[dict[str, str]]) -> None:
        fields = ", ".join(item["field"] for item in errors)
        super().__init__(f"{len(errors)} field(s) do not fit: {fields}.", errors=errors)


def problem_response(
    error: RelaisError, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Render an error; extra members come from its facts."""
    name = type(error).__name__
    code = status or error.status
    body = {
        "type": f"/problems/{_kebab(name)}",
        "title": _words(name),
        "status": code,
        "detail": str(error),
        **error.facts,
    }
    merged = dict(headers or {})
    if isinstance(error, Unavailable):
        merged["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Response(orjson.dumps(body), status_code=code, media_type=MEDIA_TYPE, headers=merged)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of an app leave as a problem."""
    app.add_exception_handler(RelaisError, _on_relais_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_bug)


def documented(*errors: type[RelaisError]) -> dict[int | str, dict[str, Any]]:
    """Return the `responses=` of a route that may raise these errors."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        name = _kebab(error.__name__)
        entry = by_status.setdefault(
            error.status, {"description": "", "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
        )
        entry["description"] = f"{entry['description']}, {name}" if entry["description"] else name
    return by_status


_SCHEMA = Problem.model_json_schema()


class _Refused(RelaisError):
    """An answer of the framework itself: no such route, method not allowed."""


class RequestCutShort(RelaisError):
    """The client hung up before the end of its body."""

    status: ClassVar[int] = 400

    def __init__(self) -> None:
        super().__init__("The connection ended before the body did.")


async def _on_relais_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, RelaisError) or error.status == 500:  # of ours, but no answer for a client
        return await _on_bug(request, error)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return problem_response(error, headers=headers)


async def _on_disconnect(_request: Request, _error: Exception) -> Response:
    return problem_response(RequestCutShort())  # nobody reads it; the status is for the metrics


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return problem_response(
        InvalidRequest(
            [
                {
                    "field": ".".join(_safe_name(part) for part in item["loc"]),
                    "problem": _safe_message(item),
                    "rule": str(item["type"]),
                }
                for item in error.errors()
            ]
        )
    )


def _safe_name(part: object) -> str:
    """Return a step of a field's path. A name that the client made up is only given back when it looks like a field."""
    name = str(part)
    return (
        name if isinstance(part, int) or _FIELD_NAME.fullmatch(name) else "(a name that is not repeated here)"
    )


def _safe_message(item: Mapping[str, Any]) -> str:
    """Return pydantic's message, which states the rule; the few that quote the input are said in our words."""
    if item["type"] == "union_tag_invalid":
        return f"Input should have {item['ctx']['discriminator']} as one of {item['ctx']['expected_tags']}"
    if item["type"] in _QUOTING:
        return str(item["msg"]).partition(",")[0]
    return str(item["msg"])


async def _on_http_exception(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    refused = _Refused(str(error.detail))
    response = problem_response(refused, status=error.status_code, headers=error.headers)
    response.body = orjson.dumps(
        {
            "type": "about:blank",
            "title": str(error.detail),
            "status": error.status_code,
            "detail": str(error.detail),
        }
    )
    response.headers["content-length"] = str(len(response.body))
    return response


async def _on_bug(request: Request, error: Exception) -> Response:
    route = request.scope.get("route")
    log.error(
        "http.request.failed",
        route=getattr(route, "path", "unmatched"),
        error=type(error).__name__,
        exc_info=error,
    )
    body = {
        "type": "/problems/internal-error",
        "title": "Internal error",
        "status": 500,
        "detail": "Something went wrong on our side; nothing half-done was kept. The operators can see it.",
    }
    return Response(orjson.dumps(body), status_code=500, media_type=MEDIA_TYPE)


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def _words(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).capitalize()
