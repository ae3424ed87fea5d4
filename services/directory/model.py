"""Venues in the words of the national standard, and what an import says about each row of a file.

Field names and enumerations are those of *lieux de médiation numérique* v1.0.2, verbatim, because partners read and
correct them in those words. A blank is unknown: an absent text is None and an absent list is empty; neither is ever a
yes nor a no. Nothing here reads a file, a clock or a store.

Source: schema.json of LaMednum/standard-mediation-num, v1.0.2 (etalab-2.0).
"""

import re
from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.events.vocabulary import Modality, Public, StandardService
from shared.security.nir import WithoutNir

# Two venues of two producers may carry the same local id: Relais's own id is drawn from both names.
VENUE_NAMESPACE = UUID("6f1c2a0e-6f3e-5d2f-9a64-0d9b6c3c7a11")

MAX_TEXT = 10_000
"""Characters kept of any one field: the longest text of the real sample has 1,560."""


class Itinerance(StrEnum):
    """A venue may be both: a bus with an office."""

    ITINERANT = "Itinérant"
    FIXE = "Fixe"


class Care(StrEnum):
    """`prise_en_charge_specifique`: particular needs the venue can support."""

    SURDITE = "Surdité"
    MOTEURS = "Handicaps moteurs"
    MENTAUX = "Handicaps mentaux"
    ILLETTRISME = "Illettrisme"
    ANGLAIS = "Langues étrangères (anglais)"
    LANGUES = "Langues étrangères (autres)"
    VISUELLE = "Déficience visuelle"


class Cost(StrEnum):
    """`frais_a_charge`."""

    GRATUIT = "Gratuit"
    SOUS_CONDITION = "Gratuit sous condition"
    PAYANT = "Payant"


class Programme(StrEnum):
    """`dispositif_programmes_nationaux`."""

    AIDANTS_CONNECT = "Aidants Connect"
    BIBLIOTHEQUES = "Bibliothèques numérique de référence"
    PIX = "Certification PIX"
    CONSEILLERS = "Conseillers numériques"
    EMMAUS = "Emmaüs Connect"
    FRANCE_SERVICES = "France Services"
    GRANDE_ECOLE = "Grande école du numérique"
    CROIX_ROUGE = "La Croix Rouge"
    POINT_CAF = "Point d'accès numérique CAF"
    PROMENEURS = "Promeneurs du net"
    RELAIS_EMMAUS = "Relais numérique (Emmaüs Connect)"


class Label(StrEnum):
    """`formations_labels`; *Étapes numériques (La Poste)* is written with its space on output."""

    MON_ESPACE_SANTE = "Formé à « Mon Espace Santé »"
    DUPLEX = "Formé à « DUPLEX » (illettrisme)"
    ARNIA = "Arnia/MedNum BFC (Bourgogne-Franche-Comté)"
    REEMPLOI = "Collectif ressources et acteurs réemploi (Normandie)"
    ETAPES = "Étapes numériques (La Poste)"
    FABRIQUES = "Fabriques de Territoire"
    ECLAIREURS = "Les Éclaireurs du numérique (Drôme)"
    MES_PAPIERS = "Mes Papiers (Métropole de Lyon)"
    ORDI = "ORDI 3.0"
    SUD_LABS = "SUD LABS (PACA)"


class Access(StrEnum):
    """`modalites_acces`: how one gets in."""

    SE_PRESENTER = "Se présenter"
    TELEPHONER = "Téléphoner"
    MAIL = "Contacter par mail"
    RDV_EN_LIGNE = "Prendre un RDV en ligne"
    PAS_DE_PUBLIC = "Ce lieu n'accueille pas de public"
    PRESCRIPTION = "Envoyer un mail avec une fiche de prescription"


_DEPARTEMENT = re.compile(r"0[1-9]|[1-8]\d|9[0-5]|2[AB]|97[1-8]|98[4-9]")
Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT), WithoutNir]
LocalId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300), WithoutNir]
Postcode = Annotated[str, StringConstraints(pattern=r"^\d{5}$")]
InseeCode = Annotated[str, StringConstraints(pattern=r"^([013-9]\d|2[AB1-9])\d{3}$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+(33|590|594|262|596|269|687|689|508|681)\d{6,9}$")]
Pivot = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]{9,14}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2_000)]
Mail = Annotated[str, StringConstraints(pattern=r"^[^@\s|]+@[^@\s|]+\.[^@\s|]+$", max_length=254)]


