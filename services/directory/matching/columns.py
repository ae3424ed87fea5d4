"""A venue as a few integers: what matching reads of it, one bit a value of the standard's lists.

Bit n of a column stands for the n-th value of its enumeration; zero means that the producer left it blank.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cache
from uuid import UUID

from services.directory.model import Access, Care, Cost, Itinerance, Label, Programme, VenueRecord
from shared.events.vocabulary import Modality, Public, StandardService

UNKNOWN_DATE = -1_000_000
"""Stands for no date: older than any, so that it ranks last."""

SERVICE_BITS, MODALITY_BITS, PROGRAMME_BITS = len(StandardService), len(Modality), len(Programme)
HAS_PHONE = 1 << len(Access)
"""Set in `access` when a telephone is given: a venue that can be rung although it lists no way in."""

MARKED_TYPOLOGIES = ("PIMMS",)
MARKED_LABELS = (Label.MES_PAPIERS,)
"""The open-list values that a need asks for; each has a bit in `marks`."""

ITINERANCE_SHIFT = PROGRAMME_BITS + len(MARKED_TYPOLOGIES) + len(MARKED_LABELS)
MARK_BITS = ITINERANCE_SHIFT + len(Itinerance)
OFFER_BITS = SERVICE_BITS + MODALITY_BITS


def mask(values: Iterable[Enum]) -> int:
    """The bits of some values of one enumeration.

    >>> mask([Cost.GRATUIT, Cost.PAYANT])
    5
    """
    bits = 0
    for value in values:
        bits |= _bit(value)
    return bits


@cache
def _bit(value: Enum) -> int:
    return 1 << list(type(value)).index(value)


@dataclass(frozen=True, slots=True)
class VenueRow:
    """One venue in the index; `latitude` and `longitude` are NaN when nobody knows where it is.

    `offer` = services, then modalities above them; `marks` = programmes, then `MARKED_TYPOLOGIES`,
    `MARKED_LABELS` and itinerance.
    """

    venue_id: str
    version: int
    source: str
    latitude: float
    longitude: float
    departement: str
    code_insee: str
    offer: int
    marks: int
    modalities: int
    itinerance: int
    publics: int
    cost: int
    access: int
    care: int
    updated: int


def row_of(venue_id: str, version: int, source: str, record: VenueRecord) -> VenueRow:
    """Encode a record. The venue id must be a UUID: its order is the tie-break."""
    modalities = mask(record.modalites_accompagnement)
    itinerance = mask(record.itinerance)
    marks = [value in record.typologie for value in MARKED_TYPOLOGIES]
    marks += [value in record.formations_labels for value in MARKED_LABELS]
    extra = sum(1 << position for position, marked in enumerate(marks) if marked)
    return VenueRow(
        venue_id=str(UUID(venue_id)),
        version=version,
        source=source,
        latitude=float("nan") if record.latitude is None else record.latitude,
        longitude=float("nan") if record.longitude is None else record.longitude,
        departement=record.departement or "",
        code_insee=record.code_insee or "",
        offer=mask(record.services) | modalities << SERVICE_BITS,
        marks=mask(record.dispositif_programmes_nationaux)
        | extra << PROGRAMME_BITS
        | itinerance << ITINERANCE_SHIFT,
        modalities=modalities,
        itinerance=itinerance,
        publics=mask(record.publics_specifiquement_adresses),
        cost=mask(record.frais_a_charge),
        access=mask(record.modalites_acces) | (HAS_PHONE if record.telephone else 0),
        care=mask(record.prise_en_charge_specifique),
        updated=record.date_maj.toordinal() if record.date_maj else UNKNOWN_DATE,
    )


WIDTHS = {
    "modalities": MODALITY_BITS,
    "itinerance": len(Itinerance),
    "publics": len(Public),
    "cost": len(Cost),
    "access": len(Access) + 1,
    "care": len(Care),
}
"""Bits of each column that rules read."""
