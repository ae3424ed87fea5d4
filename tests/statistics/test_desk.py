"""Which cases a table counts, and which periods and splits are refused."""

from datetime import UTC, datetime

import pytest

from services.statistics.cases import CaseCount, Place
from services.statistics.cube import Cube
from services.statistics.desk import MOST_QUARTERS, VALUES, InvalidPeriod, SplitNotPublished
from services.statistics.periods import quarter_before, quarter_of, quarters_between
from services.statistics.reports import PARENTS, REPORTS, OwnSplit, PublishedSplit, ReportName, with_parents
from services.statistics.tables import HIDDEN, Table
from tests.statistics.history import AskedDesk

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FUNNEL, DELAYS, PROFILES, AUTONOMY = (
    ReportName.FUNNEL,
    ReportName.DELAYS,
    ReportName.PROFILES,
    ReportName.AUTONOMY,
)


def desk_of(*groups: tuple[int, str, str, set[str], dict[str, int]]) -> AskedDesk:
    """Return a desk over groups of alike cases: (size, institution, month, columns, figures), all in 93 aged 60-69."""
    cube = Cube()
    for number, (size, institution, month, columns, figures) in enumerate(groups):
        place = Place(f"{institution}/a/b", month, "93", "60_69", "first_steps")
        count = CaseCount(place, frozenset(columns), tuple(figures.items()))
        for case in range(size):
            cube.place(f"{number}-{case}", dict.fromkeys((institution, f"{institution}/a"), count))
    return AskedDesk(cube, NOW)


def shown(table: Table) -> dict[str, dict[str, int | None]]:
    """Return cases by row and column."""
    return {row.value: {name: cell.cases for name, cell in row.cells.items()} for row in table.rows}


def test_own_figures_are_exact_down_to_one_and_zero() -> None:
    desk = desk_of((1, "cpam93", "2026-11", {"assessed"}, {}), (30, "cnav", "2026-11", {"assessed"}, {}))
    table = desk.own("cpam93", FUNNEL, OwnSplit.NONE, None, None)
    assert shown(table)["all"]["assessed"] == 1
    assert table.total["met"].cases == 0
    assert not any(cell.hidden for cell in table.total.values())


def test_own_figures_of_a_body_are_those_of_its_subtree() -> None:
    desk = desk_of((2, "cpam93", "2026-11", {"assessed"}, {}))
    assert shown(desk.own("cpam93/a", FUNNEL, OwnSplit.NONE, None, None))["all"]["assessed"] == 2
    assert desk.own("cpam93/b", FUNNEL, OwnSplit.NONE, None, None).rows == []
    assert desk.own("cpam9", FUNNEL, OwnSplit.NONE, None, None).rows == []


def test_months_bound_a_window_on_both_sides() -> None:
    desk = desk_of(*((1, "cnav", f"2026-{month:02}", {"assessed"}, {}) for month in range(1, 12)))
    assert desk.own("cnav", FUNNEL, OwnSplit.NONE, "2026-03", "2026-05").total["assessed"].cases == 3
    assert desk.own("cnav", FUNNEL, OwnSplit.NONE, "2026-10", None).total["assessed"].cases == 2
    by_quarter = desk.own("cnav", FUNNEL, OwnSplit.QUARTER, None, "2026-04")
    assert {value: row["assessed"] for value, row in shown(by_quarter).items()} == {
        "2026-Q1": 3,
        "2026-Q2": 1,
    }


def test_splits_of_own_figures_add_up_to_the_total() -> None:
    desk = desk_of(
        (4, "cnav", "2026-10", {"assessed", "need.safety"}, {}), (3, "cnav", "2026-11", {"assessed"}, {})
    )
    for by in OwnSplit:
        table = desk.own("cnav", FUNNEL, by, None, None)
        assert (
            sum(row["assessed"] or 0 for row in shown(table).values()) == 7 == table.total["assessed"].cases
        )
    assert desk.own("cnav", ReportName.NEEDS, OwnSplit.NONE, None, None).total["safety"].cases == 4


def test_a_published_count_of_eleven_is_shown_and_of_ten_is_not() -> None:
    for size, expected in ((11, 11), (10, None), (0, None)):
        desk = desk_of((size, "cnav", "2026-08", {"assessed"}, {}))
        assert desk.published(FUNNEL, PublishedSplit.NONE, None, None).total["assessed"].cases == expected


def test_a_person_knowing_their_institution_can_not_learn_the_others() -> None:
    desk = desk_of((30, "cnav", "2026-08", {"assessed"}, {}), (5, "msa", "2026-08", {"assessed"}, {}))
    assert desk.published(FUNNEL, PublishedSplit.NONE, None, None).total["assessed"].hidden == HIDDEN


def test_every_value_is_listed_whether_it_has_cases_or_not() -> None:
    few = desk_of((1, "cnav", "2026-08", {"assessed"}, {}))
    none = desk_of()
    for by in (PublishedSplit.DEPARTEMENT, PublishedSplit.AGE_BAND, PublishedSplit.PROFILE):
        table = few.published(FUNNEL, by, None, None)
        assert tuple(row.value for row in table.rows) == VALUES[by]
        assert table == none.published(FUNNEL, by, None, None)


def test_a_window_is_shown_only_when_each_of_its_quarters_is() -> None:
    desk = desk_of((40, "cnav", "2026-02", {"assessed"}, {}), (50, "cnav", "2026-05", {"assessed"}, {}),
                   (4, "cnav", "2026-08", {"assessed"}, {}))  # fmt: skip
    year = desk.published(FUNNEL, PublishedSplit.QUARTER, "2026-01", "2026-09")
    assert {value: row["assessed"] for value, row in shown(year).items()} == {
        "2026-Q1": 40,
        "2026-Q2": 50,
        "2026-Q3": None,
    }
    assert year.total["assessed"].hidden == HIDDEN
    assert desk.published(FUNNEL, PublishedSplit.NONE, "2026-01", "2026-06").total["assessed"].cases == 90


