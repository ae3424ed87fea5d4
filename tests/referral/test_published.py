"""What the events of a referral say, for those who filter and count them."""

import pytest

from shared.bus.topics import Topic
from tests.referral.material import created, tell_venue
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("referral")


async def test_every_event_names_the_departement_so_that_a_subscription_can_filter_on_it(
    platform: PlatformUnderTest,
) -> None:
    await tell_venue(platform)
    cpam = await platform.client()
    referral = await created(cpam, departement="93")
    await cpam.post(f"/v1/referrals/{referral['id']}/correct", {"reason": "data_error"})
    events = await platform.events(Topic.REFERRALS)
    assert [event.data.departement for event in events] == ["93", "93"]
