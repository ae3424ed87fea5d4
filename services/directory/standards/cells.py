"""Cleaners of one cell: what a producer typed → what the standard means, with a note of what was done.

Each takes a `Cell` and returns the value, or None when it is blank or unusable; notes go to the cell. The traps are
those listed in the field reference of the standard (typographic apostrophes, two spellings of *Étapes numériques (La
Poste)*, leading separators, long forms of the modalities, `;` left from v0, all-zero pivots).
"""

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from urllib.parse import urlsplit

from services.directory.model import LISTS, MAX_TEXT, Label, ReportEntry, Rule, Severity
from services.directory.standards.notes import entry
from shared.events.vocabulary import StandardService
from shared.security.nir import contains_nir

MAX_VALUES = 60
"""Values kept of a list: the longest closed list has eleven; the rest of a runaway cell is dropped and said."""


@dataclass(slots=True)
class Cell:
    """One cell with its address, and the notes made while cleaning it."""

    row: int
    column: str
    text: str
    today: date
    notes: list[ReportEntry] = field(default_factory=list)

    def note(self, rule: Rule, severity: Severity, value: object = None) -> None:
        """Record what was found, with the value that stood there (the whole cell when none is given)."""
        shown = self.text if value is None else value
        self.notes.append(entry(self.row, rule, severity, field=self.column, value=shown))


def clean_text(cell: Cell) -> str | None:
    """A text without outer blanks; over 10,000 characters it is dropped, not cut: half a text may lie.

    One that holds a social-security number is dropped too, and the report does not repeat it.
    """
    text = cell.text.strip()
    if len(text) > MAX_TEXT:
        cell.note(Rule.CELL_TOO_LONG, Severity.DROPPED)
        return None
    if contains_nir(text):
        cell.note(Rule.SOCIAL_SECURITY_NUMBER, Severity.DROPPED, value="")
        return None
    return text or None


def clean_name(cell: Cell) -> str | None:
    """A text of at most 300 characters."""
    text = clean_text(cell)
    if text is not None and len(text) > 300:
        cell.note(Rule.CELL_TOO_LONG, Severity.DROPPED)
        return None
    return text


def clean_summary(cell: Cell) -> str | None:
    """`presentation_resume`: at most 280 characters in v1; what is longer (500 were allowed in v0) is cut at a word."""
    text = clean_text(cell)
    if text is None or len(text) <= 280:
        return text
    cell.note(Rule.CELL_TOO_LONG, Severity.CORRECTED)
    return text[:279].rsplit(" ", 1)[0] + "…"


def clean_date(cell: Cell) -> date | None:
    """An ISO date; `31/12/2023` and a date with a time are understood; a date to come is not believed."""
    text = cell.text.strip()
    if not text:
        return None
    found = _date(text)
    if found is None:
        cell.note(Rule.BAD_DATE, Severity.DROPPED)
        return None
    if found > cell.today:
        cell.note(Rule.DATE_IN_FUTURE, Severity.DROPPED)
        return None
    if found.isoformat() != text:
        cell.note(Rule.VALUE_NORMALISED, Severity.CORRECTED)
    return found


def _date(text: str) -> date | None:
    french = re.fullmatch(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})", text)
    iso = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})([T ][0-9:.Z+ -]{1,30})?", text)
    try:
        if french:
            day, month, year = (int(part) for part in french.groups())
            return date(year, month, day)
        return date(int(iso[1]), int(iso[2]), int(iso[3])) if iso else None
    except ValueError:
        return None


def clean_pivot(cell: Cell) -> str | None:
    """A SIRET, RNA or RIDET; all zeros is how producers write that they do not know it."""
    text = re.sub(r"[\s. -]", "", cell.text)
    if not text or not text.strip("0"):
        return None
    if not re.fullmatch(r"[a-zA-Z0-9]{9,14}", text, re.ASCII):
        cell.note(Rule.BAD_FORMAT, Severity.DROPPED)
        return None
    return text


def clean_postcode(cell: Cell) -> str | None:
    """Five digits; a spreadsheet's lost leading zero is put back."""
    return _code(cell, r"[0-9]{5}")


def clean_insee(cell: Cell) -> str | None:
    """An INSEE code (`93008`, `2A004`); a lost leading zero is put back."""
    return _code(cell, r"([013-9][0-9]|2[AB1-9])[0-9]{3}")


def _code(cell: Cell, pattern: str) -> str | None:
    text = cell.text.strip()
    if not text:
        return None
    code = text.replace(" ", "").upper()
    code = f"0{code}" if re.fullmatch(r"[1-9][0-9]{3}", code) else code
    if not re.fullmatch(pattern, code):
        cell.note(Rule.BAD_FORMAT, Severity.DROPPED)
        return None
    if code != text:
        cell.note(Rule.VALUE_NORMALISED, Severity.CORRECTED)
    return code


def clean_phone(cell: Cell) -> str | None:
    """One number in the international form of the standard; of several, the first is kept and the others said."""
    text = cell.text.strip()
    if not text:
        return None
    first, *others = re.split(r"[/|;,]| ou ", text)
    number = _international(first)
    if number is None:
        cell.note(Rule.BAD_FORMAT, Severity.DROPPED)
        return None
    if others:
        cell.note(Rule.TOO_MANY_VALUES, Severity.DROPPED, "/".join(others))
    elif number != text:
        cell.note(Rule.VALUE_NORMALISED, Severity.CORRECTED)
    return number


