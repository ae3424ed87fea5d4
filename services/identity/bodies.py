"""What the routes of this service take and give: JSON bodies, and their way from the domain."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.identity.model import (
    Client,
    ClientKind,
    Institution,
    NodeKind,
    Secret,
    parent_of,
    problem_of_client,
)
from shared.events.payload import NodePath
from shared.security.caller import Scope
from shared.security.nir import ShortText

MAX_VENUES = 1_000
GRACE_HOURS = 24
MAX_GRACE_HOURS = 168  # a week: longer, and a secret that leaked is not replaced at all

Name = Annotated[ShortText, Field(min_length=1)]
VenueId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,100}$")]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewInstitution(_Input):
    """A node to make. Only roots say what they are; below them the depth does."""

    id: NodePath = Field(
        description="The path of the node: institution, institution/body or institution/body/service."
    )
    name: Name
    kind: Literal[NodeKind.INSTITUTION, NodeKind.PARTNER] | None = Field(
        None, description="For a root only; `institution` when it is left out."
    )

    @model_validator(mode="after")
    def _only_roots_have_a_kind(self) -> Self:
        if self.kind is not None and parent_of(self.id) is not None:
            raise ValueError("kind: only a root has one; a node below it is a body or a service by its depth")
        return self


class NewClient(_Input):
    """A client to make: its node, what it may do and, for a partner, the venues it answers for."""

    node: NodePath
    kind: ClientKind
    name: Name
    scopes: frozenset[Scope] = Field(min_length=1)
    venues: frozenset[VenueId] = Field(frozenset(), max_length=MAX_VENUES)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        problem = problem_of_client(self.kind, self.node, self.scopes, self.venues)
        if problem is not None:
            raise ValueError(problem)
        return self


class RotateSecret(_Input):
    """How long the secret in use is still accepted beside the new one."""

    grace_hours: int = Field(GRACE_HOURS, ge=0, le=MAX_GRACE_HOURS)


class InstitutionOut(BaseModel):
    """A node of the tree."""

    id: str
    name: str
    kind: NodeKind
    parent: str | None
    created_at: AwareDatetime

    @classmethod
    def of(cls, node: Institution) -> Self:
        """Return what is shown of a node."""
        return cls(
            id=node.id,
            name=node.name,
            kind=node.node_kind,
            parent=parent_of(node.id),
            created_at=node.created_at,
        )


class SecretOut(BaseModel):
    """When a secret began, and when it stops being accepted; never the secret."""

    created_at: AwareDatetime
    ends_at: AwareDatetime | None

    @classmethod
    def of(cls, secret: Secret) -> Self:
        """Return what is shown of a secret."""
        return cls(created_at=secret.created_at, ends_at=secret.ends_at)


class ClientOut(BaseModel):
    """A client, without any secret."""

    id: str
    node: str
    kind: ClientKind
    name: str
    scopes: list[Scope]
    venues: list[str]
    secrets: list[SecretOut]
    created_at: AwareDatetime
    disabled_at: AwareDatetime | None

    @classmethod
    def of(cls, client: Client) -> Self:
        """Return what is shown of a client."""
        return cls(
            id=client.id,
            node=client.owner.node,
            kind=client.client_kind,
            name=client.name,
            scopes=sorted(client.scopes),
            venues=sorted(client.venues),
            secrets=[SecretOut.of(secret) for secret in client.secrets],
            created_at=client.created_at,
            disabled_at=client.disabled_at,
        )


class ClientWithSecretOut(ClientOut):
    """A client with its new secret, shown this once: null when the request is a repeat. Then rotate the secret."""

    client_secret: str | None = None

    @classmethod
    def showing(cls, client: Client, secret: str | None) -> Self:
        """Return what is shown when a secret was just made."""
        return cls.of(client).model_copy(update={"client_secret": secret})


class TokenOut(BaseModel):
    """An access token. Source: RFC 6749, section 5.1."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of token
    expires_in: int = Field(description="Seconds.")
    scope: str


class AuthorizationServerOut(BaseModel):
    """Where things are. Source: RFC 8414, section 2."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    service_documentation: str
    scopes_supported: list[Scope] = list(Scope)
    response_types_supported: list[str] = []
    grant_types_supported: list[str] = ["client_credentials"]
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic", "client_secret_post"]

    @classmethod
    def at(cls, issuer: str) -> Self:
        """Return the metadata of an issuer."""
        return cls(
            issuer=issuer,
            token_endpoint=f"{issuer}/oauth/token",
            jwks_uri=f"{issuer}/.well-known/jwks.json",
            service_documentation=f"{issuer}/docs",
        )
