"""Any history of adds, saves and discards, compared with a dictionary: what the store holds is what was acknowledged."""

import asyncio
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.store.port import AlreadyExists, StaleVersion, Store
from tests.contract.samples import NUMBERED, Note, a_note, numbered
from tests.contract.store import OpenedStorage

IDS = st.sampled_from(["a", "b", "c"])
EVENTS = st.integers(0, 2)


class StoreHistory(RuleBasedStateMachine):
    """`storage` and `runner` are set on a subclass by the engine's test; each history has a service of its own."""

    storage: OpenedStorage
    runner: asyncio.Runner
    histories = iter(range(10**9))

    @initialize()
    def begin(self) -> None:
        self.service = f"history{next(self.histories)}"
        self.store: Store = self.storage.store(self.service)
        self.model: dict[str, Note] = {}
        self.read: dict[str, Note] = {}
        self.published: list[tuple[str, int, int]] = []
        self.already = len(self.run(self.storage.published(NUMBERED)))

    def run(self, call: Any) -> Any:
        return self.runner.run(call)

    @rule(identifier=IDS, rank=st.integers(-5, 5), count=EVENTS)
    def add(self, identifier: str, rank: int, count: int) -> None:
        events = [numbered(abs(rank) + 1)] * count
        try:
            added = self.run(self.store.add(a_note(identifier, rank=rank), events))
        except AlreadyExists:
            assert identifier in self.model
            return
        assert identifier not in self.model
        self.accept(added, a_note(identifier, rank=rank, version=1, sequence=count), count)

    @rule(identifier=IDS)
    def read_one(self, identifier: str) -> None:
        note = self.run(self.store.get(Note, identifier))
        assert note == self.model.get(identifier)
        if note is not None:
            self.read[identifier] = note

    @rule(identifier=IDS, rank=st.integers(-5, 5), count=EVENTS)
    def save(self, identifier: str, rank: int, count: int) -> None:
        read = self.read.get(identifier)
        if read is None:
            return
        changed = read.model_copy(update={"rank": rank})
        current = self.model.get(identifier)
        try:
            saved = self.run(self.store.save(changed, [numbered(abs(rank) + 1)] * count))
        except StaleVersion:
            assert current is None or current.version != read.version
            return
        assert current is not None
        assert current.version == read.version
        wanted = {"version": read.version + 1, "sequence": read.sequence + count}
        self.accept(saved, changed.model_copy(update=wanted), count)

    @rule(identifier=IDS)
    def discard(self, identifier: str) -> None:
        self.run(self.store.discard(Note, identifier))
        self.model.pop(identifier, None)
        # Discarded and added again, a document may meet its old version number: forget what was read.
        self.read.pop(identifier, None)

    def accept(self, stored: Note, wanted: Note, count: int) -> None:
        assert stored == wanted
        self.model[stored.id] = stored
        first = stored.sequence - count + 1
        self.published += [(stored.id, first + step, abs(stored.rank) + 1) for step in range(count)]

    @invariant()
    def holds_what_was_acknowledged(self) -> None:
        if not hasattr(self, "model"):
            return
        by_rank = sorted(self.model.values(), key=lambda note: (note.rank, note.id))
        assert self.run(self.store.find(Note, "by_rank")).items == by_rank

    @invariant()
    def published_what_was_acknowledged(self) -> None:
        if not hasattr(self, "model"):
            return
        events = self.run(self.storage.published(NUMBERED))[self.already :]
        seen = [(event.aggregate_id, event.sequence, event.data.attempts) for event in events]
        # Order is promised for each document, not across them.
        assert sorted(seen, key=lambda row: row[0]) == sorted(self.published, key=lambda row: row[0])
