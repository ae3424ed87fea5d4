"""An erased case is forgotten."""

from typing import ClassVar

import pytest

from shared.events.cases import CaseErased
from shared.store.port import Document
from tests.assessment.http_material import an_assessment
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("assessment")


class _Case(Document):
    """Stands for the case of another service, which publishes its erasure."""

    kind: ClassVar[str] = "erased_cases"


async def test_every_assessment_of_an_erased_case_is_removed_and_no_other(
    platform: PlatformUnderTest,
) -> None:
    client = await platform.client()
    erased, kept = await an_assessment(client, retain={}), await an_assessment(client, retain={})
    again = await an_assessment(client, case_id=erased["case_id"])
    case = _Case(id=erased["case_id"], created_at=platform.clock.now())
    await platform.store("referral").add(case, [CaseErased(owner="cpam93/bobigny/accueil")])
    await platform.settle()
    assert (await client.get(erased["links"]["self"])).status == 404
    assert (await client.get(again["links"]["self"])).status == 404
    assert (await client.get(f"/v1/progress/{erased['case_id']}")).status == 404
    assert (await client.get(kept["links"]["self"])).status == 200