def test_so_is_each_cell_of_a_window() -> None:
    cube = Cube()
    for month, departement, size in (("2026-02", "93", 40), ("2026-02", "75", 50), ("2026-02", "92", 30),
                                     ("2026-05", "93", 40), ("2026-05", "75", 30), ("2026-05", "92", 5)):  # fmt: skip
        count = CaseCount(
            Place("cnav/a/b", month, departement, "60_69", "not_profiled"), frozenset({"assessed"}), ()
        )
        for case in range(size):
            cube.place(f"{month}-{departement}-{case}", {"cnav": count})
    desk = AskedDesk(cube, NOW)
    found = []
    for first, last in (("2026-01", "2026-03"), ("2026-04", "2026-06"), ("2026-01", "2026-06")):
        rows = shown(desk.published(FUNNEL, PublishedSplit.DEPARTEMENT, first, last))
        found.append([rows[departement]["assessed"] for departement in ("93", "75", "92")])
    # The smallest is hidden to protect the départements without any case.
    assert found == [[40, 50, None], [40, None, None], [80, None, None]]


def test_a_departement_that_is_not_listed_counts_as_unknown() -> None:
    cube = Cube()
    count = CaseCount(
        Place("cnav/a/b", "2026-08", "20", "60_69", "not_profiled"), frozenset({"assessed"}), ()
    )
    for case in range(30):
        cube.place(str(case), {"cnav": count})
    assert (
        AskedDesk(cube, NOW).published(FUNNEL, PublishedSplit.NONE, None, None).total["assessed"].cases == 30
    )


def test_delays_hide_with_the_counts_they_rest_on() -> None:
    answered, waiting = {"referred", "answered"}, {"referred"}
    plenty = desk_of(
        (20, "cnav", "2026-08", answered, {"hours.answered": 36}), (11, "cnav", "2026-08", waiting, {})
    )
    few_wait = desk_of(
        (20, "cnav", "2026-08", answered, {"hours.answered": 36}), (3, "cnav", "2026-08", waiting, {})
    )
    cell = plenty.published(DELAYS, PublishedSplit.NONE, None, None).total["answered"]
    assert (cell.cases, cell.median) == (20, 1.5)
    hidden = few_wait.published(DELAYS, PublishedSplit.NONE, None, None).total["answered"]
    assert (hidden.cases, hidden.median, hidden.hidden) == (None, None, HIDDEN)


def test_profiles_are_published_as_the_funnel_split_by_profile() -> None:
    desk = desk_of((20, "cnav", "2026-08", {"assessed", "profile.first_steps"}, {}))
    by_profile = desk.published(FUNNEL, PublishedSplit.PROFILE, None, None)
    profiles = desk.published(PROFILES, PublishedSplit.NONE, None, None)
    assert {value: row["assessed"] for value, row in shown(by_profile).items()} == shown(profiles)["all"]
    with pytest.raises(SplitNotPublished, match="none, quarter"):
        desk.published(PROFILES, PublishedSplit.DEPARTEMENT, None, None)


def test_autonomy_shows_gains_and_losses() -> None:
    columns = {"assessed", "reassessed", "compared"}
    figures = {"gain.access": -4, "gain.skills": 12, "gain.autonomy": 0}
    table = desk_of((2, "cnav", "2026-08", columns, figures)).own("cnav", AUTONOMY, OwnSplit.NONE, None, None)
    assert {name: cell.median for name, cell in table.total.items()} == {
        "access": -4,
        "skills": 12,
        "autonomy": 0,
    }


@pytest.mark.parametrize(
    ("first", "last", "problem"),
    [
        ("2026-08", None, "whole quarters"),
        (None, "2026-08", "whole quarters"),
        ("2026-10", "2026-12", "the last is 2026-Q3"),
        ("2026-07", "2026-06", "comes after"),
        ("2020-01", "2026-09", f"at most {MOST_QUARTERS}"),
    ],
)
def test_a_period_that_can_not_be_published_is_refused(
    first: str | None, last: str | None, problem: str
) -> None:
    with pytest.raises(InvalidPeriod, match=problem):
        desk_of().published(FUNNEL, PublishedSplit.NONE, first, last)


def test_the_running_quarter_is_published_once_it_has_ended() -> None:
    desk = desk_of((40, "cnav", "2026-11", {"assessed"}, {}))
    default = desk.published(FUNNEL, PublishedSplit.NONE, None, None)
    assert (default.from_, default.to) == ("2026-07", "2026-09")
    assert default.total["assessed"].hidden == HIDDEN


def test_an_own_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidPeriod, match="comes after"):
        desk_of().own("cnav", FUNNEL, OwnSplit.NONE, "2026-05", "2026-04")


def test_quarters_follow_each_other_over_a_year_end() -> None:
    assert quarters_between("2025-Q3", "2026-Q2") == ("2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2")
    assert quarter_before("2026-Q1") == "2025-Q4"
    assert [quarter_of(f"2026-{month:02}")[-1] for month in range(1, 13)] == list("111222333444")


def test_parents_come_before_their_columns_and_reports_are_all_there() -> None:
    assert with_parents(("completed", "reassessed")) == (
        "referred", "answered", "met", "completed", "assessed", "reassessed",
    )  # fmt: skip
    assert set(REPORTS) == set(ReportName)
    assert all(column.meaning for report in REPORTS.values() for column in report.columns)
    assert set(PARENTS.values()) <= {
        column.counts for report in REPORTS.values() for column in report.columns
    }
