"""The cube: how many cases count for the same, at each node. A cache in memory, built from facts at each start.

`place` replaces all that a case counted for by what it counts for now, so that calling it again, in any order,
ends in the same cube as building it afresh from the same facts.
"""

from collections.abc import Mapping

from services.statistics.cases import CaseCount


class Cube:
    """Cases that count for the same are one entry with a number: what they have in common is kept once."""

    def __init__(self) -> None:
        self._nodes: dict[str, dict[CaseCount, int]] = {}
        self._cases: dict[str, Mapping[str, CaseCount]] = {}

    def place(self, case: str, counts: Mapping[str, CaseCount]) -> None:
        """Make `counts` (by node) all that this case counts for; an empty one removes it."""
        for node, count in self._cases.pop(case, {}).items():
            entries = self._nodes[node]
            entries[count] -= 1
            if not entries[count]:
                del entries[count]
            if not entries:
                del self._nodes[node]
        for node, count in counts.items():
            entries = self._nodes.setdefault(node, {})
            entries[count] = entries.get(count, 0) + 1
        if counts:
            self._cases[case] = counts

    def seen_from(self, node: str) -> list[tuple[CaseCount, int]]:
        """Return what a node sees, and how many cases count for each: a copy, to be read at leisure."""
        return list(self._nodes.get(node, {}).items())

    def institutions(self) -> list[str]:
        """Return the institutions that have cases."""
        return sorted(node for node in self._nodes if "/" not in node)

    def __len__(self) -> int:
        """Return how many cases are counted."""
        return len(self._cases)

    def __eq__(self, other: object) -> bool:
        """Tell whether two cubes show the same counts everywhere."""
        return isinstance(other, Cube) and self._nodes == other._nodes

    __hash__ = None  # type: ignore[assignment]  # it changes
