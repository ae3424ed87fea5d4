"""The HTTP surface of identity."""

from datetime import timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from services.identity.bodies import (
    AuthorizationServerOut,
    ClientOut,
    ClientWithSecretOut,
    InstitutionOut,
    NewClient,
    NewInstitution,
    RotateSecret,
    TokenOut,
)
from services.identity.granting import FORM, TokenDesk, TokenRefused, read_token_request
from services.identity.keyring import Keyring
from services.identity.model import (
    Client,
    ClientDisabled,
    Institution,
    MayNotGrant,
    NodeExists,
    OutsideOwnTree,
    ParentMissing,
)
from services.identity.registry import Registry
from services.identity.repository import IdentityRepository
from shared.errors import NotFound
from shared.events.payload import NodePath
from shared.http.auth import (
    InvalidActHeader,
    MissingScope,
    ServiceOutOfSight,
    Unauthenticated,
    acts,
    requires,
)
from shared.http.components import component
from shared.http.idempotency import Idempotent, InvalidIdempotencyKey
from shared.http.paging import ListOf, Paging
from shared.http.problems import InvalidRequest, documented
from shared.idempotency import IdempotencyKeyReused
from shared.security.caller import Act, Caller, Scope
from shared.store.port import InvalidCursor, StaleVersion

oauth = APIRouter(tags=["identity"])
institutions = APIRouter(prefix="/v1/institutions", tags=["identity"])
clients = APIRouter(prefix="/v1/clients", tags=["identity"])
ROUTERS = (oauth, institutions, clients)

InstitutionsReader = Annotated[Caller, requires(Scope.INSTITUTIONS_MANAGE)]
InstitutionsWriter = Annotated[Act, acts(Scope.INSTITUTIONS_MANAGE)]
ClientsReader = Annotated[Caller, requires(Scope.CLIENTS_MANAGE)]
ClientsWriter = Annotated[Act, acts(Scope.CLIENTS_MANAGE)]
Desk = Annotated[TokenDesk, component(TokenDesk)]
Keys = Annotated[Keyring, component(Keyring)]
Metadata = Annotated[AuthorizationServerOut, component(AuthorizationServerOut)]
Commands = Annotated[Registry, component(Registry)]
Questions = Annotated[IdentityRepository, component(IdentityRepository)]
ClientId = Annotated[str, Path(max_length=64)]

READ = (Unauthenticated, MissingScope, InvalidRequest)
CHANGED = (*READ, InvalidActHeader, ServiceOutOfSight, InvalidIdempotencyKey, IdempotencyKeyReused)
NEVER_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
JWKS_SECONDS = 300
"""How long others may keep the keys; a token signed by a key they do not know makes them ask again."""

_TOKEN_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "scope": {
                            "type": "string",
                            "description": "Scopes by spaces; all the client has if absent.",
                        },
                        "client_id": {"type": "string", "description": "Unless HTTP Basic carries it."},
                        "client_secret": {"type": "string", "format": "password"},
                    },
                }
            }
        },
    },
    "security": [{}],
}
_TOKEN_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "invalid_request, unsupported_grant_type or invalid_scope (RFC 6749, section 5.2)"},
    401: {"description": "invalid_client"},
    429: {"description": "too many bad secrets: see Retry-After"},
}


@oauth.post(
    "/oauth/token",
    summary="Ask for an access token",
    response_model=TokenOut,
    responses=_TOKEN_ERRORS,
    openapi_extra=_TOKEN_FORM,
)
async def grant_token(request: Request, desk: Desk) -> Response:
    """Client credentials, by HTTP Basic or in the form. Errors are those of RFC 6749, not problems."""
    content_type = request.headers.get("Content-Type", "")
    try:
        asked = read_token_request(content_type, await request.body(), request.headers.get("Authorization"))
        return _unkept(await desk.grant(asked))
    except TokenRefused as refusal:
        body = {"error": refusal.code, "error_description": str(refusal)}
        return _json(body, refusal.status, NEVER_KEPT | refusal.headers)


@oauth.get("/.well-known/jwks.json", summary="Read the public keys of tokens")
async def read_keys(keys: Keys) -> Response:
    """The JWK set (RFC 7517): the key that signs, and those whose last tokens may still live."""
    return _json(keys.published(), 200, {"Cache-Control": f"public, max-age={JWKS_SECONDS}"})


