"""Statistics through their own doors: events in, tables out."""

import csv
import io
from collections.abc import Sequence
from datetime import timedelta

import pytest

from services.statistics.model import Fact
from services.statistics.pseudonyms import Pseudonyms
from services.statistics.tables import HIDDEN
from shared.events.assessments import Scores
from shared.events.cases import CaseErased
from shared.events.payload import Payload
from shared.events.referrals import ReferralAccepted, ReferralCompleted, ReferralCorrected, ReferralStarted
from shared.security.caller import Scope
from tests.statistics.history import ACCUEIL, Told, assessed, matched, moved, referred
from tests.support.platform import PlatformUnderTest, running_platform

pytestmark = pytest.mark.services("statistics")

OWN = "/v1/statistics/own/funnel"
PUBLISHED = "/v1/statistics/published/funnel"


async def tell(
    platform: PlatformUnderTest, service: str, aggregate_id: str, payloads: Sequence[Payload]
) -> None:
    """Publish an aggregate's events as the service that owns it would: a save each."""
    store = platform.store(service)
    told = await store.add(Told(id=aggregate_id, created_at=platform.clock.now()), payloads[:1])
    for payload in payloads[1:]:
        told = await store.save(told, [payload])


async def tell_chain(platform: PlatformUnderTest, case_id: str, owner: str = ACCUEIL) -> None:
    """Publish a whole chain, a day a step."""
    await tell(platform, "assessment", f"{case_id}-a", [assessed(case_id, owner=owner)])
    await tell(platform, "directory", f"{case_id}-m", [matched(case_id, owner=owner)])
    store = platform.store("referral")
    told = await store.add(
        Told(id=f"{case_id}-r", created_at=platform.clock.now()), [referred(case_id, owner=owner)]
    )
    for move in (ReferralAccepted, ReferralStarted, ReferralCompleted):
        platform.clock.advance(timedelta(days=1))
        told = await store.save(told, [moved(case_id, move, owner=owner)])
    again = assessed(case_id, owner=owner, ordinal=2, first_scores=Scores(access=10, skills=30, autonomy=10))
    await tell(platform, "assessment", f"{case_id}-b", [again])


async def test_a_chain_counts_in_every_column(platform: PlatformUnderTest) -> None:
    await tell_chain(platform, "case-1")
    await platform.settle()
    cpam = await platform.client("cpam93")
    answer = await cpam.get(OWN)
    assert answer.status == 200, answer.text
    (row,) = answer.json["rows"]
    assert {name: cell["cases"] for name, cell in row["cells"].items()} == {
        "assessed": 1, "matched": 1, "referred": 1, "answered": 1, "met": 1, "completed": 1, "reassessed": 1,
    }  # fmt: skip
    delays = (await cpam.get("/v1/statistics/own/delays")).json["total"]
    assert {name: cell["median"] for name, cell in delays.items()} == {
        "answered": 1,
        "met": 2,
        "completed": 3,
    }
    gains = (await cpam.get("/v1/statistics/own/autonomy")).json["total"]
    assert {name: cell["median"] for name, cell in gains.items()} == {
        "access": 10,
        "skills": 0,
        "autonomy": 0,
    }


async def test_what_was_entered_in_error_is_counted_no_more(platform: PlatformUnderTest) -> None:
    cpam = await platform.client("cpam93")
    store = platform.store("referral")
    told = await store.add(Told(id="r", created_at=platform.clock.now()), [referred("case-1")])
    await platform.settle()
    assert (await cpam.get(OWN)).json["total"]["referred"]["cases"] == 1
    await store.save(told, [moved("case-1", ReferralCorrected)])
    await platform.settle()
    assert (await cpam.get(OWN)).json["total"]["referred"]["cases"] == 0


async def test_nobody_sees_the_cases_of_another_part_of_the_tree(platform: PlatformUnderTest) -> None:
    await tell_chain(platform, "case-1", owner="cpam93/bobigny/accueil")
    await tell_chain(platform, "case-2", owner="cnav/paris/action")
    await platform.settle()
    for node, seen in (("cpam93", 1), ("cpam93/bobigny", 1), ("cpam93/pantin", 0), ("cnav", 1), ("msa", 0)):
        table = (await (await platform.client(node)).get(OWN, by="service")).json
        assert table["total"]["assessed"]["cases"] == seen
        assert all(row["value"].startswith(node) for row in table["rows"])


