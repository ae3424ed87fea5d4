"""Who calls in these tests, and the requests they share."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from services.identity.bootstrap import Bootstrap, Credentials, Demonstration
from services.identity.keyring import Keyring
from services.identity.registry import Registry
from shared.security.caller import Scope
from tests.support.http import Answer, ApiClient
from tests.support.platform import PlatformUnderTest

T = TypeVar("T")

ADMINISTRATOR = (
    Scope.INSTITUTIONS_MANAGE,
    Scope.CLIENTS_MANAGE,
    Scope.ASSESSMENTS_READ,
    Scope.REFERRALS_READ,
)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Identity:
    """A running identity service, with the doors that the platform's own commands use."""

    platform: PlatformUnderTest

    @property
    def bootstrap(self) -> Bootstrap:
        return self._component(Bootstrap)

    @property
    def keyring(self) -> Keyring:
        return self._component(Keyring)

    @property
    def registry(self) -> Registry:
        return self._component(Registry)

    def _component(self, kind: type[T]) -> T:
        found = self.platform.platform.services["identity"].components[kind]
        assert isinstance(found, kind)
        return found

    async def demonstration(self, *venues: str) -> Demonstration:
        return await self.bootstrap.demonstration(venues or ("venue-1",))

    async def operator(self) -> ApiClient:
        """Return the operator of the installation."""
        return await self.platform.client(
            "operator", scopes=(Scope.INSTITUTIONS_MANAGE, Scope.CLIENTS_MANAGE), agent="operator-1"
        )

    async def administrator(self, node: str = "cpam93", scopes: Sequence[Scope] = ADMINISTRATOR) -> ApiClient:
        """Return an administrator of one node."""
        return await self.platform.client(node, scopes=scopes, agent="admin-1")

    async def tree(self, *nodes: str) -> None:
        """Make nodes, roots first."""
        operator = await self.operator()
        for node in nodes:
            answer = await operator.post("/v1/institutions", {"id": node, "name": f"Nœud {node}"})
            assert answer.status == 201, answer.text

    async def ask(self, form: dict[str, str] | str, *, headers: dict[str, str] | None = None) -> Answer:
        """POST a form to the token route."""
        return await self.platform.anonymous().request(
            "POST", "/oauth/token", data=form, headers=FORM | (headers or {})
        )

    async def ask_as(self, credentials: Credentials, **form: str) -> Answer:
        """Ask for a token with credentials in the form."""
        asked = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        return await self.ask(asked | form)

    def bearing(self, token: str, service: str | None = None) -> ApiClient:
        """Return a client that carries this token."""
        return ApiClient(self.platform.session, self.platform.base, token, "agent-7", service)


def basic(client_id: str, secret: str) -> dict[str, str]:
    """Return the header of HTTP Basic credentials."""
    encoded = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def a_client(**changes: Any) -> dict[str, Any]:
    """Return the body of a client that an administrator of `cpam93` may make."""
    return {
        "node": "cpam93/bobigny",
        "kind": "institution",
        "name": "Logiciel du service social",
        "scopes": ["assessments:read"],
    } | changes
