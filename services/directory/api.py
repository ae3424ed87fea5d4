"""The HTTP surface of the directory."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.datastructures import UploadFile

from services.directory.bodies import (
    UUID_PATTERN,
    ImportOut,
    ImportQuery,
    MatchOut,
    MatchQuery,
    MatchSummary,
    NewMatch,
    ReportQuery,
    VenueOut,
    VenueQuery,
)
from services.directory.errors import (
    ImportsBusy,
    NothingUploaded,
    SourceOfAnother,
    SourceReserved,
    UnknownMunicipality,
    VenueAlreadyKnown,
    VenueRetired,
)
from services.directory.import_desk import ImportDesk
from services.directory.matches import Cause, Matches
from services.directory.model import VenueRecord
from services.directory.repository import MatchRepository
from services.directory.venues import Venues
from shared.errors import NotFound
from shared.http.auth import MissingScope, Unauthenticated, acts, requires
from shared.http.components import component
from shared.http.idempotency import Idempotent, InvalidIdempotencyKey
from shared.http.paging import ListOf, Paging
from shared.http.problems import InvalidRequest, documented
from shared.idempotency import IdempotencyKeyReused, check_same_request
from shared.security.caller import Act, Caller, Scope
from shared.store.port import InvalidCursor, StaleVersion
from shared.vault.port import CaseErased, UnknownCase

venues = APIRouter(prefix="/v1/venues", tags=["directory"])
imports = APIRouter(prefix="/v1/imports", tags=["directory"])
matches = APIRouter(prefix="/v1/matches", tags=["directory"])
ROUTERS = (venues, imports, matches)

VenueReader = Annotated[Caller, requires(Scope.VENUES_READ)]
VenueWriter = Annotated[Act, acts(Scope.VENUES_WRITE)]
MatchReader = Annotated[Caller, requires(Scope.MATCHES_READ)]
MatchOpener = Annotated[Act, acts(Scope.MATCHES_READ)]
MatchWriter = Annotated[Act, acts(Scope.MATCHES_WRITE)]
VenueDesk = Annotated[Venues, component(Venues)]
Desk = Annotated[ImportDesk, component(ImportDesk)]
MatchStore = Annotated[MatchRepository, component(MatchRepository)]
MatchDesk = Annotated[Matches, component(Matches)]
Id = Annotated[str, Path(pattern=UUID_PATTERN)]

REFUSED = (Unauthenticated, MissingScope, InvalidRequest)
CREATING = (*REFUSED, InvalidIdempotencyKey, IdempotencyKeyReused)


@venues.get("", summary="List venues", responses=documented(*REFUSED, UnknownMunicipality, InvalidCursor))
async def list_venues(
    _caller: VenueReader, query: Annotated[VenueQuery, Query()], desk: VenueDesk
) -> ListOf[VenueOut]:
    """Venues that are not retired, by id, or by distance around a place."""
    return await desk.page(query)


@venues.post(
    "", status_code=201, summary="Create a venue", responses=documented(*CREATING, VenueAlreadyKnown)
)
async def create_venue(body: VenueRecord, act: VenueWriter, key: Idempotent, desk: VenueDesk) -> VenueOut:
    """Add one venue to those the institution keeps by hand."""
    return await desk.create(body, act, key)


@venues.get("/{venue_id}", summary="Read a venue", responses=documented(*REFUSED, NotFound))
async def read_venue(venue_id: Id, _caller: VenueReader, desk: VenueDesk) -> VenueOut:
    """A venue's public record, retired or not."""
    return await desk.read(venue_id)


@venues.put(
    "/{venue_id}",
    summary="Replace a venue's record",
    responses=documented(*REFUSED, NotFound, SourceOfAnother, VenueRetired, StaleVersion),
)
async def replace_venue(venue_id: Id, body: VenueRecord, act: VenueWriter, desk: VenueDesk) -> VenueOut:
    """Replace the whole record; the same record again changes nothing."""
    return await desk.replace(venue_id, body, act.caller)


