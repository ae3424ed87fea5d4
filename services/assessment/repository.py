"""Every question asked to the store about assessments; what serves a caller takes the caller."""

from services.assessment.model import Assessment, Preferences, Published
from shared.errors import NotFound
from shared.security.caller import Caller
from shared.store.port import MAX_PAGE, Store


class AssessmentRepository:
    """Assessments and interview preferences, over one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, assessment_id: str, caller: Caller) -> Assessment:
        """The assessment, when this caller may see it.

        Raises:
            NotFound: unknown, or outside of the caller's part of the tree.
        """
        found = await self._store.get(Assessment, assessment_id)
        if found is None or not caller.sees(found.owner):
            raise NotFound("assessment", assessment_id)
        return found

    async def add(self, assessment: Assessment, events: Published) -> Assessment:
        """Store a new assessment with what it publishes.

        Raises:
            AlreadyExists: this creation was done before.
        """
        return await self._store.add(assessment, events)

    async def save(self, assessment: Assessment, events: Published) -> Assessment:
        """Store what changed with what it publishes.

        Raises:
            StaleVersion: someone else saved it meanwhile.
        """
        return await self._store.save(assessment, events)

    async def of_case(self, case_id: str) -> list[Assessment]:
        """Every assessment of a case, oldest first."""
        found: list[Assessment] = []
        after = None
        while True:
            page = await self._store.find(
                Assessment, "by_case", {"case_id": case_id}, after=after, limit=MAX_PAGE
            )
            found += page.items
            if page.next is None:
                return found
            after = page.next

    async def of_case_seen_by(self, case_id: str, caller: Caller) -> list[Assessment]:
        """The assessments of a case that this caller may see, oldest first.

        Raises:
            NotFound: none.
        """
        seen = [one for one in await self.of_case(case_id) if caller.sees(one.owner)]
        if not seen:
            raise NotFound("case", case_id)
        return seen

    async def forget_case(self, case_id: str) -> int:
        """Remove every assessment of a case; return how many."""
        found = await self.of_case(case_id)
        for assessment in found:
            await self._store.discard(Assessment, assessment.id)
        return len(found)

    async def preferences(self, institution: str) -> Preferences | None:
        """What an institution chose, if it chose anything."""
        return await self._store.get(Preferences, institution)

    async def put_preferences(self, preferences: Preferences) -> Preferences:
        """Store what an institution chose, over what it had chosen at `preferences.version` (0: nothing)."""
        if preferences.version:
            return await self._store.save(preferences)
        return await self._store.add(preferences)