def _international(text: str) -> str | None:
    digits = re.sub(r"\(0\)|[\s.()-]", "", text)
    digits = re.sub(r"^00", "+", digits)
    overseas = re.fullmatch(r"0(590|594|262|596|269)([0-9]{6})", digits)
    if overseas:
        digits = f"+{overseas[1]}{overseas[1]}{overseas[2]}"
    elif re.fullmatch(r"0[1-9][0-9]{8}", digits):
        digits = f"+33{digits[1:]}"
    digits = re.sub(r"^\+330", "+33", digits)
    known = r"\+(33|590|594|262|596|269|687|689|508|681)[0-9]{6,9}"
    return digits if re.fullmatch(known, digits) else None


def clean_mails(cell: Cell) -> tuple[str, ...]:
    """E-mail addresses; one that cannot be one is dropped and said."""
    kept = []
    for part in _parts(cell, r"[|;,]"):
        if len(part) <= 254 and re.fullmatch(r"[^@\s|]+@[^@\s|]+\.[^@\s|]+", part):
            kept.append(part)
        else:
            cell.note(Rule.BAD_FORMAT, Severity.DROPPED, part)
    return tuple(dict.fromkeys(kept))


def clean_urls(cell: Cell) -> tuple[str, ...]:
    """Web addresses; `www.…` gets its scheme; anything that is not http(s) is dropped and said."""
    kept = []
    for part in _parts(cell, r"\|"):
        url = part if "://" in part or not part.startswith("www.") else f"https://{part}"
        if not _is_web(url):
            cell.note(Rule.BAD_FORMAT, Severity.DROPPED, part)
            continue
        if url != part:
            cell.note(Rule.VALUE_NORMALISED, Severity.CORRECTED, part)
        kept.append(url)
    return tuple(dict.fromkeys(kept))


def clean_url(cell: Cell) -> str | None:
    """One web address, the first when there are several."""
    return next(iter(clean_urls(cell)), None)


def _is_web(url: str) -> bool:
    if len(url) > 2_000 or not re.fullmatch(r"https?://\S+", url):
        return False
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def clean_names(cell: Cell) -> tuple[str, ...]:
    """An open list (`typologie`, `autres_formations_labels`): any short texts."""
    kept = []
    for part in _parts(cell, r"\|"):
        if len(part) > 300:
            cell.note(Rule.CELL_TOO_LONG, Severity.DROPPED, part)
        elif contains_nir(part):
            cell.note(Rule.SOCIAL_SECURITY_NUMBER, Severity.DROPPED, value="")
        else:
            kept.append(part)
    return tuple(dict.fromkeys(kept))


def clean_choices(cell: Cell) -> tuple[StrEnum, ...]:
    """A closed list: known values in the standard's spelling, each unknown one dropped and said."""
    spellings = _spellings(cell.column)
    separator = r"\|" if "|" in cell.text or folded(cell.text) in spellings else r"[|;]"
    kept, exact = [], True
    for part in _parts(cell, separator):
        value = spellings.get(folded(part)) or spellings.get(folded(part.split(" : ")[0]))
        if value is None:
            cell.note(Rule.UNKNOWN_VALUE, Severity.DROPPED, part)
            continue
        exact = exact and part == value.value
        kept.append(value)
    stray = cell.text.strip().startswith("|") or cell.text.strip().endswith("|")
    if kept and (not exact or stray or len(kept) != len(set(kept)) or ";" in cell.text):
        cell.note(Rule.VALUE_NORMALISED, Severity.CORRECTED)
    return tuple(dict.fromkeys(kept))


def _parts(cell: Cell, separator: str) -> list[str]:
    parts = [part for raw in re.split(separator, cell.text) if (part := raw.strip())]
    if len(parts) > MAX_VALUES:
        cell.note(Rule.TOO_MANY_VALUES, Severity.DROPPED, f"{len(parts)} values, {MAX_VALUES} kept")
    return parts[:MAX_VALUES]


@cache
def _spellings(column: str) -> dict[str, StrEnum]:
    known = {folded(value.value): value for value in LISTS[column]}
    if column == "formations_labels":
        known[folded("Étapes numériques(La Poste)")] = Label.ETAPES
    if column == "services":
        known[folded("Comprehension du monde numérique")] = StandardService.CULTURE
    return known


def folded(text: str) -> str:
    """A value without the differences that mean nothing: case, apostrophes, kinds of blank, composed accents.

    >>> folded("Ce lieu n’accueille  pas de public") == folded("Ce lieu n'accueille pas de public")
    True
    """
    text = unicodedata.normalize("NFC", text).replace("’", "'").replace("‘", "'")
    return " ".join(text.split()).casefold()


def clean_number(cell: Cell) -> float | None:
    """A finite decimal number; a decimal comma is understood."""
    text = cell.text.strip()
    if not text:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,9}([.,][0-9]{0,30})?", text):
        cell.note(Rule.BAD_FORMAT, Severity.DROPPED)
        return None
    if "," in text:
        cell.note(Rule.VALUE_NORMALISED, Severity.CORRECTED)
    return float(text.replace(",", "."))
