"""Who calls a route, with which right, for which agent and service.

Every route but the public ones (token, keys, health, documentation) takes `Annotated[Caller, requires(scope)]`, or
`Annotated[Act, acts(scope)]` where something is changed or a person's data is read. A test walks all routes.
"""

import re
from typing import Annotated, Any, ClassVar, Protocol

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import TypeAdapter, ValidationError

from shared.errors import RelaisError
from shared.events.payload import NodePath
from shared.security.caller import Act, Caller, Scope, covers
from shared.security.nir import contains_nir

AGENT_HEADER = "Relais-Agent"
SERVICE_HEADER = "Relais-Service"

_AGENT = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_NODE: TypeAdapter[str] = TypeAdapter(NodePath)
_bearer = HTTPBearer(auto_error=False, description="An access token of `POST /oauth/token`.")


class Unauthenticated(RelaisError):
    """No token, or one that is altered, expired, or not ours."""

    status: ClassVar[int] = 401

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"This request needs a valid access token: {problem}. Ask POST /oauth/token for one."
        )


class MissingScope(RelaisError):
    """The token is good but does not carry the right this route needs."""

    status: ClassVar[int] = 403

    def __init__(self, *scopes: Scope) -> None:
        names = " or ".join(scope.value for scope in scopes)
        super().__init__(f"This route needs the scope {names}, which the token does not carry.", scope=names)


class InvalidActHeader(RelaisError):
    """Who acts is missing or malformed."""

    status: ClassVar[int] = 400

    def __init__(self, header: str, problem: str) -> None:
        super().__init__(f"The header {header} {problem}.", header=header)


class ServiceOutOfSight(RelaisError):
    """The service named is not in the client's subtree."""

    status: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__(
            f"The header {SERVICE_HEADER} names a node outside of this client's part of the tree."
        )


class TokenVerifier(Protocol):
    """Turns a bearer token into its caller."""

    async def verify(self, token: str) -> Caller:
        """Return the caller.

        Raises:
            Unauthenticated: altered, expired, foreign, or malformed.
        """


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def requires(*scopes: Scope) -> Any:
    """Return a dependency that gives the `Caller` when its token carries the scope, or one of several.

    Several only where two kinds of clients share a route; the service then tells them apart.
    """

    async def check(request: Request, credentials: Credentials) -> Caller:
        if credentials is None:
            raise Unauthenticated("there is none in the Authorization header")
        verifier: TokenVerifier = request.app.state.verifier
        caller = await verifier.verify(credentials.credentials)
        if not any(scope.value in caller.scopes for scope in scopes):
            raise MissingScope(*scopes)
        return caller

    check.required_scopes = scopes  # type: ignore[attr-defined]  # read by the test that walks every route
    return Depends(check)


def acts(*scopes: Scope) -> Any:
    """Return a dependency that gives the `Act`: the caller (see `requires`), with the agent and service of the headers."""

    async def check(request: Request, caller: Annotated[Caller, requires(*scopes)]) -> Act:
        agent = request.headers.get(AGENT_HEADER)
        if agent is None or not _AGENT.match(agent) or contains_nir(agent):
            raise InvalidActHeader(
                AGENT_HEADER, "must hold the agent's opaque id: 1 to 64 letters, digits, '.', '_' or '-'"
            )
        service = request.headers.get(SERVICE_HEADER, caller.node)
        try:
            _NODE.validate_python(service)
        except ValidationError as error:
            raise InvalidActHeader(
                SERVICE_HEADER, "must be a node path such as cpam93/bobigny/accueil"
            ) from error
        if not covers(caller.node, service):
            raise ServiceOutOfSight
        return Act(caller, agent, service)

    return Depends(check)
