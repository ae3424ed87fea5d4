"""Answers a report from the cube: exactly to those whose cases they are, protected to all others."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.statistics.cases import NOT_PROFILED, UNKNOWN, Place
from services.statistics.cube import Cube, Tally
from services.statistics.disclosure import ByInstitution, Shown, protect
from services.statistics.model import StatisticsError
from services.statistics.periods import (
    Month,
    Quarter,
    first_month,
    last_month,
    month_of,
    quarter_before,
    quarter_of,
    quarters_between,
)
from services.statistics.reports import (
    PARENTS,
    REPORTS,
    Column,
    OwnSplit,
    PublishedSplit,
    Report,
    ReportName,
    with_parents,
)
from services.statistics.tables import Cell, Table, counted_cell, hidden_cell, make_table
from shared.clock import Clock
from shared.events.vocabulary import AgeBand, Profile

ALL = "all"
MOST_QUARTERS = 20
"""The longest window of published figures: five years, which is what is kept."""

_METROPOLE = [f"{number:02}" for number in range(1, 96) if number != 20]  # 20 became 2A and 2B in 1976
_OVERSEAS = ["971", "972", "973", "974", "975", "976", "977", "978", "984", "986", "987", "988", "989"]
VALUES: Mapping[str, tuple[str, ...]] = {
    "departement": (*sorted([*_METROPOLE, "2A", "2B"]), *_OVERSEAS, UNKNOWN),
    "age_band": tuple(band.value for band in AgeBand),
    "profile": (*(profile.value for profile in Profile), NOT_PROFILED),
}
"""Every value of a published dimension, always all listed: which of them has no case is not told."""


class InvalidPeriod(StatisticsError):
    """The months asked for can't be answered."""

    status = 422

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The period does not fit: {problem}.", errors=[{"field": "from, to", "problem": problem}]
        )


class SplitNotPublished(StatisticsError):
    """This report is not published by that."""

    status = 422

    def __init__(self, report: ReportName, by: PublishedSplit, offered: Sequence[PublishedSplit]) -> None:
        super().__init__(
            f"The published report {report} is not split by {by}; ask for one of: {', '.join(offered)}.",
            errors=[{"field": "by", "problem": f"must be one of {', '.join(offered)}"}],
        )


