"""The cube: how many cases stand where, at each node. A cache in memory, built from facts and rebuilt at each start.

`place` replaces all that a case counted for by what it counts for now, so that calling it again, in any order,
ends in the same cube as building it afresh from the same facts.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from services.statistics.cases import CaseCount, Place


@dataclass(slots=True)
class Tally:
    """One cell: its cases, those of each column, and the distribution of each figure (value → cases)."""

    cases: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Counter[int]] = field(default_factory=dict)

    def change(self, count: CaseCount, by: int) -> None:
        """Add a case (`by` 1) or take it away (-1)."""
        self.cases += by
        for column in count.columns:
            _change(self.columns, column, by)
        for name, value in count.figures:
            distribution = self.figures.setdefault(name, Counter())
            _change(distribution, value, by)
            if not distribution:
                del self.figures[name]

    def merge(self, other: "Tally") -> None:
        """Add another cell's cases."""
        self.cases += other.cases
        self.columns.update(other.columns)
        for name, distribution in other.figures.items():
            self.figures.setdefault(name, Counter()).update(distribution)


def _change(counter: Counter[str] | Counter[int], key: str | int, by: int) -> None:
    counts: dict[str | int, int] = counter  # type: ignore[assignment]  # one code for both kinds of key
    counts[key] = counts.get(key, 0) + by
    if not counts[key]:
        del counts[key]


class Cube:
    """Cells by node and place."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[Place, Tally]] = {}
        self._cases: dict[str, Mapping[str, CaseCount]] = {}

    def place(self, case: str, counts: Mapping[str, CaseCount]) -> None:
        """Make `counts` all that this case counts for; nothing removes it."""
        for node, count in self._cases.pop(case, {}).items():
            cells = self._cells[node]
            tally = cells[count.place]
            tally.change(count, -1)
            if not tally.cases:
                del cells[count.place]
            if not cells:
                del self._cells[node]
        for node, count in counts.items():
            self._cells.setdefault(node, {}).setdefault(count.place, Tally()).change(count, 1)
        if counts:
            self._cases[case] = counts

    def seen_from(self, node: str) -> Iterator[tuple[Place, Tally]]:
        """Yield the cells of a node."""
        yield from self._cells.get(node, {}).items()

    def institutions(self) -> list[str]:
        """Return the institutions that have cases."""
        return sorted(node for node in self._cells if "/" not in node)

    def __len__(self) -> int:
        """Return how many cases are counted."""
        return len(self._cases)

    def __eq__(self, other: object) -> bool:
        """Tell whether two cubes show the same counts everywhere."""
        return isinstance(other, Cube) and self._cells == other._cells

    __hash__ = None  # type: ignore[assignment]  # it changes