@venues.delete(
    "/{venue_id}",
    status_code=204,
    summary="Retire a venue",
    responses=documented(*REFUSED, NotFound, SourceOfAnother, StaleVersion),
)
async def retire_venue(venue_id: Id, act: VenueWriter, desk: VenueDesk) -> None:
    """Propose it no more; its record stays readable with `retired_at`."""
    await desk.retire(venue_id, act.caller)


@imports.post(
    "",
    status_code=202,
    summary="Import a file of venues",
    responses=documented(*CREATING, NothingUploaded, SourceOfAnother, SourceReserved, ImportsBusy),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                },
            },
        }
    },
)
async def start_import(
    request: Request,
    query: Annotated[ImportQuery, Query()],
    act: VenueWriter,
    key: Idempotent,
    desk: Desk,
) -> ImportOut:
    """Make the venues of a source those of a CSV file (standard v1.0.2); read the outcome with its id."""
    return await desk.begin(query.source, await _content(request), act, key)


@imports.get("", summary="List imports", responses=documented(*REFUSED, InvalidCursor))
async def list_imports(caller: VenueReader, paging: Paging, desk: Desk) -> ListOf[ImportOut]:
    """The imports of the client's part of the tree, newest first, without their reports."""
    return await desk.page(caller, paging)


@imports.get(
    "/{import_id}", summary="Read an import and its report", responses=documented(*REFUSED, NotFound)
)
async def read_import(
    import_id: Id, caller: VenueReader, query: Annotated[ReportQuery, Query()], desk: Desk
) -> ImportOut:
    """Where an import stands, and its report row by row."""
    return await desk.read(import_id, caller, query)


@matches.post(
    "",
    status_code=201,
    summary="Match needs to venues",
    responses=documented(*CREATING, UnknownMunicipality, UnknownCase, CaseErased),
)
async def ask_for_match(body: NewMatch, act: MatchWriter, key: Idempotent, desk: MatchDesk) -> MatchOut:
    """The venues that fit best, with reasons; what is covered; what was excluded and why."""
    if body.case_id is not None:
        await desk.check_case(body.case_id, act.caller)
    position = (
        desk.centre(body.commune)
        if body.commune is not None
        else desk.place(body.latitude or 0.0, body.longitude or 0.0)
    )
    cause = Cause(
        match_id=key.creation_id(act.caller),
        kind="request",
        owner=act.owner,
        case_id=body.case_id,
        assessment_id=body.assessment_id,
        fingerprint=key.fingerprint,
    )
    made = await desk.answer(body.request(position), cause, name_exclusions=body.name_exclusions)
    check_same_request(made.fingerprint, key)
    return MatchOut.of(made, *await desk.open(made))


@matches.get("", summary="List matches", responses=documented(*REFUSED, InvalidCursor))
async def list_matches(
    caller: MatchReader, query: Annotated[MatchQuery, Query()], stored: MatchStore
) -> ListOf[MatchSummary]:
    """Matches, oldest first: those of an assessment, or all in the client's part of the tree."""
    if query.assessment_id is not None:
        page = await stored.of_assessment(query.assessment_id, caller, query.after, query.limit)
    else:
        page = await stored.owned(caller, query.after, query.limit)
    return ListOf(items=[MatchSummary.of(one) for one in page.items], next=page.next)


@matches.get("/{match_id}", summary="Read a match", responses=documented(*REFUSED, NotFound, CaseErased))
async def read_match(match_id: Id, act: MatchOpener, desk: MatchDesk) -> MatchOut:
    """A match with its reasons; its venues are shown as they stand today. Journalled when it is about a person."""
    return MatchOut.of(*await desk.read(match_id, act))


async def _content(request: Request) -> bytes:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=10) as form:
            part = form.get("file")
            content = await part.read() if isinstance(part, UploadFile) else b""
    else:
        content = await request.body()
    if not content.strip():
        raise NothingUploaded
    return content
