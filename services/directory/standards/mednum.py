"""Reads a CSV file of the national standard v1.0.2, row by row, in constant memory.

A bad row never stops a file: each record that is not blank comes out as one `RowResult`, imported or rejected, so that
rows in = imported + rejected, always. A bad cell costs its value, not its row. Only three things reject a row: no id or
a repeated one, no name, or cells that cannot be told apart (too many, too few, a quote that never closes). The only
thing that refuses a file is a header without `id` or `nom`.

The ids already seen are remembered as 8-byte digests: about 100 MB for two million rows, nothing else grows.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError

from services.directory.model import FIELDS, LISTS, ReportEntry, Rule, Severity, VenueRecord
from services.directory.municipalities import Municipalities
from services.directory.standards import cells as clean
from services.directory.standards.cells import Cell
from services.directory.standards.notes import entry
from services.directory.standards.position import Locator
from services.directory.standards.records import Record, RecordReader

HEADER_ROW = 1
SEPARATORS = (",", ";", "\t", "|")
MAX_COLUMNS_REPORTED = 60
IDENTIFYING = ("id", "nom")
REQUIRED = ("pivot", "commune", "code_postal", "adresse", "date_maj")
"""Required by the standard but not needed to keep the venue: a blank is reported and stays unknown."""

Cleaner = Callable[[Cell], Any]
Progress = Callable[[int, int], None]
"""Called with the bytes read and the rows seen so far."""

CLEANERS: dict[str, Cleaner] = {
    **dict.fromkeys(FIELDS, clean.clean_text),
    **dict.fromkeys(LISTS, clean.clean_choices),
    "pivot": clean.clean_pivot,
    "nom": clean.clean_name,
    "commune": clean.clean_name,
    "source": clean.clean_name,
    "code_postal": clean.clean_postcode,
    "code_insee": clean.clean_insee,
    "latitude": clean.clean_number,
    "longitude": clean.clean_number,
    "typologie": clean.clean_names,
    "autres_formations_labels": clean.clean_names,
    "telephone": clean.clean_phone,
    "courriels": clean.clean_mails,
    "site_web": clean.clean_urls,
    "fiche_acces_libre": clean.clean_url,
    "prise_rdv": clean.clean_url,
    "presentation_resume": clean.clean_summary,
    "date_maj": clean.clean_date,
}


class VenueFileError(ValueError):
    """A file of venues that cannot be read at all."""


class HeaderUnusable(VenueFileError):
    """The first line does not name the columns that identify a venue."""

    def __init__(self, missing: list[str]) -> None:
        self.missing = missing
        super().__init__(
            f"The first line must name the columns of the standard v1.0.2; missing: {', '.join(missing)}."
        )


@dataclass(slots=True)
class RowResult:
    """One row of the file: its record, or None when it was rejected, and what is to be said of it."""

    row: int
    record: VenueRecord | None
    notes: list[ReportEntry] = field(default_factory=list)


class VenueFile:
    """One pass over a file. Iterate it once; `header_notes` and `blanks` are then to be read.

    Args:
        chunks: the bytes of the file, in pieces of any size.
        today: dates after it are not believed.

    Raises:
        HeaderUnusable: when built, if the header lacks `id` or `nom`.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        municipalities: Municipalities,
        today: date,
        on_progress: Progress | None = None,
    ) -> None:
        self.blanks: Counter[str] = Counter()
        self.header_notes: list[ReportEntry] = []
        self._today = today
        self._locator = Locator(municipalities)
        self._on_progress = on_progress
        self._bytes_read = 0
        self._rows = 0
        self._seen: set[bytes] = set()
        self._otherwise_decoded_said = False
        self._records = RecordReader(self._counted(chunks))
        self._columns = self._read_header()

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._bytes_read += len(chunk)
            yield chunk

    def __iter__(self) -> Iterator[RowResult]:
        for record in self._records:
            self._rows += 1
            yield self._result(record)
            if self._on_progress and self._rows % 100 == 0:
                self._on_progress(self._bytes_read, self._rows)
        if self._on_progress:
            self._on_progress(self._bytes_read, self._rows)

    def _read_header(self) -> dict[int, str]:
        first = self._records.peek()
        counts = {separator: _known_columns(first, separator) for separator in SEPARATORS}
        self._records.separator = max(SEPARATORS, key=lambda separator: counts[separator])
        if self._records.separator != ",":
            self._say_of_header(Rule.SEPARATOR, Severity.NOTED, value=self._records.separator)
        record = self._records.next()
        names = [_column_name(cell) for cell in record.cells] if record else []
        columns: dict[int, str] = {}
        for number, name in enumerate(names):
            if name in FIELDS and name not in columns.values():
                columns[number] = name
        self._describe_header(names, list(columns.values()))
        missing = [name for name in IDENTIFYING if name not in columns.values()]
        if missing:
            raise HeaderUnusable(missing)
        self._records.width = len(names)
        return columns

    def _describe_header(self, names: list[str], known: list[str]) -> None:
        for name in FIELDS:
            if name not in known:
                self._say_of_header(Rule.COLUMN_MISSING, Severity.NOTED, column=name)
        unknown = [name for name in names if name and name not in FIELDS]
        for name in unknown[:MAX_COLUMNS_REPORTED]:
            self._say_of_header(Rule.COLUMN_UNKNOWN, Severity.DROPPED, value=name)
        for name, times in Counter(names).items():
            if times > 1 and name in FIELDS:
                self._say_of_header(Rule.COLUMN_REPEATED, Severity.DROPPED, column=name)
        if known != [name for name in FIELDS if name in known]:
            self._say_of_header(Rule.COLUMNS_DISORDERED, Severity.NOTED)

    def _say_of_header(
        self, rule: Rule, severity: Severity, *, column: str | None = None, value: str | None = None
    ) -> None:
        self.header_notes.append(entry(HEADER_ROW, rule, severity, field=column, value=value))

    def _result(self, record: Record) -> RowResult:
        fault = self._fault(record)
        if fault is not None:
            return RowResult(record.row, None, [fault])
        result = RowResult(record.row, None, self._notes_on_reading(record))
        values = self._clean(record, result.notes)
        self._reject_or_build(values, result)
        return result

    def _fault(self, record: Record) -> ReportEntry | None:
        """What makes the cells of a row impossible to tell apart, if anything does."""
        extra = record.cells[self._records.width or 0 :]
        if record.cut:
            rule, value = Rule.CELL_TOO_LONG, max(record.cells, key=len, default="")
        elif record.unclosed:
            rule, value = Rule.UNCLOSED_QUOTE, record.cells[-1] if record.cells else ""
        elif len(record.cells) < (self._records.width or 0):
            rule, value = Rule.ROW_TOO_SHORT, f"{len(record.cells)} cells of {self._records.width}"
        elif any(cell.strip() for cell in extra):
            rule, value = Rule.ROW_TOO_LONG, next(cell for cell in extra if cell.strip())
        else:
            return None
        return entry(record.row, rule, Severity.REJECTED, value=value)

    def _notes_on_reading(self, record: Record) -> list[ReportEntry]:
        notes = []
        if record.nul:
            notes.append(entry(record.row, Rule.NUL_BYTE, Severity.CORRECTED))
        if record.decoded_otherwise and not self._otherwise_decoded_said:
            self._otherwise_decoded_said = True
            notes.append(
                entry(record.row, Rule.ENCODING, Severity.NOTED, value="not UTF-8: read as Windows-1252")
            )
        if len(record.cells) > (self._records.width or 0):
            notes.append(entry(record.row, Rule.ROW_TOO_LONG, Severity.NOTED, value="blank cells at the end"))
        return notes

    def _clean(self, record: Record, notes: list[ReportEntry]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for number, column in self._columns.items():
            text = record.cells[number]
            if not text or text.isspace():
                self.blanks[column] += 1
                continue
            cell = Cell(record.row, column, text, self._today)
            values[column] = CLEANERS[column](cell)
            notes += cell.notes
        for column in REQUIRED:
            if values.get(column) is None and column not in {note.field for note in notes}:
                self._note_blank(record, column, notes)
        return values

    def _note_blank(self, record: Record, column: str, notes: list[ReportEntry]) -> None:
        number = next((number for number, name in self._columns.items() if name == column), None)
        # An all-zero pivot is the usual way of writing "unknown": 99 % of rows carry it, a note each says nothing.
        if number is not None and not record.cells[number].strip():
            notes.append(entry(record.row, Rule.REQUIRED_BLANK, Severity.NOTED, field=column))

    def _reject_or_build(self, values: dict[str, Any], result: RowResult) -> None:
        refusal = self._refusal(values, result.row)
        if refusal is not None:
            result.notes.append(refusal)
            return
        place, notes = self._locator.place(
            result.row,
            latitude=values.get("latitude"),
            longitude=values.get("longitude"),
            code_insee=values.get("code_insee"),
            code_postal=values.get("code_postal"),
            commune=values.get("commune"),
        )
        result.notes += notes
        values |= {"latitude": place.latitude, "longitude": place.longitude, "code_insee": place.code_insee}
        try:
            result.record = VenueRecord(**values)
        except ValidationError as error:
            # The cleaners and the model say the same things twice; where they differ the row is lost, but never the file.
            column = str(error.errors()[0]["loc"][0]) if error.errors()[0]["loc"] else None
            shown = values.get(column) if column else None
            refused = entry(result.row, Rule.BAD_FORMAT, Severity.REJECTED, field=column, value=shown)
            result.notes.append(refused)

    def _refusal(self, values: dict[str, Any], row: int) -> ReportEntry | None:
        for column in IDENTIFYING:
            if values.get(column) is None:
                return entry(row, Rule.REQUIRED_BLANK, Severity.REJECTED, field=column)
        local_id = values["id"]
        if len(local_id) > 200:
            return entry(row, Rule.CELL_TOO_LONG, Severity.REJECTED, field="id", value=local_id)
        digest = blake2b(local_id.encode(), digest_size=8).digest()
        if digest in self._seen:
            return entry(row, Rule.DUPLICATE_ID, Severity.REJECTED, field="id", value=local_id)
        self._seen.add(digest)
        return None


def _column_name(cell: str) -> str:
    return cell.strip().strip('"').lstrip("\ufeff").casefold()


def _known_columns(line: str, separator: str) -> int:
    return sum(_column_name(cell) in FIELDS for cell in line.split(separator))
