"""The demonstration's story, every day: from an assessment to a counted result, on the real venues."""

from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from rich.console import Console

from deploy.demo.__main__ import SERVICE
from deploy.demo.api import Api, Credentials, get_token
from deploy.demo.receiver import Receiver
from deploy.demo.story import Story
from services.trial import demonstration, load_sample
from tests.support.clock import ManualClock
from tests.support.platform import running_platform


async def test_one_person_goes_from_assessment_to_a_counted_result(tmp_path: Path) -> None:
    console = Console(record=True, quiet=True, width=110)
    async with (
        running_platform(tmp_path, clock=ManualClock(datetime.now(UTC))) as platform,
        aiohttp.ClientSession() as http,
    ):
        await load_sample(platform.platform, console)
        clients = await demonstration(platform.platform)
        credentials = [
            Credentials(one.client_id, one.client_secret) for one in (clients.institution, clients.partner)
        ]
        tokens = [await get_token(http, platform.base, one) for one in credentials]
        receiver = Receiver()
        hook = await receiver.start()
        prescriber = Api(http, platform.base, tokens[0], "agent-chain", SERVICE)
        partner = Api(http, platform.base, tokens[1], "partner-chain")
        await Story(console, prescriber, partner, receiver, hook, alone=True).play()
        await receiver.stop()
    assert len({one.webhook_id for one in receiver.received}) == 5
