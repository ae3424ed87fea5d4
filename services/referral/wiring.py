"""Where the parts of this service meet."""

from services.referral import handlers
from services.referral.api import ROUTERS
from services.referral.desk import ReferralDesk
from services.referral.erasure import CaseDesk
from services.referral.reading import ReferralReader
from services.referral.repository import Cases, Referrals, Venues
from services.referral.sealing import Sealing
from shared.clock import Clock
from shared.service import Kit, Service


def wire(kit: Kit) -> Service:
    """Return the referral service on these ports; it needs the vault."""
    if kit.vault is None:
        raise TypeError("the referral service needs the vault: it seals what it keeps of a person")
    referrals, cases, venues = Referrals(kit.store), Cases(kit.store), Venues(kit.store)
    case_desk = CaseDesk(cases, referrals, kit.vault, kit.clock)
    sealing = Sealing(kit.vault)
    desk = ReferralDesk(
        referrals=referrals, cases=cases, venues=venues, vault=kit.vault, sealing=sealing, clock=kit.clock
    )
    reader = ReferralReader(referrals=referrals, venues=venues, sealing=sealing, clock=kit.clock, ids=kit.ids)
    return Service(
        name="referral",
        routers=ROUTERS,
        components={
            Clock: kit.clock,
            Referrals: referrals,
            ReferralDesk: desk,
            ReferralReader: reader,
            CaseDesk: case_desk,
        },
        handlers=handlers.table(venues=venues, desk=case_desk),
    )
