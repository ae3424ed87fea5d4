"""The read model of venues: the highest snapshot wins, whatever the order they come in."""

from typing import Any

import pytest

from services.referral.handlers import record_venue
from services.referral.repository import Venues
from services.referral.venue import ReachedBy, Venue
from shared.events.envelope import Event
from shared.events.venues import VenueSnapshot
from tests.referral.material import VENUE, tell_venue
from tests.support.clock import NOON
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("referral")


async def known(platform: PlatformUnderTest) -> Venue:
    venue = await Venues(platform.store("referral")).get(VENUE)
    assert venue is not None
    return venue


async def hear(platform: PlatformUnderTest, version: int, **changes: object) -> None:
    values = {
        "version": version,
        "data_source": "essai",
        "source_venue_id": VENUE,
        "nom": f"version {version}",
        "commune": "Bobigny",
        "code_postal": "93000",
    }
    event = Event(
        id=f"{VENUE}:{version}",
        type=VenueSnapshot.event_type,
        source=VenueSnapshot.source,
        aggregate_id=VENUE,
        sequence=version,
        time=NOON,
        data=VenueSnapshot.model_validate(values | changes),
    )
    await record_venue(event, venues=Venues(platform.store("referral")))


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 3, 1)])
async def test_the_highest_snapshot_wins(platform: PlatformUnderTest, order: tuple[int, ...]) -> None:
    for version in order:
        await hear(platform, version)
    assert (await known(platform)).nom == "version 3"


async def test_a_retired_venue_may_come_back(platform: PlatformUnderTest) -> None:
    await hear(platform, 1)
    await hear(platform, 2, retired_at=NOON)
    assert (await known(platform)).retired_at == NOON
    await hear(platform, 3)
    assert (await known(platform)).retired_at is None


@pytest.mark.parametrize(
    ("record", "reached_by"),
    [
        ({"courriels": ("contact@essai.fr",), "telephone": "+33199001122"}, ReachedBy.EMAIL),
        ({"courriels": (), "telephone": "+33199001122"}, ReachedBy.CALL),
        ({"courriels": (), "telephone": ""}, ReachedBy.POST),
    ],
)
async def test_how_a_venue_is_reached_comes_from_its_record(
    platform: PlatformUnderTest, record: dict[str, Any], reached_by: ReachedBy
) -> None:
    await tell_venue(platform, **record)
    venue = await known(platform)
    assert (venue.reached_by, venue.telephone) == (reached_by, record["telephone"])
