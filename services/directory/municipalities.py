"""The municipalities of France, looked up by INSEE code or by postcode and name.

35,100 rows are kept as sorted arrays and one block of text (about 3 MiB in all), because this table sits in every
process that matches. Municipalities that no longer exist stay findable: addresses still carry their codes.
"""

import csv
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import cos, isnan, radians
from pathlib import Path

import numpy as np

# Paris, Lyon and Marseille are listed by district only; addresses often carry the code of the whole city.
# Source: INSEE, Code officiel géographique, arrondissements municipaux.
CITIES = {"75056": ("Paris", "751"), "69123": ("Lyon", "6938"), "13055": ("Marseille", "132")}


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality and its centre (WGS84 degrees); the centre is None for the few that have none on file."""

    code_insee: str
    nom: str
    departement: str
    latitude: float | None
    longitude: float | None
    current: bool


class Found(StrEnum):
    """How a municipality was recognised."""

    BY_CODE = "by_code"
    BY_POSTCODE_AND_NAME = "by_postcode_and_name"
    BY_POSTCODE = "by_postcode"


@cache
def municipalities_of(path: Path) -> "Municipalities":
    """The table of a file, read once for the whole process: it never changes while one runs."""
    return Municipalities.load(path)


class Municipalities:
    """Read-only table; every look-up is a binary search."""

    def __init__(self, rows: Iterable[dict[str, str]]) -> None:
        ordered = sorted(_with_cities(list(rows)), key=lambda row: row["code_insee"])
        self._codes = np.array([row["code_insee"].encode() for row in ordered], dtype="S5")
        self._departements = np.array([row["departement"].encode() for row in ordered], dtype="S3")
        self._centres = np.array([_centre(row) for row in ordered], dtype=np.float64).reshape(-1, 2)
        self._current = np.array([row["actuelle"] == "oui" for row in ordered], dtype=np.bool_)
        names = [row["nom"].encode() for row in ordered]
        self._names = b"".join(names)
        self._name_ends = np.cumsum([len(name) for name in names], dtype=np.int64)
        pairs = sorted(
            (postcode.encode(), number)
            for number, row in enumerate(ordered)
            for postcode in row["codes_postaux"].split("|")
            if postcode
        )
        self._postcodes = np.array([postcode for postcode, _ in pairs], dtype="S5")
        self._postcode_rows = np.array([number for _, number in pairs], dtype=np.int32)

    @classmethod
    def load(cls, path: Path) -> "Municipalities":
        """Read `communes_fr.csv` (columns code_insee, nom, codes_postaux, latitude, longitude, departement, actuelle)."""
        with path.open(encoding="utf-8", newline="") as file:
            return cls(csv.DictReader(file))

    def __len__(self) -> int:
        return len(self._codes)

    def __iter__(self) -> Iterator[Municipality]:
        return (self._at(number) for number in range(len(self)))

    def by_code(self, code_insee: str) -> Municipality | None:
        """The municipality of an INSEE code, whole cities (`75056`, `69123`, `13055`) included."""
        wanted = np.bytes_(code_insee.encode("ascii", "replace"))
        number = int(np.searchsorted(self._codes, wanted))
        if number == len(self._codes) or self._codes[number] != wanted:
            return None
        return self._at(number)

    def by_postcode(self, code_postal: str) -> list[Municipality]:
        """Every municipality that a postcode serves, by INSEE code."""
        wanted = np.bytes_(code_postal.encode("ascii", "replace"))
        first, last = (
            np.searchsorted(self._postcodes, wanted),
            np.searchsorted(self._postcodes, wanted, "right"),
        )
        return [self._at(int(number)) for number in self._postcode_rows[first:last]]

    def nearest(self, latitude: float, longitude: float) -> Municipality | None:
        """The municipality whose centre is nearest to a point; None over 100 km away from any. About 0.3 ms."""
        apart = self._centres - (latitude, longitude)
        apart[:, 1] *= cos(radians(latitude))
        squares = np.nan_to_num((apart * apart).sum(axis=1), nan=np.inf)
        number = int(squares.argmin())
        # A degree of latitude is about 111 km.
        return self._at(number) if squares[number] < (100 / 111) ** 2 else None

    def resolve(
        self, code_insee: str | None, code_postal: str | None, nom: str | None
    ) -> tuple[Municipality, Found] | None:
        """The municipality of an address: its INSEE code, else its postcode with its name, else a lone postcode."""
        if code_insee and (found := self.by_code(code_insee)):
            return found, Found.BY_CODE
        served = self.by_postcode(code_postal) if code_postal else []
        wanted = plain(nom) if nom else ""
        named = [one for one in served if plain(one.nom) == wanted]
        if named:
            return named[0], Found.BY_POSTCODE_AND_NAME
        return (served[0], Found.BY_POSTCODE) if len(served) == 1 else None

    def _at(self, number: int) -> Municipality:
        start = int(self._name_ends[number - 1]) if number else 0
        latitude, longitude = (float(value) for value in self._centres[number])
        known = not isnan(latitude)
        return Municipality(
            code_insee=self._codes[number].decode(),
            nom=self._names[start : int(self._name_ends[number])].decode(),
            departement=self._departements[number].decode(),
            latitude=latitude if known else None,
            longitude=longitude if known else None,
            current=bool(self._current[number]),
        )


def plain(name: str) -> str:
    """A name without accents, case, hyphens and the usual abbreviations, to compare addresses.

    >>> plain("St-Étienne-lès-Remiremont") == plain("SAINT ETIENNE LES REMIREMONT")
    True
    """
    letters = unicodedata.normalize("NFKD", name.replace("œ", "oe").replace("Œ", "oe")).casefold()
    kept = "".join(char if char.isalnum() else " " for char in letters if not unicodedata.combining(char))
    words = {"st": "saint", "ste": "sainte"}
    return " ".join(words.get(word, word) for word in kept.replace(" cedex", " ").split())


def _centre(row: dict[str, str]) -> tuple[float, float]:
    if not row["latitude"] or not row["longitude"]:
        return (float("nan"), float("nan"))
    return (float(row["latitude"]), float(row["longitude"]))


def _with_cities(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    listed = {row["code_insee"] for row in rows}
    for code, (name, prefix) in CITIES.items():
        districts = [row for row in rows if row["code_insee"].startswith(prefix) and row["latitude"]]
        if code in listed or not districts:
            continue
        centre = {
            axis: str(round(sum(float(row[axis]) for row in districts) / len(districts), 6))
            for axis in ("latitude", "longitude")
        }
        departement = districts[0]["departement"]
        # No postcode: each district already answers for its own.
        rows.append(
            {
                "code_insee": code,
                "nom": name,
                "codes_postaux": "",
                "departement": departement,
                "actuelle": "oui",
            }
            | centre
        )
    return rows
