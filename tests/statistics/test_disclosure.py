"""What is published gives no hidden figure away: an attacker with everything shown tries, and fails.

The attacker asks every published table, knows the rules, adds and subtracts (a linear system over all cells), and may
be an institution that also knows its own figures exactly.
"""

from collections import Counter
from collections.abc import Sequence, Set
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.statistics.cases import CaseCount, Place
from services.statistics.cube import Cube
from services.statistics.desk import VALUES
from services.statistics.disclosure import SMALLEST, is_large, protect
from services.statistics.periods import first_month, last_month, quarters_between
from services.statistics.reports import PARENTS, PublishedSplit, ReportName
from services.statistics.tables import HIDDEN, Cell
from tests.statistics.history import AskedDesk, unhurried

QUARTERS = ("2026-Q1", "2026-Q2")
STEPS = ("referred", "answered", "met", "completed")
INSTITUTIONS = ("cpam93", "cnav", "msa")
DIMENSIONS = ("departement", "age_band", "profile")
NOW = datetime(2026, 8, 1, tzinfo=UTC)


class Group(NamedTuple):
    """`size` cases that are alike."""

    institution: str
    quarter: str
    departement: str
    age_band: str
    profile: str
    reached: int
    size: int


groups = st.builds(
    Group,
    institution=st.sampled_from(INSTITUTIONS),
    quarter=st.sampled_from(QUARTERS),
    departement=st.sampled_from(("93", "75", "2A", "92")),
    age_band=st.sampled_from(("60_69", "70_79", "20_29")),
    profile=st.sampled_from(("first_steps", "intermediate", "not_profiled")),
    reached=st.integers(1, len(STEPS)),
    size=st.one_of(st.integers(1, 14), st.integers(10, 60)),
)
populations = st.lists(groups, min_size=1, max_size=30)


def cube_of(population: list[Group]) -> Cube:
    """Return the cube of a population."""
    cube = Cube()
    for number, group in enumerate(population):
        place = Place(
            f"{group.institution}/a/b",
            first_month(group.quarter),
            group.departement,
            group.age_band,
            group.profile,
        )
        count = CaseCount(place, frozenset(STEPS[: group.reached]), ())
        for case in range(group.size):
            cube.place(f"{number}-{case}", {group.institution: count})
    return cube


class Truth:
    """The true count of each atom (quarter, dimension, value, column), by institution."""

    def __init__(self, population: list[Group]) -> None:
        self.atoms: dict[tuple[str, str, str, str], Counter[str]] = {
            (quarter, dimension, value, column): Counter()
            for quarter in QUARTERS
            for dimension in DIMENSIONS
            for value in VALUES[dimension]
            for column in STEPS
        }
        for group in population:
            for dimension in DIMENSIONS:
                for column in STEPS[: group.reached]:
                    atom = (group.quarter, dimension, getattr(group, dimension), column)
                    self.atoms[atom][group.institution] += group.size


Shown = list[tuple[tuple[str, ...], str, str, str, int]]


def ask_everything(desk: AskedDesk) -> Shown:
    """Return every figure shown, of every window and split: (quarters, dimension, value, column, cases)."""
    shown: Shown = []
    for first in QUARTERS:
        for last in QUARTERS[QUARTERS.index(first) :]:
            for by in PublishedSplit:
                table = desk.published(ReportName.FUNNEL, by, first_month(first), last_month(last))
                window = quarters_between(first, last)
                rows = [(row.value, row.cells) for row in table.rows] + [("total", table.total)]
                for value, cells in rows:
                    quarters = (value,) if by is PublishedSplit.QUARTER and value != "total" else window
                    is_total = value == "total" or by in {PublishedSplit.NONE, PublishedSplit.QUARTER}
                    dimension, named = ("departement", "*") if is_total else (by.value, value)
                    for column in STEPS:
                        if (cases := said(cells[column])) is not None:
                            shown.append((quarters, dimension, named, column, cases))
    return shown


def said(cell: Cell) -> int | None:
    """Return what a cell shows; a hidden one shows the one reason and nothing else."""
    if cell.cases is None:
        assert cell == Cell(cases=None, median=None, hidden=HIDDEN)
    else:
        assert cell.hidden is None
    return cell.cases


Atom = tuple[str, ...]