@oauth.get("/.well-known/oauth-authorization-server", summary="Read where tokens and keys are")
async def read_metadata(metadata: Metadata) -> AuthorizationServerOut:
    """The metadata of RFC 8414."""
    return metadata


@institutions.post(
    "",
    status_code=201,
    summary="Make a node of the tree",
    responses=documented(*CHANGED, OutsideOwnTree, ParentMissing, NodeExists),
)
async def make_institution(
    body: NewInstitution, act: InstitutionsWriter, key: Idempotent, commands: Commands
) -> InstitutionOut:
    """A body below an institution, a service below a body; the operator makes roots."""
    return InstitutionOut.of(await commands.make_node(body, act, key))


@institutions.get("", summary="List the nodes of one's subtree", responses=documented(*READ, InvalidCursor))
async def list_institutions(
    caller: InstitutionsReader, page: Paging, questions: Questions
) -> ListOf[InstitutionOut]:
    """Oldest first."""
    found = await questions.page_seen_by(caller, Institution, page.after, page.limit)
    return ListOf(items=[InstitutionOut.of(node) for node in found.items], next=found.next)


@institutions.get("/{node:path}", summary="Read a node", responses=documented(*READ, NotFound))
async def read_institution(
    node: Annotated[NodePath, Path()], caller: InstitutionsReader, questions: Questions
) -> InstitutionOut:
    """By its path, such as `cpam93/bobigny`."""
    return InstitutionOut.of(await questions.node_seen_by(caller, node))


@clients.post(
    "",
    status_code=201,
    summary="Make a client",
    response_model=ClientWithSecretOut,
    responses=documented(*CHANGED, OutsideOwnTree, MayNotGrant, NotFound),
)
async def make_client(body: NewClient, act: ClientsWriter, key: Idempotent, commands: Commands) -> Response:
    """Its secret is in this answer and nowhere else; a repeat of the request shows null instead."""
    made = await commands.make_client(body, act, key)
    return _unkept(ClientWithSecretOut.showing(made.client, made.secret), 201)


@clients.get("", summary="List the clients of one's subtree", responses=documented(*READ, InvalidCursor))
async def list_clients(caller: ClientsReader, page: Paging, questions: Questions) -> ListOf[ClientOut]:
    """Oldest first, disabled ones included."""
    found = await questions.page_seen_by(caller, Client, page.after, page.limit)
    return ListOf(items=[ClientOut.of(client) for client in found.items], next=found.next)


@clients.get("/{client_id}", summary="Read a client", responses=documented(*READ, NotFound))
async def read_client(client_id: ClientId, caller: ClientsReader, questions: Questions) -> ClientOut:
    """What it may do, and since when its secrets are accepted."""
    return ClientOut.of(await questions.client_seen_by(caller, client_id))


@clients.post(
    "/{client_id}/rotate-secret",
    summary="Replace a client's secret",
    response_model=ClientWithSecretOut,
    responses=documented(*CHANGED, NotFound, MayNotGrant, ClientDisabled, StaleVersion),
)
async def rotate_secret(
    client_id: ClientId,
    act: ClientsWriter,
    key: Idempotent,
    commands: Commands,
    body: RotateSecret | None = None,
) -> Response:
    """The secret in use is accepted for `grace_hours` longer, so that machines can be changed one by one."""
    grace = timedelta(hours=(body or RotateSecret()).grace_hours)
    rotated = await commands.rotate_secret(client_id, grace, act, key)
    return _unkept(ClientWithSecretOut.showing(rotated.client, rotated.secret))


@clients.post(
    "/{client_id}/disable",
    summary="Disable a client",
    responses=documented(*CHANGED, NotFound, StaleVersion),
)
async def disable_client(
    client_id: ClientId, act: ClientsWriter, key: Idempotent, commands: Commands
) -> ClientOut:
    """It gets no more tokens; those it has live to their end, an hour unless the settings say otherwise."""
    return ClientOut.of(await commands.disable(client_id, act, key))


def _unkept(body: BaseModel, status: int = 200) -> Response:
    return Response(
        body.model_dump_json(), status_code=status, media_type="application/json", headers=NEVER_KEPT
    )


def _json(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json", headers=headers)
