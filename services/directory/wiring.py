"""Where the parts of this service meet."""

from pathlib import Path

from services.directory import api, handlers
from services.directory.import_desk import ImportDesk
from services.directory.import_queue import ImportQueue
from services.directory.importing import Importer
from services.directory.matches import Matches
from services.directory.matching.index import VenueIndex
from services.directory.municipalities import municipalities_of
from services.directory.replica import IndexReplica
from services.directory.repository import (
    ImportRepository,
    LoadRepository,
    MatchRepository,
    VenueRepository,
)
from services.directory.venues import Venues
from shared.errors import RelaisError
from shared.service import Kit, Service

MUNICIPALITIES_FILE = Path(__file__).parent.parent.parent / "data" / "communes_fr.csv"


class VaultMissing(RelaisError):
    """The platform gave this service no vault."""

    def __init__(self) -> None:
        super().__init__("The directory service needs the vault: what matching reads of a person is sealed.")


def wire(kit: Kit) -> Service:
    """Build the service.

    Raises:
        VaultMissing: no vault was given.
    """
    if kit.vault is None:
        raise VaultMissing
    index, municipalities = VenueIndex(), municipalities_of(MUNICIPALITIES_FILE)
    venues, imports = VenueRepository(kit.store), ImportRepository(kit.store)
    stored, loads = MatchRepository(kit.store), LoadRepository(kit.store)
    replica = IndexReplica(index=index, venues=venues, loads=loads, bus=kit.bus)
    importer = Importer(
        venues=venues, imports=imports, replica=replica, municipalities=municipalities, clock=kit.clock
    )
    queue = ImportQueue(importer, imports, kit.settings.data_dir / "imports")
    matches = Matches(
        index=index,
        municipalities=municipalities,
        matches=stored,
        venues=venues,
        vault=kit.vault,
        clock=kit.clock,
    )
    desk = Venues(index=index, replica=replica, venues=venues, matches=matches, clock=kit.clock)
    return Service(
        name="directory",
        routers=api.ROUTERS,
        components={
            Venues: desk,
            ImportDesk: ImportDesk(queue=queue, imports=imports, venues=venues, clock=kit.clock),
            Importer: importer,
            ImportRepository: imports,
            VenueRepository: venues,
            MatchRepository: stored,
            Matches: matches,
            VenueIndex: index,
        },
        handlers=handlers.table(matches=matches, stored=stored, loads=loads, index=index, vault=kit.vault),
        on_start=(replica.load, queue.resume),
        tasks={"index": replica.follow, "imports": queue.run},
        ready=lambda: None if replica.loaded else "the venue index is still loading",
    )