def unsolved(
    atoms: Sequence[Atom], equal: Sequence[tuple[Set[Atom], Set[Atom]]], known: Sequence[Set[Atom]]
) -> set[Atom]:
    """Return the atoms that stay open when some sums are known and some pairs of sums are known to be equal."""
    index = {atom: position for position, atom in enumerate(atoms)}
    equations = np.zeros((len(equal) + len(known), len(atoms)))
    for row, (left, right) in enumerate(equal):
        equations[row, [index[atom] for atom in left]] = 1
        equations[row, [index[atom] for atom in right]] = -1
    for row, together in enumerate(known, start=len(equal)):
        equations[row, [index[atom] for atom in together]] = 1
    _, sizes, basis = np.linalg.svd(equations, full_matrices=True)
    kernel = basis[int((sizes > 1e-9).sum()) :]
    return {atom for atom in atoms if kernel.size and np.abs(kernel[:, index[atom]]).max() > 1e-9}


def whole(quarter: str, dimension: str) -> set[Atom]:
    """Return the atoms of a line."""
    return {(quarter, dimension, value) for value in VALUES[dimension]}


@given(populations)
@unhurried(max_examples=5)
def test_no_hidden_cell_can_be_solved_for(population: list[Group]) -> None:
    shown = ask_everything(AskedDesk(cube_of(population), NOW))
    atoms = [
        atom for quarter in QUARTERS for dimension in DIMENSIONS for atom in sorted(whole(quarter, dimension))
    ]
    same_cases = [
        (whole(quarter, DIMENSIONS[0]), whole(quarter, other))
        for quarter in QUARTERS
        for other in DIMENSIONS[1:]
    ]
    for column in STEPS:
        known, visible = [], set()
        for quarters, dimension, named, of, _ in shown:
            if of == column:
                lines = [whole(quarter, dimension) for quarter in quarters]
                known.append({atom for line in lines for atom in line if named in {"*", atom[2]}})
                if len(known[-1]) == 1:
                    visible |= known[-1]
        assert set(atoms) - visible == unsolved(atoms, same_cases, known)


@given(populations)
@unhurried(max_examples=10)
def test_what_is_shown_is_true_large_and_large_for_each_institution(population: list[Group]) -> None:
    truth = Truth(population)
    for quarters, dimension, named, column, cases in ask_everything(AskedDesk(cube_of(population), NOW)):
        values = VALUES[dimension] if named == "*" else (named,)
        for quarter in quarters:
            counts = sum((truth.atoms[quarter, dimension, value, column] for value in values), Counter[str]())
            assert counts.total() >= SMALLEST
            for institution in INSTITUTIONS:
                others = counts.total() - counts[institution]
                assert others == 0 or others >= SMALLEST
        assert cases == sum(
            truth.atoms[quarter, dimension, value, column].total() for quarter in quarters for value in values
        )


Values = st.dictionaries(
    st.sampled_from([f"v{number}" for number in range(7)]),
    st.dictionaries(st.sampled_from(INSTITUTIONS), st.integers(0, 40), max_size=3),
    min_size=2,
)


@st.composite
def chains(draw: st.DrawFn) -> dict[str, dict[str, dict[str, Counter[str]]]]:
    """Draw a chain of columns, each within the one before, split by two dimensions with the same totals."""
    base = draw(Values)
    lines: dict[str, dict[str, dict[str, Counter[str]]]] = {}
    above = {value: Counter(counts) for value, counts in base.items()}
    for column in STEPS:
        if column != STEPS[0]:
            above = {
                value: Counter(
                    {name: draw(st.integers(max(0, cases - 15), cases)) for name, cases in counts.items()}
                )
                for value, counts in above.items()
            }
        halves: dict[str, Counter[str]] = {"odd": Counter(), "even": Counter()}
        for value, counts in above.items():
            halves["odd" if int(value[1:]) % 2 else "even"].update(counts)
        lines[column] = {"fine": above, "coarse": halves}
    return lines


def room_for_doubt(hidden: set[str], line: dict[str, int], above: dict[str, int | None]) -> int:
    """Return the least width of what each hidden cell may be, given the line's total and the parents that are shown."""
    together = sum(line[value] for value in hidden)
    most = {value: above[value] if above[value] is not None else together for value in hidden}
    widths = []
    for value in hidden:
        others = sum(min(most[other] or 0, together) for other in hidden - {value})
        widths.append(min(most[value] or 0, together) - max(0, together - others))
    return min(widths)


