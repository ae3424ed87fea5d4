"""Bytes of a CSV file, cut into records of cells, whatever is wrong with them.

Nothing here raises on bad content and nothing is lost: every piece of a file that is not blank becomes a record, so a
reader can count rows in against rows out. Memory stays bounded (one line of at most `MAX_LINE_BYTES`, one record of at
most `MAX_RECORD_LINES` lines), because a single unclosed quote would otherwise swallow the rest of the file.

A line that is not valid UTF-8 is read as Windows-1252 (what "latin-1" files really are) and says so; UTF-16 is
recognised by its byte-order mark.
"""

import codecs
import csv
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

MAX_LINE_BYTES = 8 * 1024 * 1024
MAX_RECORD_LINES = 200
TELLING_WIDTH = 8
"""From this many columns on, a line with exactly as many cells is a row, not a sentence that happens to hold commas."""

# The csv module refuses cells over 131,072 characters by stopping the whole file; our own limits are above.
csv.field_size_limit(MAX_LINE_BYTES * 2)


@dataclass(slots=True)
class Line:
    """One physical line, decoded; the flags say what had to be done to read it."""

    text: str
    cut: bool = False
    nul: bool = False
    decoded_otherwise: bool = False


@dataclass(slots=True)
class Record:
    """The cells of one row. `row` counts as a spreadsheet does: the header is row 1, blank lines count."""

    row: int
    cells: list[str]
    cut: bool = False
    nul: bool = False
    decoded_otherwise: bool = False
    unclosed: bool = False


def lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """Physical lines with their ends; a line over `MAX_LINE_BYTES` is cut there and its rest skipped."""
    pending = b""
    skipping = False
    for chunk in _as_utf8(chunks):
        pieces = (pending + chunk).splitlines(keepends=True)
        # A last piece without its end may go on in the next chunk; so may the "\n" of a final "\r".
        pending = pieces.pop() if pieces and not pieces[-1].endswith(b"\n") else b""
        for piece in pieces:
            if not skipping:
                yield _decoded(piece)
            skipping = False
        if len(pending) > MAX_LINE_BYTES:
            if not skipping:
                yield _decoded(pending[:MAX_LINE_BYTES])
            skipping, pending = True, b""
    if pending and not skipping:
        yield _decoded(pending)


def _as_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    source = iter(chunks)
    first = b""
    while len(first) < len(codecs.BOM_UTF8):
        chunk = next(source, None)
        if chunk is None:
            break
        first += chunk
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        for chunk in chain((first,), source):
            yield decoder.decode(chunk).encode("utf-8", "replace")
        return
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from source


def _decoded(raw: bytes) -> Line:
    line = Line(text="", cut=len(raw) >= MAX_LINE_BYTES, nul=b"\x00" in raw)
    raw = raw.replace(b"\x00", b"") if line.nul else raw
    try:
        line.text = raw.decode("utf-8")
    except UnicodeDecodeError:
        line.decoded_otherwise = True
        # Five bytes have no meaning in Windows-1252; latin-1 gives every byte one.
        try:
            line.text = raw.decode("cp1252")
        except UnicodeDecodeError:
            line.text = raw.decode("latin-1")
    return line


@dataclass
class RecordReader:
    """Cuts lines into records.

    A record goes on over line ends while a quote is open. When the record so made has not the expected number of
    cells, or one of its lines is a whole row, its first line is given alone (marked `unclosed`) and reading starts again at the second: one stray quote
    costs one row, not the file.
    """

    chunks: Iterable[bytes]
    separator: str = ","
    width: int | None = None
    _row: int = 0
    _waiting: deque[Line] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._lines = lines(self.chunks)

    def __iter__(self) -> Iterator[Record]:
        while record := self.next():
            yield record

    def peek(self) -> str:
        """The first line not yet read, without taking it; empty at the end of the file."""
        if not self._fill(1):
            return ""
        return self._waiting[0].text

    def next(self) -> Record | None:
        """The next record that is not blank, or None at the end."""
        while self._fill(1):
            record = self._take()
            if any(cell.strip() for cell in record.cells) or record.nul or record.cut:
                return record
        return None

    def _take(self) -> Record:
        cells, count, closed = self._parse()
        if not closed or (count > 1 and self._swallows(cells, count)):
            cells, count, closed = (
                next(csv.reader([self._waiting[0].text], delimiter=self.separator), []),
                1,
                False,
            )
        self._row += 1
        taken = [self._waiting.popleft() for _ in range(count)]
        return Record(
            row=self._row,
            cells=cells,
            cut=any(line.cut for line in taken),
            nul=any(line.nul for line in taken),
            decoded_otherwise=any(line.decoded_otherwise for line in taken),
            unclosed=not closed,
        )

    def _swallows(self, cells: list[str], count: int) -> bool:
        """Whether a record over several lines holds rows of its own between two stray quotes, not a cell of text."""
        if self.width is None:
            return False
        if len(cells) != self.width:
            return True
        if self.width < TELLING_WIDTH:
            return False
        inner = (self._waiting[number].text for number in range(1, count))
        return any(
            len(next(csv.reader([text], delimiter=self.separator), [])) == self.width for text in inner
        )

    def _parse(self) -> tuple[list[str], int, bool]:
        """Cells of the record at the head of the queue, the lines it spans, and whether its quotes close."""
        ran_out = False

        def texts() -> Iterator[str]:
            nonlocal ran_out
            size = 0
            for count in range(MAX_RECORD_LINES):
                if size > MAX_LINE_BYTES or not self._fill(count + 1):
                    break
                size += len(self._waiting[count].text)
                yield self._waiting[count].text
            ran_out = True

        # Not strict: a quote inside an unquoted cell is an ordinary character, as spreadsheets read it. The reader
        # asks for another line only while a quote is open.
        reader = csv.reader(texts(), delimiter=self.separator)
        cells = next(reader, [])
        return cells, reader.line_num, not ran_out

    def _fill(self, count: int) -> bool:
        missing = count - len(self._waiting)
        if missing > 0:
            self._waiting.extend(islice(self._lines, missing))
        return len(self._waiting) >= count
