"""A small HTTP surface with every kind of answer that the kit gives."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from shared.errors import NotFound, Unavailable
from shared.http.app import build_app
from shared.http.paging import ListOf, PageQuery, Paging
from shared.http.problems import documented
from shared.observability.health import Health
from shared.observability.tracing import current_traceparent
from shared.security.nir import ShortText
from shared.store.port import StaleVersion, UndeclaredQuery

router = APIRouter(prefix="/v1")


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: ShortText
    size: int = Field(ge=1)
    reference: UUID | None = None
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    marks: dict[str, int] = {}


class Filters(PageQuery):
    colour: Literal["red", "blue"] | None = None


@router.post("/things", status_code=201)
async def make(thing: Thing) -> dict[str, int]:
    return {"size": thing.size}


@router.post("/raw")
async def raw(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@router.post("/imports")
async def imports(request: Request) -> dict[str, int]:
    return {"bytes": sum([len(piece) async for piece in request.stream()])}


@router.get("/things", response_model=ListOf[int])
async def listing(query: Annotated[Filters, Query()]) -> dict[str, Any]:
    return {"items": [query.limit], "next": query.after}


@router.get("/plain", response_model=ListOf[int])
async def plain(query: Paging) -> dict[str, Any]:
    return {"items": [query.limit], "next": query.after}


@router.get("/things/{identifier}", responses=documented(NotFound, StaleVersion))
async def one(identifier: str) -> None:
    raise NotFound("thing", identifier)


@router.get("/away")
async def away() -> None:
    raise Unavailable("The store can't answer now: it sleeps.")


@router.get("/bug")
async def bug() -> None:
    raise ValueError("could not read 'Mme Lefevre'")


@router.get("/undeclared")
async def undeclared() -> None:
    raise UndeclaredQuery("notes", "by_mood", "declared: ['by_age']")


@router.get("/kept")
async def kept() -> Response:
    return Response(headers={"Cache-Control": "max-age=60"})


@router.get("/trace")
async def trace() -> dict[str, str | None]:
    return {"trace": current_traceparent()}


class Nobody:
    async def verify(self, token: str) -> Any:
        raise AssertionError("no route here asks who calls")


def surface(health: Health | None = None, waiting: dict[str, str] | None = None) -> FastAPI:
    """Return the app."""
    return build_app(
        [router],
        components={},
        verifier=Nobody(),
        request_secret=b"secret",
        health=health or Health(),
        ready=lambda: waiting or {},
        asyncapi=lambda: {"asyncapi": "3.0.0"},
    )
