"""Every question asked to the store about nodes, clients and keys; what serves a caller takes the caller."""

from typing import TypeVar

from services.identity.model import Client, Institution, SigningKey, is_operator, sees_node
from shared.errors import NotFound
from shared.security.caller import Caller
from shared.store.port import Document, Page, Store

D = TypeVar("D", Institution, Client)
Stored = TypeVar("Stored", bound=Document)


class IdentityRepository:
    """Nodes, clients and signing keys, over one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def node(self, path: str) -> Institution | None:
        """The node with this path, whoever asks."""
        return await self._store.get(Institution, path)

    async def node_seen_by(self, caller: Caller, path: str) -> Institution:
        """The node, when this caller may know of it.

        Raises:
            NotFound: unknown, or outside of the caller's part of the tree.
        """
        found = await self._store.get(Institution, path) if sees_node(caller, path) else None
        if found is None:
            raise NotFound("institution", path)
        return found

    async def client(self, client_id: str) -> Client | None:
        """The client with this id, whoever asks: for the token route, and for a repeat of a creation."""
        return await self._store.get(Client, client_id)

    async def client_seen_by(self, caller: Caller, client_id: str) -> Client:
        """The client, when this caller may know of it.

        Raises:
            NotFound: unknown, or outside of the caller's part of the tree.
        """
        found = await self._store.get(Client, client_id)
        if found is None or not sees_node(caller, found.owner.node):
            raise NotFound("client", client_id)
        return found

    async def page_seen_by(self, caller: Caller, model: type[D], after: str | None, limit: int) -> Page[D]:
        """One page of what this caller may know of: nodes or clients, oldest first."""
        index, equals = ("all", {}) if is_operator(caller) else caller.owned()
        return await self._store.find(model, index, equals, after=after, limit=limit)

    async def signing_keys(self) -> list[SigningKey]:
        """All signing keys, oldest first."""
        found = [key async for key in self._store.scan(SigningKey)]
        return sorted(found, key=lambda key: (key.created_at, key.id))

    async def add(self, document: Stored) -> Stored:
        """Store a new document.

        Raises:
            AlreadyExists: its id is taken.
        """
        return await self._store.add(document)

    async def save(self, document: Stored) -> Stored:
        """Store what changed.

        Raises:
            StaleVersion: someone else saved it meanwhile.
        """
        return await self._store.save(document)
