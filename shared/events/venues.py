"""Events of `relais.venues`: full snapshots only, because the topic keeps just the newest of each key."""

from datetime import date
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, Field

from shared.bus.topics import Topic
from shared.events.payload import Departement, Payload


class VenueSnapshot(Payload):
    """A venue's public record as it stands, in the national standard's own words (v1.0.2).

    A blank stays a blank (empty text or tuple): it means unknown, never yes, never no. `retired_at` is set on the
    last snapshot of a venue that vanished. `version` grows with each change; a reader keeps the highest.
    """

    event_type: ClassVar[str] = "fr.relais.venue.snapshot.v1"
    topic: ClassVar[Topic] = Topic.VENUES
    source: ClassVar[str] = "/relais/directory"

    version: Annotated[int, Field(ge=1)]
    """Grows with each change of the venue; keep the highest."""
    data_source: str
    """Name of the source the record came from."""
    source_venue_id: str
    """Id of the venue in that source."""
    pivot: str = ""
    """SIRET or RNA of the structure."""
    nom: str
    """Name."""
    commune: str
    """Municipality."""
    code_postal: str
    """Postcode."""
    code_insee: str = ""
    """Official code of the municipality."""
    departement: Departement | None = None
    """Official département code."""
    adresse: str = ""
    """Number and street."""
    complement_adresse: str = ""
    """Rest of the address."""
    latitude: float | None = None
    """WGS 84, degrees."""
    longitude: float | None = None
    """WGS 84, degrees."""
    typologie: tuple[str, ...] = ()
    """Kinds of venue, in the standard's codes."""
    telephone: str = ""
    """Phone."""
    courriels: tuple[str, ...] = ()
    """E-mail addresses."""
    site_web: tuple[str, ...] = ()
    """Web sites."""
    horaires: str = ""
    """Opening hours in OpenStreetMap syntax."""
    presentation_resume: str = ""
    """Short presentation."""
    presentation_detail: str = ""
    """Long presentation."""
    itinerance: tuple[str, ...] = ()
    """Fixed, itinerant or both."""
    structure_parente: str = ""
    """Structure that runs the venue."""
    date_maj: date | None = None
    """Date of the record in its source."""
    services: tuple[str, ...] = ()
    """Services offered."""
    publics_specifiquement_adresses: tuple[str, ...] = ()
    """Publics that are specifically addressed."""
    prise_en_charge_specifique: tuple[str, ...] = ()
    """Specific care: deafness, foreign language and so on."""
    frais_a_charge: tuple[str, ...] = ()
    """Cost to the person."""
    dispositif_programmes_nationaux: tuple[str, ...] = ()
    """National programmes."""
    formations_labels: tuple[str, ...] = ()
    """Trainings and labels of the standard's list."""
    autres_formations_labels: tuple[str, ...] = ()
    """Other trainings and labels."""
    modalites_acces: tuple[str, ...] = ()
    """Ways to come or make contact."""
    modalites_accompagnement: tuple[str, ...] = ()
    """Ways help is given."""
    fiche_acces_libre: str = ""
    """Link to the accessibility sheet."""
    prise_rdv: str = ""
    """Link to book an appointment."""
    retired_at: AwareDatetime | None = None
    """Set on the last snapshot of a venue that vanished."""


class SourceImported(Payload):
    """An import of a source is complete: readers switch from its former venues to these, all at once."""

    event_type: ClassVar[str] = "fr.relais.source.imported.v1"
    topic: ClassVar[Topic] = Topic.VENUES
    source: ClassVar[str] = "/relais/directory"

    data_source: str
    """Name of the source the record came from."""
    import_id: str
    """The import that ended."""
    venues: Annotated[int, Field(ge=0)]
    """Venues that the source now has."""
    retired: Annotated[int, Field(ge=0)]
    """Venues that vanished from it."""
    rejected: Annotated[int, Field(ge=0)]
    """Rows that could not be read."""
