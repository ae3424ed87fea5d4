"""Venues, files and municipalities that directory tests share."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from services.directory.model import FIELDS, VenueRecord
from services.directory.municipalities import Municipalities
from services.directory.standards.mednum import RowResult, VenueFile

DATA = Path(__file__).parent.parent.parent / "data"
SAMPLE = DATA / "venues_real_sample.csv"
TODAY = date(2026, 11, 23)
BOBIGNY = (48.907688, 2.43864)


@cache
def municipalities() -> Municipalities:
    """The table of France, read once for all tests."""
    return Municipalities.load(DATA / "communes_fr.csv")


@cache
def sample_part() -> bytes:
    """The 60 real venues around Bobigny that come first in the file, quicker to bring in than all of it."""
    return b"".join(SAMPLE.read_bytes().splitlines(keepends=True)[:61])


@cache
def sample_records() -> tuple[VenueRecord, ...]:
    """The 1,663 real venues."""
    results = VenueFile([SAMPLE.read_bytes()], municipalities=municipalities(), today=TODAY)
    return tuple(result.record for result in results if result.record is not None)


def cells(**changes: str) -> dict[str, str]:
    """A valid row of the standard, with some cells changed."""
    row = dict.fromkeys(FIELDS, "") | {
        "id": "v-1",
        "pivot": "43493312300029",
        "nom": "Médiathèque",
        "commune": "Bobigny",
        "code_postal": "93000",
        "code_insee": "93008",
        "adresse": "4 rue de l'Union",
        "latitude": "48.906579",
        "longitude": "2.442389",
        "date_maj": "2026-01-31",
        "services": "Aide aux démarches administratives",
    }
    return row | changes


def csv_of(
    *rows: dict[str, str], columns: list[str] | None = None, quoting: Any = csv.QUOTE_MINIMAL
) -> bytes:
    """A CSV file of rows under the standard's header (or other columns)."""
    out = io.StringIO()
    writer = csv.DictWriter(
        out, columns or list(FIELDS), extrasaction="ignore", lineterminator="\n", quoting=quoting
    )
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def reading(*chunks: bytes) -> VenueFile:
    """A file about to be read."""
    return VenueFile(chunks, municipalities=municipalities(), today=TODAY)


def read(*chunks: bytes) -> list[RowResult]:
    """Every row of a file."""
    return list(reading(*chunks))


def said(results: list[RowResult]) -> list[tuple[int, str | None, str, str]]:
    """The notes of some rows as (row, field, rule, severity)."""
    return [
        (one.row, one.field, one.rule.value, one.severity.value) for result in results for one in result.notes
    ]


def record(**changes: Any) -> VenueRecord:
    """A venue in Bobigny that states nothing, with some fields changed."""
    values: dict[str, Any] = {
        "id": "v-1",
        "nom": "Lieu",
        "commune": "Bobigny",
        "code_postal": "93000",
        "code_insee": "93008",
        "latitude": BOBIGNY[0],
        "longitude": BOBIGNY[1],
    }
    return VenueRecord(**values | changes)


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    """A file cut in chunks of a size."""
    for start in range(0, len(content), size):
        yield content[start : start + size]
