"""Where a venue stands: its coordinates when they can be believed, else the centre of its municipality.

Every change is noted: swapped halves, impossible values, a position lent by the municipality, a place far outside it.
"""

from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

from services.directory.model import ReportEntry, Rule, Severity
from services.directory.municipalities import Found, Municipalities, Municipality
from services.directory.standards.notes import entry

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of the Earth. Source: IUGG, WGS84 mean radius R1."""

FAR_KM = 50
"""Beyond this distance from its municipality's centre a position is reported; the widest municipality of metropolitan
France (Arles) reaches about 40 km, so nothing real is named there. Overseas ones are wider: a note loses nothing."""


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of where a venue is; `code_insee` may have been found from the postcode."""

    latitude: float | None
    longitude: float | None
    code_insee: str | None


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance in metres (haversine)."""
    north, east = radians(other_latitude - latitude), radians(other_longitude - longitude)
    half = sin(north / 2) ** 2 + cos(radians(latitude)) * cos(radians(other_latitude)) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, half)))


class Locator:
    """Finds the place of a row among the municipalities."""

    def __init__(self, municipalities: Municipalities) -> None:
        self._municipalities = municipalities

    def place(
        self,
        row: int,
        *,
        latitude: float | None,
        longitude: float | None,
        code_insee: str | None,
        code_postal: str | None,
        commune: str | None,
    ) -> tuple[Place, list[ReportEntry]]:
        """The place of a row and the notes to report."""
        notes: list[ReportEntry] = []
        found = self._municipalities.resolve(code_insee, code_postal, commune)
        municipality = found[0] if found else None
        if found and code_insee is None:
            rule = Rule.MUNICIPALITY_FROM_POSTCODE
            how = f"{found[0].code_insee} ({'nom' if found[1] is Found.BY_POSTCODE_AND_NAME else 'code postal seul'})"
            notes.append(entry(row, rule, Severity.CORRECTED, field="code_insee", value=how))
            code_insee = found[0].code_insee
        point, more = _believed(row, latitude, longitude, municipality)
        notes += more
        if point is None:
            point, lent = _lent(row, municipality)
            notes.append(lent)
        latitude, longitude = point or (None, None)
        return Place(latitude, longitude, code_insee), notes


def _believed(
    row: int, latitude: float | None, longitude: float | None, municipality: Municipality | None
) -> tuple[tuple[float, float] | None, list[ReportEntry]]:
    if latitude is None and longitude is None:
        return None, []
    if latitude is None or longitude is None:
        side = "longitude" if longitude is None else "latitude"
        return None, [entry(row, Rule.COORDINATES_INCOMPLETE, Severity.DROPPED, field=side, value="")]
    shown = f"{latitude}, {longitude}"
    if _swapped(latitude, longitude, municipality):
        note = entry(row, Rule.COORDINATES_SWAPPED, Severity.CORRECTED, field="latitude", value=shown)
        return (longitude, latitude), [note]
    if not _possible(latitude, longitude):
        rule = Rule.COORDINATES_OUT_OF_RANGE
        return None, [entry(row, rule, Severity.DROPPED, field="latitude", value=shown)]
    notes = []
    away = _away_km(latitude, longitude, municipality)
    if away is not None and away > FAR_KM:
        value = f"{shown} ({away:.0f} km)"
        notes.append(entry(row, Rule.FAR_FROM_MUNICIPALITY, Severity.NOTED, field="latitude", value=value))
    return (latitude, longitude), notes


def _lent(row: int, municipality: Municipality | None) -> tuple[tuple[float, float] | None, ReportEntry]:
    if municipality is None or municipality.latitude is None or municipality.longitude is None:
        return None, entry(row, Rule.POSITION_UNKNOWN, Severity.NOTED, field="latitude")
    value = municipality.code_insee
    lent = entry(row, Rule.POSITION_FROM_MUNICIPALITY, Severity.CORRECTED, field="latitude", value=value)
    return (municipality.latitude, municipality.longitude), lent


def _possible(latitude: float, longitude: float) -> bool:
    at_zero = latitude == 0 and longitude == 0  # how a failed geocoding is usually written
    return abs(latitude) <= 90 and abs(longitude) <= 180 and not at_zero


def _swapped(latitude: float, longitude: float, municipality: Municipality | None) -> bool:
    """Whether the two halves only make sense the other way round, judged by the municipality."""
    if not _possible(longitude, latitude):
        return False
    turned = _away_km(longitude, latitude, municipality)
    if turned is None or turned > FAR_KM:
        return False
    straight = _away_km(latitude, longitude, municipality) if _possible(latitude, longitude) else None
    return straight is None or straight > FAR_KM


def _away_km(latitude: float, longitude: float, municipality: Municipality | None) -> float | None:
    if municipality is None or municipality.latitude is None or municipality.longitude is None:
        return None
    return distance_m(latitude, longitude, municipality.latitude, municipality.longitude) / 1_000