async def test_published_figures_show_eleven_cases_and_hide_ten(platform: PlatformUnderTest) -> None:
    for number in range(11):
        await tell(platform, "assessment", f"a-{number}", [assessed(f"case-{number}")])
    for number in range(10):
        await tell(platform, "referral", f"r-{number}", [referred(f"case-{number}")])
    await platform.settle()
    platform.clock.advance(timedelta(days=60))
    reader = await platform.client("departement93", scopes=[Scope.STATISTICS_PUBLISHED])
    total = (await reader.get(PUBLISHED)).json["total"]
    assert total["assessed"] == {"cases": 11, "median": None, "hidden": None}
    assert total["referred"] == {"cases": None, "median": None, "hidden": HIDDEN}
    assert total["completed"] == total["referred"]


async def test_an_erased_case_still_counts_and_its_pseudonym_is_gone(platform: PlatformUnderTest) -> None:
    await tell_chain(platform, "case-1")
    await platform.settle()
    cpam = await platform.client("cpam93")
    before = (await cpam.get(OWN)).json["rows"]
    await tell(platform, "referral", "case-1", [CaseErased(owner=ACCUEIL)])
    await platform.settle()
    assert (await cpam.get(OWN)).json["rows"] == before
    pseudonym = Pseudonyms(platform.platform.settings.master_key_bytes).of("case-1")
    facts = [fact async for fact in platform.store("statistics").scan(Fact)]
    assert len(facts) == 4
    assert all(pseudonym not in fact.model_dump_json() for fact in facts)


async def test_a_restart_counts_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("restart")
    tables = []
    for _ in range(2):
        async with running_platform(folder, names=("statistics",)) as platform:
            if not tables:
                await tell_chain(platform, "case-1")
            await platform.settle()
            cpam = await platform.client("cpam93")
            tables.append(
                [
                    (await cpam.get(f"/v1/statistics/own/{name}")).json["total"]
                    for name in ("funnel", "delays")
                ]
            )
    assert tables[0] == tables[1]
    assert tables[0][0]["completed"]["cases"] == 1


async def test_csv_is_a_file_with_one_line_a_cell(platform: PlatformUnderTest) -> None:
    await tell_chain(platform, "case-1")
    await platform.settle()
    answer = await (await platform.client("cpam93")).get(OWN, by="departement", format="csv")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "relais-funnel-own.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["cases"] for row in rows if row["value"] == "93"] == ["1"] * 7


async def test_a_table_says_what_it_is(platform: PlatformUnderTest) -> None:
    table = (await (await platform.client("cpam93")).get(OWN, **{"from": "2026-11", "to": "2026-12"})).json
    assert (table["from"], table["to"], table["view"], table["by"]) == ("2026-11", "2026-12", "own", "none")
    assert table["unit"].startswith("dossiers, et non personnes")
    assert any("n'en dit pas la cause" in note for note in table["notes"])
    assert table["columns"][0]["name"] == "assessed"


async def test_the_reports_are_listed_with_their_meaning(platform: PlatformUnderTest) -> None:
    answer = await (await platform.client("cpam93")).get("/v1/statistics")
    reports = {item["report"]: item for item in answer.json["items"]}
    assert set(reports) == {"funnel", "delays", "reasons", "needs", "profiles", "autonomy"}
    assert "service" in reports["funnel"]["own_by"]
    assert "service" not in reports["funnel"]["published_by"]
    assert all(item["meaning"] for item in reports.values())


async def test_a_request_that_does_not_fit_is_told_why(platform: PlatformUnderTest) -> None:
    cpam = await platform.client("cpam93")
    for path, params, named in (
        (OWN, {"by": "venue"}, "query.by"),
        (OWN, {"from": "2026-13"}, "query.from"),
        (OWN, {"from": "2026-05", "to": "2026-04"}, "comes after"),
        (OWN, {"colour": "red"}, "query.colour"),
        (OWN, {"format": "xml"}, "query.format"),
        ("/v1/statistics/own/wages", {}, "path.report"),
        (PUBLISHED, {"by": "service"}, "query.by"),
        (PUBLISHED, {"from": "2026-10", "to": "2026-12"}, "once it has ended"),
        ("/v1/statistics/published/profiles", {"by": "departement"}, "not split by departement"),
    ):
        answer = await cpam.get(path, **params)
        assert answer.status == 422, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert named in answer.json["detail"], answer.text


async def test_each_view_needs_its_own_right(platform: PlatformUnderTest) -> None:
    rights = {
        "/v1/statistics": Scope.STATISTICS_OWN,
        OWN: Scope.STATISTICS_OWN,
        PUBLISHED: Scope.STATISTICS_PUBLISHED,
    }
    for path, scope in rights.items():
        assert (await platform.anonymous().get(path)).status == 401
        others = [other for other in Scope if other is not scope]
        assert (await (await platform.client("cpam93", scopes=others)).get(path)).status == 403
        assert (await (await platform.client("cpam93", scopes=[scope])).get(path)).status == 200
