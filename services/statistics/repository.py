"""Every question asked to the store about facts."""

from collections.abc import AsyncIterator

from services.statistics.model import Fact, UnlinkedCase
from shared.store.port import MAX_PAGE, Store


class FactRepository:
    """Facts and unlinked cases, over one store. Facts serve no caller one by one, so nothing here takes a caller."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, aggregate_id: str) -> Fact | None:
        """Return the fact of an aggregate."""
        return await self._store.get(Fact, aggregate_id)

    async def put(self, fact: Fact) -> Fact:
        """Store a fact: a new one, or over the version it was read at.

        Raises:
            AlreadyExists, StaleVersion: someone else stored it meanwhile; decide again.
        """
        return await (self._store.save(fact) if fact.version else self._store.add(fact))

    async def of_case(self, case: str) -> list[Fact]:
        """Return every fact of a pseudonym, oldest first."""
        found: list[Fact] = []
        after = None
        while True:
            page = await self._store.find(Fact, "by_case", {"case": case}, after=after, limit=MAX_PAGE)
            found += page.items
            if page.next is None:
                return found
            after = page.next

    def all(self) -> AsyncIterator[Fact]:
        """Yield every fact."""
        return self._store.scan(Fact)

    async def unlinked(self, pseudonym: str) -> UnlinkedCase | None:
        """Return what is known of an erased case."""
        return await self._store.get(UnlinkedCase, pseudonym)

    async def put_unlinked(self, case: UnlinkedCase) -> UnlinkedCase:
        """Store an erased case, as `put`."""
        return await (self._store.save(case) if case.version else self._store.add(case))
