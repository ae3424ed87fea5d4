"""What may be shown of a quarter to those who may not see its cases.

Words. A *column* counts cases (`referred`). A *line* is one column split by one dimension (`referred` by
département); its *total* is the same for every dimension, because each case has exactly one value of each. A column
may have a *parent* that contains it (everyone answered was referred): the difference of the two is a count as well
("referred, never answered"), and is protected like one.

Rules, applied to a quarter as a whole, for whatever is asked later:
1. A count is shown from 11 **cases** on (not persons). 0 is hidden like 1 to 10.
2. Nor is it shown when an institution that takes its own exact figures away would be left with 1 to 10 cases of the
   others. (It may be left with none: there is then nobody else in it.)
3. A cell is shown only beside its parent, and only if the difference passes 1 and 2 too.
4. Hidden cells of a line number at least two, and together pass 1 and 2, as do their differences from the parent:
   otherwise the smallest shown cells are hidden as well, until they do. So the total may be shown: taking the shown
   cells away from it tells nothing of any one that is hidden.
5. Whatever spans quarters is the sum of shown quarters, or hidden.

So each hidden cell could be 0 or at least 11 as far as sums can tell. What this does not yet hold against: somebody
who knows that the smallest cells are chosen first and reasons on that; the same quarter read again after a late
event, until its tables are frozen; crossing two dimensions, which is why nothing is published by two.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SMALLEST = 11
"""The least number of cases that a published cell counts. Source: domain §8."""

ByInstitution = Counter[str]
Line = Mapping[str, ByInstitution]
Lines = Mapping[str, Mapping[str, Line]]
"""Counts by column, dimension, value and institution. A dimension lists the same values in every column."""


@dataclass(slots=True)
class Shown:
    """What may be shown of one quarter: totals by column, cells by (column, dimension, value)."""

    totals: set[str] = field(default_factory=set)
    cells: set[tuple[str, str, str]] = field(default_factory=set)


def is_large(counts: ByInstitution) -> bool:
    """Tell whether a count may be known (rules 1 and 2)."""
    total = counts.total()
    return total >= SMALLEST and all(own == total or total - own >= SMALLEST for own in counts.values())


def protect(lines: Lines, parents: Mapping[str, str]) -> Shown:
    """Decide what to show. `lines` holds a column's parent before the column, all with the same dimensions."""
    shown = Shown()
    for column, by_dimension in lines.items():
        parent = parents.get(column)
        first = next(iter(by_dimension.values()))
        total = _sum(first.values())
        if not is_large(total):
            continue
        if parent is not None:
            above = _sum(next(iter(lines[parent].values())).values())
            if parent not in shown.totals or not is_large(_less(above, total)):
                continue
        shown.totals.add(column)
        for dimension, line in by_dimension.items():
            above_line = lines[parent][dimension] if parent is not None else None
            visible = {value for value in line if parent is None or (parent, dimension, value) in shown.cells}
            hidden = _hidden(line, above_line, visible)
            shown.cells |= {(column, dimension, value) for value in line if value not in hidden}
    return shown


def _hidden(line: Line, above: Line | None, visible: set[str]) -> set[str]:
    """Return the values to hide in one line; `visible` are those whose parent is shown."""
    hidden = {
        value
        for value, counts in line.items()
        if value not in visible
        or not is_large(counts)
        or (above is not None and not is_large(_less(above[value], counts)))
    }
    together = _sum(line[value] for value in hidden)
    gap = None if above is None else _less(_sum(above[value] for value in hidden), together)
    for value in sorted(set(line) - hidden, key=lambda value: (line[value].total(), value)):
        # One cell alone is never enough: it is hidden because it, or its difference from the parent, is not large.
        if not hidden or (is_large(together) and (gap is None or is_large(gap))):
            break
        hidden.add(value)
        together.update(line[value])
        if gap is not None and above is not None:
            gap.update(_less(above[value], line[value]))
    return hidden


def _sum(parts: Iterable[ByInstitution]) -> ByInstitution:
    total: ByInstitution = Counter()
    for part in parts:
        total.update(part)
    return total


def _less(whole: ByInstitution, part: ByInstitution) -> ByInstitution:
    return whole - part  # a part never holds more, so that dropping what is not positive loses nothing
