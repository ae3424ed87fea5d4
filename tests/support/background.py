"""Notices what a background task, callback or consumer swallowed during a test, so that the test fails for it."""

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

SWALLOWED = frozenset({"platform.task.died", "event.consumer.stopped", "sqlite.observer.failed"})
"""Our own log events that mean: something ended or failed behind everybody's back."""


class BackgroundFailures(logging.Handler):
    """What went wrong out of sight. A test that wants one of `SWALLOWED` to happen says so with `expect`."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []
        self._expected: set[str] = set()

    def expect(self, event: str) -> None:
        """Let this log event pass; it must happen."""
        assert event in SWALLOWED, f"{event} is no failure that is looked for"
        self._expected.add(event)

    def emit(self, record: logging.LogRecord) -> None:
        """Take what asyncio reports of exceptions that nobody retrieved, and of callbacks that failed."""
        why = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self.seen.append(f"asyncio: {record.getMessage()}{why}")

    def note(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Take our own reports; a processor of structlog."""
        if event.get("event") in SWALLOWED:
            self.seen.append(str(event["event"]) + f" {event.get('why') or event.get('error') or ''}")
        return event

    def unexpected(self) -> list[str]:
        """Return what nobody expected, and what was expected and did not happen."""
        names = {entry.split(" ", maxsplit=1)[0] for entry in self.seen}
        missing = [f"{event} was expected and did not happen" for event in sorted(self._expected - names)]
        return [
            entry for entry in self.seen if entry.split(" ", maxsplit=1)[0] not in self._expected
        ] + missing


@contextmanager
def noticing() -> Iterator[BackgroundFailures]:
    """Notice failures inside this block."""
    failures = BackgroundFailures()
    asyncio_logger = logging.getLogger("asyncio")
    processors = structlog.get_config()["processors"]
    asyncio_logger.addHandler(failures)
    processors.insert(0, failures.note)
    try:
        yield failures
    finally:
        asyncio_logger.removeHandler(failures)
        processors.remove(failures.note)
