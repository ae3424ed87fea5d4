"""What every engine of the store port promises. An engine's test class gives the hooks and inherits the behaviour."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.bus.topics import Topic
from shared.events.envelope import Event
from shared.store.port import (
    MAX_DOCUMENT_BYTES,
    MAX_PAGE,
    AlreadyExists,
    Document,
    InvalidCursor,
    NullInOrder,
    Page,
    StaleVersion,
    Store,
    StoreUnavailable,
    TooLarge,
    UndeclaredQuery,
)
from tests.contract.samples import (
    MORNING,
    NUMBERED,
    OTHER,
    Note,
    Place,
    RicherNote,
    Task,
    a_note,
    numbered,
    other,
)

CALLERS = 64


class OpenedStorage(Protocol):
    """One engine on its storage, as a test holds it."""

    def store(self, service: str) -> Store:
        """Return a service's handle."""

    async def published(self, topic: Topic) -> list[Event[Any]]:
        """Return every event that reached a topic, in its order there; waits for those still on their way."""


class StoreContract:
    """Hook: `opened` runs the engine on this test's storage, the same storage each time it is called."""

    @abstractmethod
    def opened(self) -> AbstractAsyncContextManager[OpenedStorage]:
        """Open the storage, and close it at the end."""

    @pytest.fixture
    async def storage(self) -> AsyncIterator[OpenedStorage]:
        async with self.opened() as storage:
            yield storage

    @pytest.fixture
    def store(self, storage: OpenedStorage) -> Store:
        return storage.store("agenda")

    # One document

    async def test_a_document_comes_back_whole(self, store: Store) -> None:
        note = a_note(
            subject="visites à Épinay ; 'guillemets' \"doubles\" % _ \\ 🏠 \u0000 fin",
            rank=-3,
            due_at=datetime(2027, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            place=Place(town="Saint-Denis", metres=812.25),
            text="ligne\nligne",
        )
        added = await store.add(note)
        assert added == note.model_copy(update={"version": 1})
        assert await store.get(Note, "n1") == added

    async def test_an_unknown_id_is_none(self, store: Store) -> None:
        assert await store.get(Note, "nobody") is None
        assert await store.get(Note, "") is None

    async def test_each_save_gives_the_next_version(self, store: Store) -> None:
        note = await store.add(a_note())
        for version in (2, 3, 4):
            note = await store.save(note.model_copy(update={"rank": version}))
            assert (note.version, note.rank) == (version, version)
            assert await store.get(Note, "n1") == note

    async def test_the_version_given_to_add_counts_for_nothing(self, store: Store) -> None:
        added = await store.add(a_note(version=7, sequence=5), [numbered(1)])
        assert (added.version, added.sequence) == (1, 1)

    async def test_an_id_that_is_taken_is_refused_and_nothing_changes(self, storage: OpenedStorage) -> None:
        store = storage.store("agenda")
        first = await store.add(a_note(text="first"), [numbered(1)])
        with pytest.raises(AlreadyExists):
            await store.add(a_note(text="second"), [numbered(2)])
        assert await store.get(Note, "n1") == first
        assert [event.data.attempts for event in await storage.published(NUMBERED)] == [1]

    async def test_a_stale_version_changes_nothing(self, storage: OpenedStorage) -> None:
        store = storage.store("agenda")
        read = await store.add(a_note())
        saved = await store.save(read.model_copy(update={"text": "mine"}), [numbered(1)])
        with pytest.raises(StaleVersion):
            await store.save(read.model_copy(update={"text": "yours"}), [numbered(2)])
        assert await store.get(Note, "n1") == saved
        assert [event.data.attempts for event in await storage.published(NUMBERED)] == [1]

    @pytest.mark.parametrize("version", [0, 1, 2, -1])
    async def test_what_was_never_added_cannot_be_saved(self, storage: OpenedStorage, version: int) -> None:
        store = storage.store("agenda")
        with pytest.raises(StaleVersion):
            await store.save(a_note(version=version), [numbered(1)])
        assert await store.get(Note, "n1") is None
        assert await storage.published(NUMBERED) == []

    async def test_what_was_discarded_is_gone_and_cannot_be_saved(self, store: Store) -> None:
        note = await store.add(a_note())
        kept = await store.add(a_note("n2"))
        await store.discard(Note, "n1")
        await store.discard(Note, "n1")
        assert await store.get(Note, "n1") is None
        assert (await store.find(Note, "by_age")).items == [kept]
        with pytest.raises(StaleVersion):
            await store.save(note)

    async def test_what_was_discarded_may_be_added_again(self, store: Store) -> None:
        await store.add(a_note(text="before"))
        await store.discard(Note, "n1")
        assert (await store.add(a_note(text="after"))).version == 1

    async def test_discarding_leaves_published_events_published(self, storage: OpenedStorage) -> None:
        store = storage.store("agenda")
        await store.add(a_note(), [numbered(1)])
        await store.discard(Note, "n1")
        assert [event.id for event in await storage.published(NUMBERED)] == ["n1:1"]

    async def test_many_come_in_the_order_asked_without_the_unknown(self, store: Store) -> None:
        for identifier in ("a", "b", "c"):
            await store.add(a_note(identifier))
        found = await store.get_many(Note, ["c", "x", "a"])
        assert [note.id for note in found] == ["c", "a"]
        assert await store.get_many(Note, []) == []

    async def test_too_many_at_once_are_refused(self, store: Store) -> None:
        with pytest.raises(UndeclaredQuery, match=str(MAX_PAGE)):
            await store.get_many(Note, ["x"] * (MAX_PAGE + 1))

    async def test_a_big_document_comes_back(self, store: Store) -> None:
        note = await store.add(a_note(text="é" * 2_000_000))
        assert await store.get(Note, "n1") == note

    async def test_a_document_beyond_the_limit_is_refused_and_nothing_changes(
        self, storage: OpenedStorage
    ) -> None:
        store = storage.store("agenda")
        with pytest.raises(TooLarge, match="notes n1"):
            await store.add(a_note(text="x" * MAX_DOCUMENT_BYTES), [numbered(1)])
        note = await store.add(a_note("n2"))
        with pytest.raises(TooLarge):
            await store.save(note.model_copy(update={"text": "x" * MAX_DOCUMENT_BYTES}), [numbered(1)])
        assert (await store.find(Note, "by_age")).items == [note]
        assert await storage.published(NUMBERED) == []

    async def test_an_event_no_bus_would_carry_is_refused_and_nothing_changes(
        self, storage: OpenedStorage
    ) -> None:
        store = storage.store("agenda")
        heavy = numbered(1).model_copy(update={"event_id": "x" * 1_048_576})
        with pytest.raises(TooLarge, match=r"delivery\.exhausted"):
            await store.add(a_note(), [numbered(1), heavy])
        assert await store.get(Note, "n1") is None
        assert await storage.published(NUMBERED) == []

    async def test_fields_of_a_newer_release_are_ignored(self, store: Store) -> None:
        newer = RicherNote(id="n1", created_at=MORNING, mood="brave", text="kept")
        await store.add(newer)
        read = await store.get(Note, "n1")
        assert read == a_note(text="kept", version=1)
        assert (await store.find(Note, "by_age")).items == [read]
        saved = await store.save(read.model_copy(update={"rank": 1}))
        assert saved.version == 2

    # Events

    async def test_events_are_numbered_in_order_over_saves_and_topics(self, storage: OpenedStorage) -> None:
        store = storage.store("agenda")
        note = await store.add(a_note(), [numbered(1), other(), numbered(2)])
        assert note.sequence == 3
        note = await store.save(note)
        assert note.sequence == 3
        note = await store.save(note, [numbered(3)])
        assert note.sequence == 4
        events = await storage.published(NUMBERED)
        assert [(event.id, event.sequence, event.data.attempts) for event in events] == [
            ("n1:1", 1, 1),
            ("n1:3", 3, 2),
            ("n1:4", 4, 3),
        ]
        assert [(event.aggregate_id, event.sequence) for event in await storage.published(OTHER)] == [
            ("n1", 2)
        ]

    async def test_events_of_documents_saved_side_by_side_are_all_there_in_order(
        self, storage: OpenedStorage
    ) -> None:
        store = storage.store("agenda")

        async def live(identifier: str) -> None:
            note = await store.add(a_note(identifier), [numbered(1)])
            for number in range(2, 8):
                note = await store.save(note, [numbered(number), other()])

        await asyncio.gather(*(live(f"n{index}") for index in range(20)))
        seen: dict[str, list[int]] = {}
        for event in await storage.published(NUMBERED):
            seen.setdefault(event.aggregate_id, []).append(event.data.attempts)
        assert seen == {f"n{index}": list(range(1, 8)) for index in range(20)}
        assert len(await storage.published(OTHER)) == 20 * 6

    async def test_everything_is_there_after_reopening(self) -> None:
        async with self.opened() as storage:
            store = storage.store("agenda")
            first = await store.add(a_note(), [numbered(1)])
            second = await store.save(first.model_copy(update={"text": "changed"}), [numbered(2)])
            await store.add(a_note("gone"))
            await store.discard(Note, "gone")
        async with self.opened() as storage:
            store = storage.store("agenda")
            assert await store.get(Note, "n1") == second
            assert (await store.find(Note, "by_age")).items == [second]
            assert [event.sequence for event in await storage.published(NUMBERED)] == [1, 2]
            third = await store.save(second, [numbered(3)])
            assert (third.version, third.sequence) == (3, 3)
            assert [event.sequence for event in await storage.published(NUMBERED)] == [1, 2, 3]

    async def test_once_closed_it_says_so(self) -> None:
        async with self.opened() as storage:
            store = storage.store("agenda")
            note = await store.add(a_note())
        with pytest.raises(StoreUnavailable):
            await store.add(a_note("n2"))
        with pytest.raises(StoreUnavailable):
            await store.save(note)
        with pytest.raises(StoreUnavailable):
            await store.get(Note, "n1")
        with pytest.raises(StoreUnavailable):
            await store.find(Note, "by_age")

    # Services and kinds

    async def test_two_services_with_one_kind_never_see_each_other(self, storage: OpenedStorage) -> None:
        agenda, archive = storage.store("agenda"), storage.store("archive")
        mine = await agenda.add(a_note(text="mine"))
        assert await archive.get(Note, "n1") is None
        theirs = await archive.add(a_note(text="theirs"))
        await archive.save(theirs)
        await archive.discard(Note, "n1")
        assert await agenda.get(Note, "n1") == mine
        assert [note async for note in archive.scan(Note)] == []

    async def test_two_handles_of_a_service_see_the_same(self, storage: OpenedStorage) -> None:
        note = await storage.store("agenda").add(a_note())
        assert await storage.store("agenda").get(Note, "n1") == note

    async def test_two_kinds_may_share_ids(self, store: Store) -> None:
        note = await store.add(a_note("same"))
        task = await store.add(Task(id="same", created_at=MORNING, title="call"))
        await store.discard(Task, "same")
        assert await store.get(Note, "same") == note
        assert await store.get(Task, "same") is None
        assert task.version == 1

    # Races

    async def test_one_of_many_adds_wins(self, storage: OpenedStorage) -> None:
        store = storage.store("agenda")
        answers = await asyncio.gather(
            *(store.add(a_note(rank=rank), [numbered(rank + 1)]) for rank in range(CALLERS)),
            return_exceptions=True,
        )
        (winner,) = [answer for answer in answers if isinstance(answer, Note)]
        assert {type(answer) for answer in answers} == {Note, AlreadyExists}
        assert await store.get(Note, "n1") == winner
        assert [event.data.attempts for event in await storage.published(NUMBERED)] == [winner.rank + 1]

    async def test_one_of_many_saves_wins_each_version(self, storage: OpenedStorage) -> None:
        store = storage.store("agenda")
        note = await store.add(a_note())
        winners = []
        for _ in range(3):
            answers = await asyncio.gather(
                *(
                    store.save(note.model_copy(update={"rank": rank}), [numbered(rank + 1)])
                    for rank in range(CALLERS)
                ),
                return_exceptions=True,
            )
            (won,) = [answer for answer in answers if isinstance(answer, Note)]
            assert sum(isinstance(answer, StaleVersion) for answer in answers) == CALLERS - 1
            note = won
            winners.append(won.rank + 1)
        assert await store.get(Note, "n1") == note
        assert [event.data.attempts for event in await storage.published(NUMBERED)] == winners

    async def test_no_update_is_lost(self, store: Store) -> None:
        await store.add(a_note())

        async def count_one_more() -> None:
            while True:
                note = await store.get(Note, "n1")
                assert note is not None
                try:
                    await store.save(note.model_copy(update={"rank": note.rank + 1}))
                except StaleVersion:
                    continue
                return

        await asyncio.gather(*(count_one_more() for _ in range(CALLERS)))
        note = await store.get(Note, "n1")
        assert note is not None
        assert (note.rank, note.version) == (CALLERS, CALLERS + 1)

    async def test_the_write_of_a_caller_that_gave_up_is_whole_or_absent(
        self, storage: OpenedStorage
    ) -> None:
        store = storage.store("agenda")
        first = await store.add(a_note())
        saves = [
            asyncio.create_task(store.save(first.model_copy(update={"rank": rank}), [numbered(rank)]))
            for rank in range(1, 9)
        ]
        await asyncio.sleep(0)
        for save in saves:
            save.cancel()
        await asyncio.gather(*saves, return_exceptions=True)
        await store.add(a_note("later"))
        note = await store.get(Note, "n1")
        assert note is not None
        published = [event.data.attempts for event in await storage.published(NUMBERED)]
        assert published == ([note.rank] if note.version == 2 else [])
        assert (await store.save(note)).version == note.version + 1

    # Questions

    async def test_equality_on_each_kind_of_value(self, store: Store) -> None:
        read = await store.add(a_note("1", subject="visits", read=True))
        unread = await store.add(a_note("2", subject="visits", read=False))
        await store.add(a_note("3", subject="Visits", read=True))
        assert (await store.find(Note, "by_subject", {"subject": "visits"})).items == [read, unread]
        for flag, note in ((True, read), (False, unread)):
            found = await store.find(Note, "by_subject_read", {"subject": "visits", "read": flag})
            assert found.items == [note]
        assert (await store.find(Note, "by_subject", {"subject": "' OR 1=1 --"})).items == []

    async def test_nested_fields(self, store: Store) -> None:
        far = await store.add(a_note("1", place=Place(town="Pantin", metres=900.5)))
        near = await store.add(a_note("2", place=Place(town="Pantin", metres=20)))
        await store.add(a_note("3", place=Place(town="Drancy", metres=1)))
        await store.add(a_note("4"))
        assert (await store.find(Note, "near", {"place.town": "Pantin"})).items == [near, far]
        found = await store.find(Note, "near", {"place.town": "Pantin"}, at_most=100.0)
        assert found.items == [near]

    async def test_order_is_by_age_then_id_when_nothing_else_is_declared(self, store: Store) -> None:
        for identifier, minutes in (("b", 1), ("a", 1), ("c", 0), ("d", -1)):
            await store.add(a_note(identifier, minutes=minutes))
        assert ids(await store.find(Note, "by_age")) == ["d", "c", "a", "b"]
        assert ids(await store.find(Note, "by_age", newest_first=True)) == ["b", "a", "c", "d"]

    async def test_bounds_are_inclusive(self, store: Store) -> None:
        for rank in range(-2, 4):
            await store.add(a_note(f"r{rank}", rank=rank))
        assert ids(await store.find(Note, "by_rank", at_least=-1, at_most=1)) == ["r-1", "r0", "r1"]
        assert ids(await store.find(Note, "by_rank", at_least=3)) == ["r3"]
        assert ids(await store.find(Note, "by_rank", at_most=-2)) == ["r-2"]
        assert ids(await store.find(Note, "by_rank", at_least=2, at_most=1)) == []
        found = await store.find(Note, "by_rank", at_least=1, newest_first=True, limit=2)
        assert ids(found) == ["r3", "r2"]

    async def test_a_sparse_index_leaves_out_what_has_no_value(self, store: Store) -> None:
        await store.add(a_note("never"))
        due = await store.add(a_note("due", due_at=MORNING))
        assert (await store.find(Note, "due")).items == [due]
        assert (await store.find(Note, "due_of", {"subject": "visits"})).items == [due]
        done = await store.save(due.model_copy(update={"due_at": None}))
        assert (await store.find(Note, "due")).items == []
        again = await store.save(done.model_copy(update={"due_at": MORNING}))
        assert (await store.find(Note, "due", at_most=MORNING)).items == [again]

    async def test_an_index_follows_every_save(self, store: Store) -> None:
        note = await store.add(a_note(subject="visits", rank=5))
        moved = await store.save(note.model_copy(update={"subject": "calls", "rank": 1}))
        assert (await store.find(Note, "by_subject", {"subject": "visits"})).items == []
        assert (await store.find(Note, "by_subject", {"subject": "calls"})).items == [moved]
        assert (await store.find(Note, "by_rank", at_most=1)).items == [moved]

    async def test_times_sort_whatever_their_fraction_and_zone(self, store: Store) -> None:
        paris = timezone(timedelta(hours=1))
        times = {
            "before 1970": datetime(1931, 5, 2, 4, tzinfo=UTC),
            "whole": datetime(2026, 11, 23, 9, tzinfo=UTC),
            "a microsecond later": datetime(2026, 11, 23, 10, 0, 0, 1, tzinfo=paris),
            "half a second later": datetime(2026, 11, 23, 9, 0, 0, 500_000, tzinfo=UTC),
            "a second later": datetime(2026, 11, 23, 10, 0, 1, tzinfo=paris),
            "an hour later": datetime(2026, 11, 23, 10, tzinfo=UTC),
            "far": datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        }
        for name, due_at in reversed(times.items()):
            await store.add(a_note(name, due_at=due_at))
        assert ids(await store.find(Note, "due")) == list(times)
        found = await store.find(
            Note, "due", at_least=datetime(2026, 11, 23, 10, tzinfo=paris), at_most=times["an hour later"]
        )
        assert ids(found) == list(times)[1:6]
        # The same instant written in another zone is the same bound.
        assert ids(await store.find(Note, "due", at_least=times["whole"], limit=1)) == ["whole"]

    async def test_a_null_where_an_order_is_declared_is_refused(self, store: Store) -> None:
        nowhere = Note.model_construct(id="n1", created_at=MORNING, subject="s", rank=None)  # type: ignore[arg-type]
        with pytest.raises(NullInOrder, match="rank"):
            await store.add(nowhere)
        assert await store.get(Note, "n1") is None

    @pytest.mark.parametrize(
        ("index", "equals", "options", "problem"),
        [
            ("by_mood", {}, {}, "by_subject"),
            ("by_subject", {}, {}, "subject"),
            ("by_subject", {"subject": "a", "read": True}, {}, "subject"),
            ("by_subject", {"rank": 1}, {}, "subject"),
            ("by_age", {"subject": "a"}, {}, "exactly"),
            ("by_age", {}, {"limit": 0}, "limit"),
            ("by_age", {}, {"limit": MAX_PAGE + 1}, "limit"),
        ],
    )
    async def test_a_question_that_was_not_declared_is_refused(
        self, store: Store, index: str, equals: dict[str, Any], options: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(UndeclaredQuery, match=problem):
            await store.find(Note, index, equals, **options)

    # Pages

    async def test_a_page_says_whether_there_is_a_next_one(self, store: Store) -> None:
        for index in range(4):
            await store.add(a_note(f"n{index}", minutes=index))
        assert (await store.find(Note, "by_age", limit=4)).next is None
        assert (await store.find(Note, "by_age", limit=5)).next is None
        page = await store.find(Note, "by_age", limit=3)
        assert page.next is not None
        last = await store.find(Note, "by_age", limit=3, after=page.next)
        assert (ids(last), last.next) == (["n3"], None)

    async def test_a_cursor_outlives_the_row_it_stands_on_and_a_restart(self) -> None:
        async with self.opened() as storage:
            store = storage.store("agenda")
            for index in range(4):
                await store.add(a_note(f"n{index}", minutes=index))
            page = await store.find(Note, "by_age", limit=2)
            await store.discard(Note, "n1")
        async with self.opened() as storage:
            found = await storage.store("agenda").find(Note, "by_age", after=page.next)
            assert ids(found) == ["n2", "n3"]

    @pytest.mark.parametrize(
        "cursor",
        ["", "x", "é", "🏠", "AAAA", "[]", "W10", "bnVsbA", "WzEsMl0", "=" * 9, "\u0000", "A" * 2_000],
    )
    async def test_a_cursor_of_nobody_is_refused(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidCursor):
            await store.find(Note, "by_age", after=cursor)

    async def test_a_cursor_of_another_list_is_refused(self, store: Store) -> None:
        for index in range(3):
            await store.add(a_note(f"n{index}", minutes=index, due_at=MORNING))
        cursor = (await store.find(Note, "by_subject", {"subject": "visits"}, limit=1)).next
        assert cursor is not None
        lists: Sequence[tuple[str, dict[str, Any], dict[str, Any]]] = [
            ("by_subject", {"subject": "calls"}, {}),
            ("by_subject", {"subject": "visits"}, {"newest_first": True}),
            ("by_age", {}, {}),
            ("due", {}, {}),
        ]
        for index_name, equals, options in lists:
            with pytest.raises(InvalidCursor):
                await store.find(Note, index_name, equals, after=cursor, **options)

    async def test_an_altered_cursor_is_refused_or_a_place_in_the_same_list(self, store: Store) -> None:
        for index in range(3):
            await store.add(a_note(f"n{index}", minutes=index))
        cursor = (await store.find(Note, "by_age", limit=1)).next
        assert cursor is not None
        for position in range(len(cursor)):
            for letter in "A9_":
                altered = cursor[:position] + letter + cursor[position + 1 :]
                try:
                    page = await store.find(Note, "by_age", after=altered)
                except InvalidCursor:
                    continue
                assert set(ids(page)) <= {"n0", "n1", "n2"}

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data(), newest_first=st.booleans(), size=st.integers(1, 5))
    async def test_pages_make_the_sorted_list_whatever_is_inserted_meanwhile(
        self, storage: OpenedStorage, data: st.DataObject, newest_first: bool, size: int
    ) -> None:
        store = storage.store(f"agenda{next(_numbers)}")
        ranks = st.lists(st.integers(-2, 2), max_size=6)
        identifiers = iter(f"{number:03d}" for number in data.draw(st.permutations(range(60))))

        async def insert(some: list[int]) -> list[tuple[int, str]]:
            notes = [a_note(next(identifiers), rank=rank) for rank in some]
            await asyncio.gather(*(store.add(note) for note in notes))
            return [(note.rank, note.id) for note in notes]

        there_from_the_start = set(await insert(data.draw(ranks)))
        all_rows = set(there_from_the_start)
        seen: list[tuple[int, str]] = []
        cursor = None
        for turn in range(40):
            page = await store.find(Note, "by_rank", after=cursor, limit=size, newest_first=newest_first)
            seen += [(note.rank, note.id) for note in page.items]
            cursor = page.next
            if cursor is None:
                break
            if turn < 4:
                all_rows |= set(await insert(data.draw(ranks)))
        assert cursor is None
        assert all(b < a if newest_first else a < b for a, b in pairwise(seen))
        assert there_from_the_start <= set(seen) <= all_rows

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        rows=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.integers(0, 2)), max_size=12),
        bounds=st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3)),
        size=st.integers(1, 4),
        newest_first=st.booleans(),
    )
    async def test_any_question_is_answered_as_by_filtering_and_sorting(
        self,
        storage: OpenedStorage,
        *,
        rows: list[tuple[str, int, int]],
        bounds: tuple[int | None, int | None],
        size: int,
        newest_first: bool,
    ) -> None:
        store = storage.store(f"agenda{next(_numbers)}")
        notes = await asyncio.gather(
            *(
                store.add(a_note(f"n{number:02d}", subject=of, rank=rank, minutes=minutes))
                for number, (of, rank, minutes) in enumerate(rows)
            )
        )
        at_least, at_most = bounds
        wanted = [
            note
            for note in sorted(notes, key=lambda note: (note.rank, note.created_at, note.id))
            if note.subject == "a"
            and (at_least is None or note.rank >= at_least)
            and (at_most is None or note.rank <= at_most)
        ]
        found: list[Note] = []
        cursor = None
        while True:
            page = await store.find(
                Note,
                "by_subject_rank",
                {"subject": "a"},
                at_least=at_least,
                at_most=at_most,
                after=cursor,
                limit=size,
                newest_first=newest_first,
            )
            found += page.items
            cursor = page.next
            if cursor is None:
                break
        assert found == (wanted[::-1] if newest_first else wanted)

    async def test_a_scan_gives_everything_by_id(self, store: Store) -> None:
        count = MAX_PAGE * 2 + 3
        await asyncio.gather(*(store.add(a_note(f"n{index:04d}", minutes=-index)) for index in range(count)))
        assert [note.id async for note in store.scan(Note)] == [f"n{index:04d}" for index in range(count)]

    async def test_a_scan_lets_others_run(self, store: Store) -> None:
        await asyncio.gather(*(store.add(a_note(f"n{index:04d}")) for index in range(MAX_PAGE * 3)))
        turns = 0

        async def other_work() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        working = asyncio.create_task(other_work())
        await asyncio.sleep(0)
        before = turns
        assert len([note async for note in store.scan(Note)]) == MAX_PAGE * 3
        working.cancel()
        assert turns - before >= 3

    async def test_a_scan_goes_on_while_documents_come_and_go(self, store: Store) -> None:
        await asyncio.gather(*(store.add(a_note(f"n{index:04d}")) for index in range(MAX_PAGE + 5)))
        seen: list[str] = []
        async for note in store.scan(Note):
            seen.append(note.id)
            if note.id == "n0003":
                await store.discard(Note, f"n{MAX_PAGE + 1:04d}")
                await store.add(a_note("zzzz"))
                await store.add(a_note("aaaa"))
        assert seen == [f"n{index:04d}" for index in range(MAX_PAGE + 5) if index != MAX_PAGE + 1] + ["zzzz"]


_numbers = iter(range(10**9))


def ids(page: Page[Any]) -> list[str]:
    """Return the ids of a page, in order."""
    return [document.id for document in page.items if isinstance(document, Document)]
