"""The first clients of an installation, made while no client exists that could make them over HTTP.

A real installation: `relais clients create` calls `make_first_client` on the data directory of a stopped platform; no
secret stands in the settings, and whoever may run it can read the master key anyway. A demonstration: `bootstrap`
makes an institution, a partner and an operator whose secrets are derived from the master key, so that it can run at
each start and print them again.
"""

from collections.abc import Collection
from dataclasses import dataclass

from services.identity.bodies import NewClient
from services.identity.model import (
    OPERATOR_NODE,
    Client,
    ClientKind,
    Institution,
    MadeBy,
    NodeKind,
    Secret,
    kind_below,
    parent_of,
)
from services.identity.registry import Registry, WithSecret
from services.identity.repository import IdentityRepository
from services.identity.secrets import ClientSecrets, derived_key, spelled
from shared.clock import Clock
from shared.idempotency import RequestKey
from shared.ids import Ids, derived_id
from shared.security.caller import Act, Caller, Owner, Scope
from shared.store.port import AlreadyExists
from shared.store.retry import deciding_again

ITSELF = "relais-cli"
"""The client id and agent under which the platform's own commands are recorded."""

PARTNER_SCOPES = frozenset(
    {
        Scope.REFERRALS_ANSWER,
        Scope.REFERRALS_READ,
        Scope.VENUES_READ,
        Scope.SUBSCRIPTIONS_MANAGE,
        Scope.EVENTS_READ,
    }
)
OPERATOR_SCOPES = frozenset({Scope.INSTITUTIONS_MANAGE, Scope.CLIENTS_MANAGE})
INSTITUTION_SCOPES = frozenset(Scope) - {Scope.REFERRALS_ANSWER}

DEMONSTRATION_NODES = {
    "cpam-demo": ("CPAM de démonstration", NodeKind.INSTITUTION),
    "cpam-demo/bobigny": ("Service social de Bobigny", NodeKind.BODY),
    "cpam-demo/bobigny/accueil": ("Accueil de Bobigny", NodeKind.SERVICE),
    "pimms-demo": ("PIMMS de démonstration", NodeKind.PARTNER),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client needs to ask for tokens."""

    client_id: str
    client_secret: str
    node: str


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The clients of a demonstration."""

    institution: Credentials
    partner: Credentials
    operator: Credentials


class Bootstrap:
    """Makes nodes and clients with nobody's leave: only for the platform's own commands."""

    def __init__(
        self,
        *,
        repository: IdentityRepository,
        registry: Registry,
        secrets: ClientSecrets,
        master_key: bytes,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._repository, self._registry, self._secrets = repository, registry, secrets
        self._demonstration_key = derived_key(master_key, b"relais identity: secrets of a demonstration")
        self._clock, self._ids = clock, ids

    async def make_operator_node(self) -> None:
        """Make the operator's root, at each start: it keeps its name from being taken."""
        await self._make_node(OPERATOR_NODE, "Exploitant", NodeKind.OPERATOR)

    async def make_first_client(self, new: NewClient) -> WithSecret:
        """Make a client, and the nodes above it that are missing (named by their paths); return its secret.

        For a command on a stopped platform; each call makes another client.
        """
        await self.make_operator_node()
        for node in _path_to(new.node):
            root = NodeKind.PARTNER if new.kind is ClientKind.PARTNER else NodeKind.INSTITUTION
            await self._make_node(node, node, root if parent_of(node) is None else kind_below(node))
        key = RequestKey(self._ids.new(), ITSELF, self._ids.new(), secret=ITSELF.encode())
        return await self._registry.make_client(new, _OPERATOR_ACT, key)

    async def demonstration(self, venues: Collection[str]) -> Demonstration:
        """Make, or bring up to date, the demonstration's nodes and clients; the partner answers for `venues`."""
        await self.make_operator_node()
        for node, (name, kind) in DEMONSTRATION_NODES.items():
            await self._make_node(node, name, kind)
        institution = NewClient(
            node="cpam-demo",
            kind=ClientKind.INSTITUTION,
            name="Logiciel de démonstration",
            scopes=INSTITUTION_SCOPES,
        )
        partner = NewClient(
            node="pimms-demo",
            kind=ClientKind.PARTNER,
            name="Partenaire de démonstration",
            scopes=PARTNER_SCOPES,
            venues=frozenset(venues),
        )
        operator = NewClient(
            node=OPERATOR_NODE,
            kind=ClientKind.OPERATOR,
            name="Exploitant de démonstration",
            scopes=OPERATOR_SCOPES,
        )
        return Demonstration(
            *[await self._make_demonstration_client(new) for new in (institution, partner, operator)]
        )

    async def _make_node(self, node: str, name: str, kind: NodeKind) -> None:
        if await self._repository.node(node) is not None:
            return
        made = Institution(
            id=node,
            created_at=self._clock.now(),
            owner=Owner.of(node),
            name=name,
            node_kind=kind,
            made_by=MadeBy(client_id=ITSELF, agent=ITSELF),
        )
        try:
            await self._repository.add(made)
        except AlreadyExists:
            return  # another process of the same start was quicker

    async def _make_demonstration_client(self, new: NewClient) -> Credentials:
        identifier = derived_id("demonstration", new.kind)
        secret = spelled(derived_key(self._demonstration_key, new.kind.encode()))
        now = self._clock.now()
        wanted = Client(
            id=identifier,
            created_at=now,
            owner=Owner.of(new.node),
            client_kind=new.kind,
            name=new.name,
            scopes=new.scopes,
            venues=new.venues,
            secrets=(Secret(digest=self._secrets.digest(secret), created_at=now),),
            made_by=MadeBy(client_id=ITSELF, agent=ITSELF),
        )

        async def decide() -> None:
            stored = await self._repository.client(identifier)
            if stored is None:
                await self._repository.add(wanted)
            elif not self._is_as(stored, wanted, secret):
                fields = {"scopes", "venues", "secrets", "disabled_at"}
                await self._repository.save(
                    stored.model_copy(update={name: getattr(wanted, name) for name in fields})
                )

        await deciding_again(decide)
        return Credentials(identifier, secret, new.node)

    def _is_as(self, stored: Client, wanted: Client, secret: str) -> bool:
        return (
            stored.scopes == wanted.scopes
            and stored.venues == wanted.venues
            and self._secrets.is_one_of(secret, stored.live_digests(self._clock.now()))
        )


_OPERATOR_ACT = Act(Caller(ITSELF, OPERATOR_NODE, frozenset()), ITSELF, OPERATOR_NODE)


def _path_to(node: str) -> list[str]:
    """Return the node and those above it, the root first."""
    parts = node.split("/")
    return ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
