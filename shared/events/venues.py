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
    data_source: str
    source_venue_id: str
    pivot: str = ""
    nom: str
    commune: str
    code_postal: str
    code_insee: str = ""
    departement: Departement | None = None
    adresse: str = ""
    complement_adresse: str = ""
    latitude: float | None = None
    longitude: float | None = None
    typologie: tuple[str, ...] = ()
    telephone: str = ""
    courriels: tuple[str, ...] = ()
    site_web: tuple[str, ...] = ()
    horaires: str = ""
    presentation_resume: str = ""
    presentation_detail: str = ""
    itinerance: tuple[str, ...] = ()
    structure_parente: str = ""
    date_maj: date | None = None
    services: tuple[str, ...] = ()
    publics_specifiquement_adresses: tuple[str, ...] = ()
    prise_en_charge_specifique: tuple[str, ...] = ()
    frais_a_charge: tuple[str, ...] = ()
    dispositif_programmes_nationaux: tuple[str, ...] = ()
    formations_labels: tuple[str, ...] = ()
    autres_formations_labels: tuple[str, ...] = ()
    modalites_acces: tuple[str, ...] = ()
    modalites_accompagnement: tuple[str, ...] = ()
    fiche_acces_libre: str = ""
    prise_rdv: str = ""
    retired_at: AwareDatetime | None = None


class SourceImported(Payload):
    """An import of a source is complete: readers switch from its former venues to these, all at once."""

    event_type: ClassVar[str] = "fr.relais.source.imported.v1"
    topic: ClassVar[Topic] = Topic.VENUES
    source: ClassVar[str] = "/relais/directory"

    data_source: str
    import_id: str
    venues: Annotated[int, Field(ge=0)]
    retired: Annotated[int, Field(ge=0)]
    rejected: Annotated[int, Field(ge=0)]
