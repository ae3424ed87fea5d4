"""Lines of an import report, made safe to print, store and send back."""

from services.directory.model import EXCERPT_CHARACTERS, ReportEntry, Rule, Severity
from shared.security.nir import contains_nir

HIDDEN = "(numéro masqué)"


def excerpt(value: object) -> str:
    """A printable piece of a cell, at most 80 characters; a social-security number is never repeated.

    >>> excerpt("a\\x00b" + "c" * 100)[:4]
    'a·bc'
    """
    # Looked for a little beyond what is shown: a number cut by the limit must not show its first half.
    text = str(value)[: 2 * EXCERPT_CHARACTERS]
    if contains_nir(text):
        return HIDDEN
    safe = "".join(char if char.isprintable() else "·" for char in text)
    return safe if len(safe) <= EXCERPT_CHARACTERS else safe[: EXCERPT_CHARACTERS - 1] + "…"


def entry(
    row: int, rule: Rule, severity: Severity, *, field: str | None = None, value: object = None
) -> ReportEntry:
    """A report line whose value is made safe to print."""
    shown = None if value is None else excerpt(value)
    return ReportEntry(row=row, field=field, rule=rule, severity=severity, value=shown)