@dataclass(slots=True)
class _QuarterCounts:
    """What all institutions count in one quarter, by column, dimension and value."""

    lines: dict[str, dict[str, dict[str, ByInstitution]]]
    figures: dict[tuple[str, str, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    @classmethod
    def empty(cls, columns: Sequence[str]) -> "_QuarterCounts":
        return cls(
            {
                column: {name: {value: Counter() for value in values} for name, values in VALUES.items()}
                for column in columns
            }
        )

    def add(self, institution: str, place: Place, tally: Tally) -> None:
        for dimension, values in VALUES.items():
            value = getattr(place, dimension)
            value = value if value in values else UNKNOWN
            for column, by_dimension in self.lines.items():
                if cases := tally.columns.get(column, 0):
                    by_dimension[dimension][value][institution] += cases
            for name, distribution in tally.figures.items():
                self.figures[name, dimension, value].update(distribution)

    def cases(self, column: str, dimension: str, value: str) -> int:
        return self.lines[column][dimension][value].total()


class ReportDesk:
    """Answers reports."""

    def __init__(self, cube: Cube, clock: Clock) -> None:
        self._cube, self._clock = cube, clock

    def own(
        self, node: str, name: ReportName, by: OwnSplit, first: Month | None, last: Month | None
    ) -> Table:
        """Return the exact figures of a node's subtree.

        Raises:
            InvalidPeriod: `first` comes after `last`.
        """
        if first is not None and last is not None and first > last:
            raise InvalidPeriod(f"from ({first}) comes after to ({last})")
        rows: dict[str, Tally] = defaultdict(Tally)
        total = Tally()
        for place, tally in self._cube.seen_from(node):
            if (first is None or place.month >= first) and (last is None or place.month <= last):
                rows[_value(place, by)].merge(tally)
                total.merge(tally)
        report = REPORTS[name]
        return make_table(
            report,
            view="own",
            by=by,
            window=(first, last),
            as_of=self._clock.now(),
            rows={value: _exact(report, rows[value]) for value in sorted(rows)},
            total=_exact(report, total),
        )

    def published(
        self, name: ReportName, by: PublishedSplit, first: Month | None, last: Month | None
    ) -> Table:
        """Return the protected figures of all institutions, for whole quarters that have ended (default: the last).

        Raises:
            InvalidPeriod: not whole quarters, not ended yet, in the wrong order, or more than `MOST_QUARTERS`.
            SplitNotPublished: this report is not published by that.
        """
        report, now = REPORTS[name], self._clock.now()
        if by not in report.published_by:
            raise SplitNotPublished(name, by, report.published_by)
        quarters = _whole_quarters(first, last, now)
        publication = _Publication(report, self._collect(report, quarters))
        return make_table(
            report,
            view="published",
            by=by,
            window=(first_month(quarters[0]), last_month(quarters[-1])),
            as_of=now,
            rows=publication.rows(by),
            total=publication.total(quarters),
        )

    def _collect(self, report: Report, quarters: Sequence[Quarter]) -> dict[Quarter, _QuarterCounts]:
        columns = with_parents(tuple(column.counts for column in report.columns))
        counts = {quarter: _QuarterCounts.empty(columns) for quarter in quarters}
        for institution in self._cube.institutions():
            for place, tally in self._cube.seen_from(institution):
                quarter = quarter_of(place.month)
                if quarter in counts:
                    counts[quarter].add(institution, place, tally)
        return counts


class _Publication:
    """One report over some quarters, each protected on its own."""

    def __init__(self, report: Report, counts: Mapping[Quarter, _QuarterCounts]) -> None:
        self._report, self._counts = report, counts
        self._shown: dict[Quarter, Shown] = {
            quarter: protect(_without_profiles(count.lines), PARENTS) for quarter, count in counts.items()
        }

    def rows(self, by: PublishedSplit) -> dict[str, dict[str, Cell]]:
        if by is PublishedSplit.NONE:
            return {ALL: self.total(list(self._counts))}
        if by is PublishedSplit.QUARTER:
            return {quarter: self.total([quarter]) for quarter in self._counts}
        return {
            value: {column.name: self._cell(column, by, value) for column in self._report.columns}
            for value in VALUES[by]
        }

    def total(self, quarters: Sequence[Quarter]) -> dict[str, Cell]:
        return {column.name: self._total_cell(column, quarters) for column in self._report.columns}

    def _cell(self, column: Column, dimension: str, value: str) -> Cell:
        """Return the sum over all quarters, when each of them may be shown (rule 5)."""
        if all((column.counts, dimension, value) in shown.cells for shown in self._shown.values()):
            return self._sum(column, list(self._counts), dimension, (value,))
        return hidden_cell()

    def _total_cell(self, column: Column, quarters: Sequence[Quarter]) -> Cell:
        profile = column.counts.removeprefix("profile.")
        if profile != column.counts:  # all cases of a profile: the same count as `assessed`, split by profile
            if all(("assessed", "profile", profile) in self._shown[quarter].cells for quarter in quarters):
                return self._sum(column, quarters, "profile", (profile,))
            return hidden_cell()
        if all(column.counts in self._shown[quarter].totals for quarter in quarters):
            return self._sum(column, quarters, "age_band", VALUES["age_band"])
        return hidden_cell()

    def _sum(
        self, column: Column, quarters: Sequence[Quarter], dimension: str, values: Sequence[str]
    ) -> Cell:
        cases, distribution = 0, Counter[int]()
        for quarter in quarters:
            counts = self._counts[quarter]
            for value in values:
                cases += counts.cases(column.counts, dimension, value)
                if column.figure is not None:
                    distribution.update(counts.figures.get((column.figure, dimension, value), Counter()))
        return counted_cell(column, cases, distribution)


def _without_profiles(
    lines: Mapping[str, Mapping[str, Mapping[str, ByInstitution]]],
) -> dict[str, Mapping[str, Mapping[str, ByInstitution]]]:
    """Leave out the columns that are themselves the split of another: they are protected as its cells."""
    return {column: line for column, line in lines.items() if not column.startswith("profile.")}


def _value(place: Place, by: OwnSplit) -> str:
    if by is OwnSplit.NONE:
        return ALL
    if by is OwnSplit.QUARTER:
        return quarter_of(place.month)
    value: str = getattr(place, by.value)
    return value


def _exact(report: Report, tally: Tally) -> dict[str, Cell]:
    return {
        column.name: counted_cell(
            column,
            tally.columns.get(column.counts, 0),
            tally.figures.get(column.figure) if column.figure is not None else None,
        )
        for column in report.columns
    }


def _whole_quarters(first: Month | None, last: Month | None, now: datetime) -> tuple[Quarter, ...]:
    ended = quarter_before(quarter_of(month_of(now)))
    until = quarter_of(last) if last is not None else ended
    since = quarter_of(first) if first is not None else until
    if (first is not None and first != first_month(since)) or (
        last is not None and last != last_month(until)
    ):
        raise InvalidPeriod(
            "published figures cover whole quarters, from its first month (01, 04, 07, 10) to its last (03, 06, 09, 12)"
        )
    if until > ended:
        raise InvalidPeriod(f"a quarter is published once it has ended; the last is {ended}")
    if since > until:
        raise InvalidPeriod(f"from ({first_month(since)}) comes after to ({last_month(until)})")
    quarters = quarters_between(since, until)
    if len(quarters) > MOST_QUARTERS:
        raise InvalidPeriod(f"it spans {len(quarters)} quarters, at most {MOST_QUARTERS}")
    return quarters
