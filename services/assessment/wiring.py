"""Where the parts of this service meet."""

from services.assessment import api, handlers
from services.assessment.catalogue import Catalogue, GuidanceOfTheDay, load_catalogue
from services.assessment.interviews import Interviews
from services.assessment.pages.sheet import SheetPrinter
from services.assessment.repository import AssessmentRepository
from services.assessment.sealed import SealedInterviews
from services.assessment.switches import BlockSwitches
from shared.errors import RelaisError
from shared.service import Kit, Service


class VaultMissing(RelaisError):
    """The platform gave this service no vault."""

    def __init__(self) -> None:
        super().__init__("The assessment service needs the vault: what people say is stored sealed.")


def wire(kit: Kit) -> Service:
    """Build the service.

    Raises:
        QuestionnaireRefused, GuidanceRefused: a file that ships with it cannot be used.
        VaultMissing: no vault was given.
    """
    if kit.vault is None:
        raise VaultMissing
    catalogue = load_catalogue()
    repository = AssessmentRepository(kit.store)
    switches = BlockSwitches(repository, catalogue, kit.clock)
    interviews = Interviews(
        catalogue=catalogue,
        repository=repository,
        sealed=SealedInterviews(kit.vault, catalogue),
        switches=switches,
        clock=kit.clock,
    )
    return Service(
        name="assessment",
        routers=api.ROUTERS,
        components={
            Catalogue: catalogue,
            BlockSwitches: switches,
            Interviews: interviews,
            SheetPrinter: SheetPrinter(),
            GuidanceOfTheDay: GuidanceOfTheDay(catalogue.guidance, kit.clock),
        },
        handlers=handlers.table(repository),
    )
