"""Decision tables: rows over named axes, each situation answered by exactly one row.

A table is data. Before it is used, `check` walks every distinct situation it can meet and refuses a table that
leaves one without an answer (a gap) or answers one twice (an overlap), and shows that situation. `possible`
answers a situation of which only a part is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

Point = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Range:
    """An axis, or a part of one, of whole numbers: both ends belong to it."""

    low: int
    high: int

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.low <= value <= self.high

    def meets(self, other: "Part") -> bool:
        """Whether some value belongs to both."""
        return isinstance(other, Range) and self.low <= other.high and other.low <= self.high


@dataclass(frozen=True, slots=True)
class Values:
    """An axis, or a part of one, of named values."""

    names: tuple[str, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.names

    def meets(self, other: "Part") -> bool:
        """Whether some value belongs to both."""
        return isinstance(other, Values) and not set(self.names).isdisjoint(other.names)


Part = Range | Values


@dataclass(frozen=True, slots=True)
class Row:
    """One rule: `outcome` when every axis of `when` lies in its part; an axis left out may be anything."""

    name: str
    outcome: str
    when: Mapping[str, Part]

    def covers(self, point: Point) -> bool:
        """Whether this row answers a fully known situation."""
        return all(point[axis] in part for axis, part in self.when.items())

    def may_cover(self, known: Mapping[str, Part]) -> bool:
        """Whether this row could still answer a situation known only as far as `known` says."""
        return all(axis not in known or part.meets(known[axis]) for axis, part in self.when.items())


class DecisionTableError(Exception):
    """A decision table cannot be used as it stands."""


class TableGap(DecisionTableError):
    """Some situation has no row."""

    def __init__(self, table: str, example: Point) -> None:
        self.table, self.example = table, dict(example)
        super().__init__(f"Table {table}: no row answers {_spell(example)}; add one.")


class TableOverlap(DecisionTableError):
    """Some situation has two rows or more."""

    def __init__(self, table: str, example: Point, rows: Sequence[str]) -> None:
        self.table, self.example, self.rows = table, dict(example), tuple(rows)
        names = " and ".join(rows)
        super().__init__(f"Table {table}: rows {names} both answer {_spell(example)}; keep one.")


class RowOutsideAxis(DecisionTableError):
    """A row speaks of an axis or a value that the table does not have."""

    def __init__(self, table: str, row: str, axis: str, problem: str) -> None:
        self.table, self.row, self.axis = table, row, axis
        super().__init__(f"Table {table}, row {row}, axis {axis}: {problem}.")


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """Rows over axes. Build it, then `check` it once; `decide` and `possible` trust a checked table."""

    name: str
    axes: Mapping[str, Part]
    rows: tuple[Row, ...]

    def check(self) -> None:
        """Refuse the table unless exactly one row answers every situation.

        Raises:
            RowOutsideAxis: a row names an unknown axis, a value the axis lacks, or an empty range.
            TableGap: a situation without a row, shown.
            TableOverlap: a situation with several rows, shown with their names.
        """
        for row in self.rows:
            for axis, part in row.when.items():
                self._check_part(row, axis, part)
        for point in self._distinct_points():
            names = [row.name for row in self.rows if row.covers(point)]
            if not names:
                raise TableGap(self.name, point)
            if len(names) > 1:
                raise TableOverlap(self.name, point, names)

    def decide(self, point: Point) -> Row:
        """The one row of a checked table that answers a fully known situation."""
        return next(row for row in self.rows if row.covers(point))

    def possible(self, known: Mapping[str, Part]) -> tuple[Row, ...]:
        """Every row that could answer a situation; an axis absent from `known` may be anything."""
        return tuple(row for row in self.rows if row.may_cover(known))

    def _check_part(self, row: Row, axis: str, part: Part) -> None:
        whole = self.axes.get(axis)
        if whole is None:
            raise RowOutsideAxis(self.name, row.name, axis, f"unknown; the axes are {', '.join(self.axes)}")
        problem = _why_not_inside(part, whole)
        if problem:
            raise RowOutsideAxis(self.name, row.name, axis, problem)

    def _distinct_points(self) -> Iterator[Point]:
        """One situation for each combination that the rows can tell apart.

        A range axis changes answer only where some row's range begins or ends, so its lowest value of each piece
        between two such cuts stands for the whole piece; this makes the check exact and short.
        """
        choices = [self._representatives(axis, whole) for axis, whole in self.axes.items()]
        for values in product(*choices):
            yield dict(zip(self.axes, values, strict=True))

    def _representatives(self, axis: str, whole: Part) -> Sequence[int | str]:
        if isinstance(whole, Values):
            return whole.names
        cuts = {whole.low}
        for row in self.rows:
            part = row.when.get(axis)
            if isinstance(part, Range):
                cuts |= {part.low, part.high + 1}
        return sorted(cut for cut in cuts if cut in whole)


def _why_not_inside(part: Part, whole: Part) -> str | None:
    if isinstance(whole, Range):
        return _why_not_in_range(part, whole)
    if not isinstance(part, Values):
        return f"expected some of {', '.join(whole.names)}"
    unknown = [name for name in part.names if name not in whole]
    if unknown:
        return f"unknown value {', '.join(unknown)}; the values are {', '.join(whole.names)}"
    return None if part.names else "no value is given"


def _why_not_in_range(part: Part, whole: Range) -> str | None:
    if not isinstance(part, Range):
        return f"expected a range within {whole.low}–{whole.high}"
    if part.low > part.high:
        return f"the range {part.low}–{part.high} is empty"
    if part.low not in whole or part.high not in whole:
        return f"the range {part.low}–{part.high} leaves {whole.low}–{whole.high}"
    return None


def _spell(point: Point) -> str:
    return ", ".join(f"{axis}={value}" for axis, value in point.items())
