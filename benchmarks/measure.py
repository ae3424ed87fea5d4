"""How a ratio is measured: ours and the floor in turn, five times in one run, the median and the spread kept."""

import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

REPEATS = 5


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `ratio` is the median of the repeats' ratios; `ours` and `floor` are median absolute rates."""

    name: str
    unit: str
    ours: float
    floor: float | None
    ratio: float | None
    spread: tuple[float, float]
    target: float
    reached: bool
    how: str

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def alternate(
    name: str, ours: Callable[[], float], floor: Callable[[], float], *, unit: str, target: float, how: str
) -> Measure:
    """Run both in turn."""
    return ratio_of(name, [(ours(), floor()) for _ in range(REPEATS)], unit=unit, target=target, how=how)


def ratio_of(name: str, pairs: list[tuple[float, float]], *, unit: str, target: float, how: str) -> Measure:
    """Compare (ours, floor) rates pair by pair, because the machine's speed drifts."""
    ratios = [mine / theirs for mine, theirs in pairs]
    ratio = statistics.median(ratios)
    return Measure(
        name,
        unit,
        round(statistics.median(mine for mine, _ in pairs), 1),
        round(statistics.median(theirs for _, theirs in pairs), 1),
        round(ratio, 3),
        (round(min(ratios), 3), round(max(ratios), 3)),
        target,
        ratio >= target,
        how,
    )


def absolute(
    name: str, figures: list[float], *, unit: str, target: float, at_most: bool = False, how: str
) -> Measure:
    """Keep a figure that has a bound of its own: the median of its repeats."""
    middle = statistics.median(figures)
    return Measure(
        name,
        unit,
        round(middle, 3),
        None,
        None,
        (round(min(figures), 3), round(max(figures), 3)),
        target,
        middle <= target if at_most else middle >= target,
        how,
    )
