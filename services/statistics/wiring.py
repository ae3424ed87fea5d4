"""Where the parts of this service meet."""

import structlog

from services.statistics import api, handlers
from services.statistics.cube import Cube
from services.statistics.desk import ReportDesk
from services.statistics.ledger import Ledger
from services.statistics.metrics import CASES
from services.statistics.pseudonyms import Pseudonyms
from services.statistics.repository import FactRepository
from shared.service import Kit, Service

log = structlog.get_logger()


def wire(kit: Kit) -> Service:
    """Build the service."""
    cube = Cube()
    pseudonyms = Pseudonyms(kit.settings.master_key_bytes)
    ledger = Ledger(FactRepository(kit.store), cube, pseudonyms, kit.ids)

    async def build_cube() -> None:
        cases = await ledger.rebuild()
        CASES.set(cases)
        log.info("statistics.cube.built", cases=cases)

    return Service(
        name="statistics",
        routers=(api.router,),
        components={ReportDesk: ReportDesk(cube, kit.clock), Ledger: ledger},
        handlers=handlers.table(ledger, cube),
        on_start=(build_cube,),
    )