class VenueRecord(BaseModel):
    """What its producer says of one venue: the 32 fields of the standard v1.0.2, blanks as None or empty.

    `id` is the producer's own (unique inside its source). Latitude and longitude are WGS84 degrees, both or neither.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: LocalId
    pivot: Pivot | None = None
    nom: Name
    commune: Name | None = None
    code_postal: Postcode | None = None
    code_insee: InseeCode | None = None
    adresse: Text | None = None
    complement_adresse: Text | None = None
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    typologie: tuple[Name, ...] = ()
    telephone: Phone | None = None
    courriels: tuple[Mail, ...] = ()
    site_web: tuple[Url, ...] = ()
    horaires: Text | None = None
    presentation_resume: (
        Annotated[str, StringConstraints(min_length=1, max_length=280), WithoutNir] | None
    ) = None
    presentation_detail: Text | None = None
    source: Name | None = None
    itinerance: tuple[Itinerance, ...] = ()
    structure_parente: Text | None = None
    date_maj: date | None = None
    services: tuple[StandardService, ...] = ()
    publics_specifiquement_adresses: tuple[Public, ...] = ()
    prise_en_charge_specifique: tuple[Care, ...] = ()
    frais_a_charge: tuple[Cost, ...] = ()
    dispositif_programmes_nationaux: tuple[Programme, ...] = ()
    formations_labels: tuple[Label, ...] = ()
    autres_formations_labels: tuple[Text, ...] = ()
    modalites_acces: tuple[Access, ...] = ()
    modalites_accompagnement: tuple[Modality, ...] = ()
    fiche_acces_libre: Url | None = None
    prise_rdv: Url | None = None

    @model_validator(mode="after")
    def _a_position_has_two_halves(self) -> "VenueRecord":
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude go together: give both or neither")
        return self

    @property
    def departement(self) -> str | None:
        """Code of the département (`93`, `2A`, `974`), from the INSEE code, else the postcode; None when neither."""
        return departement_of(self.code_insee or self.code_postal)


FIELDS: tuple[str, ...] = tuple(VenueRecord.model_fields)
"""The columns of the standard, in its order."""

LISTS: dict[str, type[StrEnum]] = {
    "itinerance": Itinerance,
    "services": StandardService,
    "publics_specifiquement_adresses": Public,
    "prise_en_charge_specifique": Care,
    "frais_a_charge": Cost,
    "dispositif_programmes_nationaux": Programme,
    "formations_labels": Label,
    "modalites_acces": Access,
    "modalites_accompagnement": Modality,
}
"""Closed lists of the standard, by field."""


def departement_of(code: str | None) -> str | None:
    """Département of an INSEE code or a postcode; None abroad (`99…`). A Corsican postcode gives `20`, the old number.

    >>> departement_of("93008"), departement_of("97411"), departement_of("99138"), departement_of("20200")
    ('93', '974', None, '20')
    """
    if not code:
        return None
    found = code[:3] if code[:2] in ("97", "98") else code[:2]
    return found if _DEPARTEMENT.fullmatch(found) else None


def venue_id(source: str, local_id: str) -> str:
    """Relais's id of a producer's venue: the same source and local id always give the same one."""
    return str(uuid5(VENUE_NAMESPACE, f"{source}\x1f{local_id}"))


class Rule(StrEnum):
    """Why a row, a cell or a header is named in a report."""

    COLUMN_MISSING = "column_missing"
    COLUMN_UNKNOWN = "column_unknown"
    COLUMN_REPEATED = "column_repeated"
    COLUMNS_DISORDERED = "columns_disordered"
    SEPARATOR = "separator"
    ENCODING = "encoding"
    ROW_TOO_LONG = "row_too_long"
    ROW_TOO_SHORT = "row_too_short"
    UNCLOSED_QUOTE = "unclosed_quote"
    NUL_BYTE = "nul_byte"
    CELL_TOO_LONG = "cell_too_long"
    REQUIRED_BLANK = "required_blank"
    UNKNOWN_VALUE = "unknown_value"
    VALUE_NORMALISED = "value_normalised"
    TOO_MANY_VALUES = "too_many_values"
    BAD_FORMAT = "bad_format"
    SOCIAL_SECURITY_NUMBER = "social_security_number"
    BAD_DATE = "bad_date"
    DATE_IN_FUTURE = "date_in_future"
    COORDINATES_SWAPPED = "coordinates_swapped"
    COORDINATES_OUT_OF_RANGE = "coordinates_out_of_range"
    COORDINATES_INCOMPLETE = "coordinates_incomplete"
    FAR_FROM_MUNICIPALITY = "far_from_municipality"
    POSITION_FROM_MUNICIPALITY = "position_from_municipality"
    MUNICIPALITY_FROM_POSTCODE = "municipality_from_postcode"
    POSITION_UNKNOWN = "position_unknown"
    DUPLICATE_ID = "duplicate_id"


class Severity(StrEnum):
    """What became of the row: `rejected` loses it, `dropped` loses the value, `corrected` and `noted` lose nothing."""

    REJECTED = "rejected"
    DROPPED = "dropped"
    CORRECTED = "corrected"
    NOTED = "noted"


EXCERPT_CHARACTERS = 80


class ReportEntry(BaseModel):
    """One line of an import report.

    `row` counts as a spreadsheet does: the header is row 1. `field` is None when the whole row is meant. `value` is a
    printable excerpt of at most 80 characters of what stood in the cell.
    """

    model_config = ConfigDict(frozen=True)

    row: int = Field(ge=1)
    field: str | None = None
    rule: Rule
    severity: Severity
    value: str | None = Field(default=None, max_length=EXCERPT_CHARACTERS)


class ImportState(StrEnum):
    """`refused`: the header could not be used, nothing was imported."""

    RUNNING = "running"
    COMPLETED = "completed"
    REFUSED = "refused"
    FAILED = "failed"


class ImportCounts(BaseModel):
    """Totals of an import; `rows` is always `imported + rejected`.

    Imported rows are `created`, `updated` (something changed) or `unchanged`; `retired` venues stood in the source
    before and no longer do.
    """

    rows: int = 0
    imported: int = 0
    rejected: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    retired: int = 0
    by_rule: dict[str, int] = Field(default_factory=dict)
    blanks: dict[str, int] = Field(default_factory=dict)
