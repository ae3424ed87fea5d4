"""Making nodes and clients, replacing secrets, disabling: what administrators do."""

from datetime import timedelta
from typing import NamedTuple

import structlog

from services.identity.bodies import NewClient, NewInstitution
from services.identity.model import (
    Client,
    Institution,
    MadeBy,
    NodeExists,
    NodeKind,
    ParentMissing,
    Secret,
    check_may_give,
    check_may_make_node,
    kind_below,
    parent_of,
)
from services.identity.repository import IdentityRepository
from services.identity.secrets import ClientSecrets
from shared.clock import Clock
from shared.errors import NotFound
from shared.idempotency import RequestKey, already_done, check_same_request, remember
from shared.security.caller import Act, Owner
from shared.store.port import AlreadyExists
from shared.store.retry import deciding_again

log = structlog.get_logger()


class WithSecret(NamedTuple):
    """A client, and its new secret when one was made just now."""

    client: Client
    secret: str | None


class Registry:
    """The commands of administrators, each checked against what the caller sees and holds."""

    def __init__(self, repository: IdentityRepository, secrets: ClientSecrets, clock: Clock) -> None:
        self._repository = repository
        self._secrets = secrets
        self._clock = clock

    async def make_node(self, new: NewInstitution, act: Act, key: RequestKey) -> Institution:
        """Make a node below the caller's own.

        Raises:
            OutsideOwnTree: it lies elsewhere.
            ParentMissing: the node above does not exist.
            NodeExists: the path is taken.
            IdempotencyKeyReused: the key made another node.
        """
        check_may_make_node(act.caller, new.id)
        parent = parent_of(new.id)
        if parent is not None and await self._repository.node(parent) is None:
            raise ParentMissing(parent)
        node = Institution(
            id=new.id,
            created_at=self._clock.now(),
            owner=Owner.of(new.id),
            name=new.name,
            node_kind=kind_below(new.id) if parent else new.kind or NodeKind.INSTITUTION,
            made_by=_made_by(act),
            creation=key.creation_id(act.caller),
            fingerprint=key.fingerprint,
        )
        try:
            made = await self._repository.add(node)
        except AlreadyExists:
            return await self._node_made_before(node, key)
        log.info("identity.institution.created", node=made.id, client=act.caller.client_id, agent=act.agent)
        return made

    async def _node_made_before(self, node: Institution, key: RequestKey) -> Institution:
        stored = await self._repository.node(node.id)
        if stored is None or stored.creation != node.creation:
            raise NodeExists(node.id)
        check_same_request(stored.fingerprint, key)
        return stored

    async def make_client(self, new: NewClient, act: Act, key: RequestKey) -> WithSecret:
        """Make a client with its first secret.

        Raises:
            OutsideOwnTree, MayNotGrant: the caller can't give that.
            NotFound: the node does not exist.
            IdempotencyKeyReused: the key made another client.
        """
        check_may_give(act.caller, new.node, new.scopes, new.venues)
        if await self._repository.node(new.node) is None:
            raise NotFound("institution", new.node)
        secret, now = self._secrets.new(), self._clock.now()
        client = Client(
            id=key.creation_id(act.caller),
            created_at=now,
            owner=Owner.of(new.node),
            client_kind=new.kind,
            name=new.name,
            scopes=new.scopes,
            venues=new.venues,
            secrets=(Secret(digest=self._secrets.digest(secret), created_at=now),),
            made_by=_made_by(act),
            fingerprint=key.fingerprint,
        )
        try:
            made = await self._repository.add(client)
        except AlreadyExists:
            stored = await self._repository.client_seen_by(act.caller, client.id)
            check_same_request(stored.fingerprint, key)
            return WithSecret(stored, None)
        log.info("identity.client.created", made=made.id, client=act.caller.client_id, agent=act.agent)
        return WithSecret(made, secret)

    async def rotate_secret(self, client_id: str, grace: timedelta, act: Act, key: RequestKey) -> WithSecret:
        """Give a client a new secret; the one in use is accepted for `grace` longer.

        Raises:
            NotFound: unknown, or out of sight.
            OutsideOwnTree, MayNotGrant: the client holds more than the caller, who would take it over.
            ClientDisabled: it no longer gets tokens.
        """

        async def decide() -> WithSecret:
            client = await self._repository.client_seen_by(act.caller, client_id)
            check_may_give(act.caller, client.owner.node, client.scopes, client.venues)
            if already_done(client.commands, key, act.caller):
                return WithSecret(client, None)
            secret = self._secrets.new()
            changed = client.with_secret(self._secrets.digest(secret), self._clock.now(), grace)
            return WithSecret(await self._save(changed, act, key), secret)

        rotated = await deciding_again(decide)
        log.info(
            "identity.client.secret_rotated", made=client_id, client=act.caller.client_id, agent=act.agent
        )
        return rotated

    async def disable(self, client_id: str, act: Act, key: RequestKey) -> Client:
        """Stop giving tokens to a client; those it has live to their end. A repeat changes nothing.

        Raises:
            NotFound: unknown, or out of sight.
        """

        async def decide() -> Client:
            client = await self._repository.client_seen_by(act.caller, client_id)
            if already_done(client.commands, key, act.caller):
                return client
            return await self._save(client.disabled(self._clock.now()), act, key)

        disabled = await deciding_again(decide)
        log.info("identity.client.disabled", made=client_id, client=act.caller.client_id, agent=act.agent)
        return disabled

    async def _save(self, client: Client, act: Act, key: RequestKey) -> Client:
        commands = remember(client.commands, key, act.caller, client.version + 1)
        return await self._repository.save(client.model_copy(update={"commands": commands}))


def _made_by(act: Act) -> MadeBy:
    return MadeBy(client_id=act.caller.client_id, agent=act.agent)