@given(chains())
@unhurried(max_examples=100)
def test_no_hidden_cell_of_any_two_lines_can_be_solved_for(
    lines: dict[str, dict[str, dict[str, Counter[str]]]],
) -> None:
    shown = protect(lines, PARENTS)
    for column, by_dimension in lines.items():
        fine, coarse = ({(name, value) for value in by_dimension[name]} for name in ("fine", "coarse"))
        visible = {(name, value) for of, name, value in shown.cells if of == column}
        known: list[Set[Atom]] = [{atom} for atom in visible] + [fine] * (column in shown.totals)
        atoms = sorted(fine | coarse)
        assert set(atoms) - visible == unsolved(atoms, [(fine, coarse)], known)


def left_to(line: dict[str, Counter[str]], knows: str | None) -> dict[str, int]:
    """Return each count less what this institution knows of it (None: the public)."""
    return {value: counts.total() - (counts[knows] if knows else 0) for value, counts in line.items()}


@given(chains(), st.sampled_from((None, *INSTITUTIONS)))
@unhurried(max_examples=150)
def test_a_hidden_cell_keeps_room_for_doubt_even_for_an_institution(
    lines: dict[str, dict[str, dict[str, Counter[str]]]], knows: str | None
) -> None:
    shown = protect(lines, PARENTS)
    for column in shown.totals:
        for dimension in lines[column]:
            line = left_to(lines[column][dimension], knows)
            hidden = {value for value in line if (column, dimension, value) not in shown.cells}
            above: dict[str, int | None] = dict.fromkeys(hidden)
            gap = None
            if (parent := PARENTS.get(column)) is not None:
                over = left_to(lines[parent][dimension], knows)
                gap = sum(over[value] - line[value] for value in hidden)
                above = {
                    value: over[value] if (parent, dimension, value) in shown.cells else None
                    for value in hidden
                }
            if hidden:
                check_doubt(hidden, line, above, gap, knows)


def check_doubt(
    hidden: set[str], line: dict[str, int], above: dict[str, int | None], gap: int | None, knows: str | None
) -> None:
    """Check the hidden cells of one line; an institution may learn that nobody else is concerned."""
    together = sum(line[value] for value in hidden)
    if knows is not None and (together == 0 or gap == 0):
        return
    assert len(hidden) >= 2
    assert together >= SMALLEST
    assert gap is None or gap >= SMALLEST
    if knows is None:
        assert room_for_doubt(hidden, line, above) >= SMALLEST


@given(chains())
@unhurried(max_examples=60)
def test_a_step_is_shown_only_beside_the_one_that_holds_it(
    lines: dict[str, dict[str, dict[str, Counter[str]]]],
) -> None:
    shown = protect(lines, PARENTS)
    for column, dimension, value in shown.cells:
        parent = PARENTS.get(column)
        if parent is not None:
            assert (parent, dimension, value) in shown.cells
            gap = lines[parent][dimension][value].total() - lines[column][dimension][value].total()
            assert gap >= SMALLEST


@pytest.mark.parametrize(
    ("counts", "large"),
    [
        ({}, False),
        ({"a": 10}, False),
        ({"a": 11}, True),  # one institution alone: nobody else is in it
        ({"a": 30, "b": 10}, False),  # a takes its 30 away, and knows b's 10
        ({"a": 30, "b": 11}, True),
        ({"a": 30, "b": 6, "c": 5}, True),  # a learns 11 of others; b learns 35
        ({"a": 5, "b": 6}, False),  # 11 in all, but b would learn that the others are 5
    ],
)
def test_a_count_is_large_for_everybody_or_hidden(counts: dict[str, int], large: bool) -> None:
    assert is_large(Counter(counts)) is large


def test_large_cells_are_shown_and_a_lone_small_one_takes_a_neighbour_with_it() -> None:
    line = {"a": 50, "b": 40, "c": 30, "d": 4}
    lines = {"referred": {"age": {value: Counter({"cnav": cases}) for value, cases in line.items()}}}
    shown = protect(lines, PARENTS)
    assert shown.totals == {"referred"}
    assert {value for _, _, value in shown.cells} == {"a", "b"}


def test_nothing_is_lost_when_nothing_is_small() -> None:
    line = {"a": 50, "b": 40, "c": 30}
    lines = {"referred": {"age": {value: Counter({"cnav": cases}) for value, cases in line.items()}}}
    assert {value for _, _, value in protect(lines, PARENTS).cells} == {"a", "b", "c"}
