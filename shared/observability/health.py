"""Health that means progress: each part says what holds it up, and an unhealthy part names the reason.

`degraded` still serves (a store or broker is away, work waits); `failed` needs an operator (a consumer stopped, a
loop no longer turns).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """From best to worst."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class State:
    """One part's state; `why` is empty when all is well."""

    level: Level = Level.OK
    why: str = ""


OK = State()


@dataclass(slots=True)
class Health:
    """The parts of a process, by name."""

    checks: dict[str, Callable[[], State]] = field(default_factory=dict)

    def add(self, name: str, check: Callable[[], State]) -> None:
        """Ask `check` whenever health is asked for."""
        self.checks[name] = check

    def report(self) -> tuple[Level, dict[str, State]]:
        """Return the worst level and each part's state."""
        states = {name: _ask(check) for name, check in self.checks.items()}
        order = list(Level)
        worst = max((state.level for state in states.values()), key=order.index, default=Level.OK)
        return worst, states


def _ask(check: Callable[[], State]) -> State:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - told as this part's state, so that the others can still be seen
        return State(Level.FAILED, f"its check fails: {type(error).__name__}")
