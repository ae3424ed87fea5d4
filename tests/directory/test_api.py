"""The directory over HTTP: venues, imports, matches."""

import asyncio
from typing import Any

import aiohttp
import pytest

from services.directory.documents import Match
from shared.bus.topics import Topic
from shared.events.venues import SourceImported, VenueSnapshot
from tests.directory.material import SAMPLE, cells, csv_of, sample_part
from tests.support.http import Answer, ApiClient
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("directory")

NOWHERE = "00000000-0000-4000-8000-000000000000"


def venue(**changes: Any) -> dict[str, Any]:
    return {
        "id": "local-1",
        "nom": "Espace public numérique",
        "commune": "Bobigny",
        "code_postal": "93000",
        "code_insee": "93008",
        "adresse": "1 place",
        "latitude": 48.9077,
        "longitude": 2.4386,
        "services": ["Maîtrise des outils numériques du quotidien"],
        "date_maj": "2026-10-01",
    } | changes


async def bring(client: ApiClient, source: str, content: bytes, **options: Any) -> dict[str, Any]:
    """Import a file and wait for its end."""
    begun = await upload(client, source, content, **options)
    assert begun.status == 202, begun.text
    return await ended(client, begun.json["id"])


async def upload(client: ApiClient, source: str, content: bytes, key: str = "") -> Answer:
    headers = {"Idempotency-Key": key or f"key-{source}-{hash(content)}", "Content-Type": "text/csv"}
    return await client.request("POST", f"/v1/imports?source={source}", data=content, headers=headers)


async def ended(client: ApiClient, import_id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while (found := (await client.get(f"/v1/imports/{import_id}")).json)["state"] == "running":
            await asyncio.sleep(0.01)
    return found


class TestVenues:
    async def test_a_venue_is_created_once_and_read_back(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        made = await client.post("/v1/venues", venue(), key="k1")
        assert made.status == 201, made.text
        assert made.json["version"] == 1
        assert made.json["record"]["publics_specifiquement_adresses"] == []
        again = await client.post("/v1/venues", venue(), key="k1")
        assert again.json == made.json
        other = await client.post("/v1/venues", venue(nom="Autre"), key="k2")
        assert (other.status, other.json["venue_id"]) == (409, made.json["id"])
        assert (await client.get(f"/v1/venues/{made.json['id']}")).json == made.json
        await platform.settle()
        (event,) = await platform.events(Topic.VENUES)
        assert (event.aggregate_id, event.data.version, event.data.departement) == (made.json["id"], 1, "93")

    async def test_a_place_without_a_departement_of_ours_is_taken_and_told(
        self, platform: PlatformUnderTest
    ) -> None:
        made = await (await platform.client()).post("/v1/venues", venue(code_insee="99138"))
        assert (made.status, made.json["departement"]) == (201, None)

    async def test_is_replaced_then_retired_with_a_last_snapshot(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        path = f"/v1/venues/{(await client.post('/v1/venues', venue())).json['id']}"
        changed = await client.put(path, venue(nom="Nouveau nom"))
        assert (changed.status, changed.json["version"]) == (200, 2), changed.text
        assert (await client.put(path, venue(nom="Nouveau nom"))).json["version"] == 2
        assert (await client.delete(path)).status == 204
        assert (await client.delete(path)).status == 204
        assert (await client.get(path)).json["retired_at"] is not None
        assert (await client.put(path, venue())).status == 409
        assert (await client.get("/v1/venues")).json["items"] == []
        versions = [(e.data.version, e.data.retired_at is None) for e in await platform.events(Topic.VENUES)]
        assert versions == [(1, True), (2, True), (3, False)]

    async def test_another_institution_reads_but_does_not_change(self, platform: PlatformUnderTest) -> None:
        made = await (await platform.client()).post("/v1/venues", venue())
        other = await platform.client("caf75/paris/accueil")
        path = f"/v1/venues/{made.json['id']}"
        assert (await other.get(path)).status == 200
        assert (await other.put(path, venue())).status == 403
        assert (await other.delete(path)).status == 403

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"services": ["Cuisine"]}, "body.services.0"),
            ({"telephone": "01 02"}, "body.telephone"),
            ({"couleur": "bleu"}, "body.couleur"),
            ({"latitude": 120}, "body.latitude"),
            ({"nom": "Chez Mme X 2 69 05 99 123 456 62"}, "body.nom"),
            ({"presentation_detail": "269059912345662"}, "body.presentation_detail"),
        ],
    )
    async def test_a_bad_field_is_named(self, platform: PlatformUnderTest, change: dict, field: str) -> None:
        refused = await (await platform.client()).post("/v1/venues", venue(**change))
        assert refused.status == 422
        assert [error["field"] for error in refused.json["errors"]] == [field]

    async def test_lists_filter_and_page(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        for number in range(5):
            await client.post("/v1/venues", venue(id=f"v{number}", latitude=48.9077 + number / 100))
        await client.post("/v1/venues", venue(id="other", code_insee="75101", services=[], latitude=43.0))
        everything, after = [], None
        while True:
            page = (await client.get("/v1/venues", limit=2, after=after)).json
            everything += [item["id"] for item in page["items"]]
            if (after := page["next"]) is None:
                break
        assert len(everything) == 6
        assert everything == sorted(everything)
        assert len((await client.get("/v1/venues", commune="93008")).json["items"]) == 5
        near = await client.get("/v1/venues", commune="93008", radius_km=2.5, limit=2)
        distances = [item["distance_m"] for item in near.json["items"]]
        assert distances == sorted(distances)
        rest = await client.get(
            "/v1/venues", commune="93008", radius_km=2.5, limit=2, after=near.json["next"]
        )
        assert [item["record"]["id"] for item in near.json["items"] + rest.json["items"]] == [
            "v0",
            "v1",
            "v2",
        ]
        assert rest.json["next"] is None
        assert len((await client.get("/v1/venues", need="basic_skills")).json["items"]) == 6
        service = "Maîtrise des outils numériques du quotidien"
        assert len((await client.get("/v1/venues", service=service)).json["items"]) == 5
        assert (await client.get("/v1/venues", after="x")).status == 400
        assert (await client.get("/v1/venues", radius_km=3)).status == 422
        assert (await client.get("/v1/venues", color="blue")).status == 422
        assert (await client.get("/v1/venues", commune="93999", radius_km=3)).status == 422

    async def test_who_may_ask(self, platform: PlatformUnderTest) -> None:
        assert (await platform.anonymous().get("/v1/venues")).status == 401
        reader = await platform.client(scopes=["venues:read"])
        assert (await reader.post("/v1/venues", venue())).status == 403
        assert (await reader.get(f"/v1/venues/{NOWHERE}")).status == 404


class TestImports:
    async def test_the_real_sample(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        done = await bring(client, "sample", SAMPLE.read_bytes())
        assert done["state"] == "completed", done
        counts = done["counts"]
        assert (counts["rows"], counts["imported"], counts["rejected"]) == (1663, 1663, 0)
        assert (counts["created"], counts["retired"]) == (1663, 0)
        assert counts["blanks"]["frais_a_charge"] == 1005
        assert done["entries"] == len(done["rows"]["items"]) == 18
        lent = next(row for row in done["rows"]["items"] if row["rule"] == "position_from_municipality")
        assert lent == {
            "row": 843,
            "field": "latitude",
            "rule": "position_from_municipality",
            "severity": "corrected",
            "value": "2A004",
        }
        assert len((await client.get("/v1/venues", commune="93008")).json["items"]) == 3
        events = await platform.events(Topic.VENUES)
        assert sum(isinstance(event.data, VenueSnapshot) for event in events) == 1663
        (told,) = [event.data for event in events if isinstance(event.data, SourceImported)]
        assert (told.venues, told.retired, told.rejected) == (1663, 0, 0)

    async def test_again_changes_nothing_and_publishes_nothing(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        content = csv_of(*(cells(id=f"v{n}") for n in range(50)))
        await bring(client, "hub", content, key="one")
        before = [event.id for event in await platform.events(Topic.VENUES)]
        done = await bring(client, "hub", content, key="two")
        assert (done["counts"]["unchanged"], done["counts"]["created"], done["counts"]["updated"]) == (
            50,
            0,
            0,
        )
        fresh = [event for event in await platform.events(Topic.VENUES) if event.id not in before]
        assert [type(event.data) for event in fresh] == [SourceImported]

    async def test_changes_and_disappearances(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        await bring(client, "hub", csv_of(cells(id="a"), cells(id="b"), cells(id="c")))
        done = await bring(client, "hub", csv_of(cells(id="a"), cells(id="b", nom="Nouveau"), cells(id="d")))
        counts = done["counts"]
        assert [counts[name] for name in ("unchanged", "updated", "created", "retired")] == [1, 1, 1, 1]
        items = (await client.get("/v1/venues")).json["items"]
        assert {item["record"]["id"]: item["record"]["nom"] for item in items} == {
            "a": "Médiathèque",
            "b": "Nouveau",
            "d": "Médiathèque",
        }
        gone = [e.data for e in await platform.events(Topic.VENUES) if getattr(e.data, "retired_at", None)]
        assert [one.source_venue_id for one in gone] == ["c"]
        back = await bring(
            client, "hub", csv_of(cells(id="a"), cells(id="b", nom="Nouveau"), cells(id="c"), cells(id="d"))
        )
        assert back["counts"]["updated"] == 1
        assert len((await client.get("/v1/venues")).json["items"]) == 4

    async def test_another_source_is_left_alone(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        await bring(client, "one", csv_of(cells(id="a")))
        await bring(client, "two", csv_of(cells(id="a", nom="Autre")))
        await bring(client, "two", csv_of(cells(id="b")))
        items = (await client.get("/v1/venues", source="one")).json["items"]
        assert [item["record"]["nom"] for item in items] == ["Médiathèque"]

    async def test_bad_rows_are_reported_by_row_with_paging(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        rows = [cells(id=f"v{n}", services="Cuisine") for n in range(450)]
        done = await bring(client, "hub", csv_of(*rows, cells(id="v0"), cells(id="")))
        assert (done["counts"]["imported"], done["counts"]["rejected"]) == (450, 2)
        assert done["counts"]["by_rule"] == {"unknown_value": 450, "duplicate_id": 1, "required_blank": 1}
        path, entries, after = f"/v1/imports/{done['id']}", [], None
        while True:
            page = (await client.get(path, limit=170, after=after)).json["rows"]
            entries += page["items"]
            if (after := page["next"]) is None:
                break
        assert [entry["row"] for entry in entries] == [*range(2, 454)]
        assert entries[-1] == {
            "row": 453,
            "field": "id",
            "rule": "required_blank",
            "severity": "rejected",
            "value": None,
        }

    async def test_a_file_without_the_right_header_is_refused_and_touches_nothing(
        self, platform: PlatformUnderTest
    ) -> None:
        client = await platform.client()
        await bring(client, "hub", csv_of(cells()))
        done = await bring(client, "hub", b"a,b\n1,2\n")
        assert done["state"] == "refused"
        assert "missing: id, nom" in done["refusal"]
        assert len((await client.get("/v1/venues")).json["items"]) == 1

    async def test_a_form_with_a_file(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        form = aiohttp.FormData()
        form.add_field("file", csv_of(cells()), filename="lieux.csv", content_type="text/csv")
        begun = await client.request(
            "POST", "/v1/imports?source=hub", data=form, headers={"Idempotency-Key": "form"}
        )
        assert begun.status == 202, begun.text
        assert (await ended(client, begun.json["id"]))["counts"]["imported"] == 1

    async def test_a_repeat_gives_the_same_import_and_another_file_is_refused(
        self, platform: PlatformUnderTest
    ) -> None:
        client = await platform.client()
        first = await upload(client, "hub", csv_of(cells()), key="k")
        await ended(client, first.json["id"])
        assert (await upload(client, "hub", csv_of(cells()), key="k")).json["id"] == first.json["id"]
        assert (await upload(client, "hub", csv_of(cells(id="w")), key="k")).status == 422

    async def test_who_may_bring_a_source(self, platform: PlatformUnderTest) -> None:
        owner, other = await platform.client(), await platform.client("caf75/paris/accueil")
        done = await bring(owner, "hub", csv_of(cells()))
        assert (await upload(other, "hub", csv_of(cells()))).status == 403
        assert (await other.get(f"/v1/imports/{done['id']}")).status == 404
        assert (await other.get("/v1/imports")).json["items"] == []
        assert (await upload(owner, "api-cpam93", csv_of(cells()))).status == 422
        assert (await upload(owner, "hub", b"  ", key="blank")).status == 422
        assert [item["id"] for item in (await owner.get("/v1/imports")).json["items"]] == [done["id"]]


class TestMatches:
    async def test_bobigny_from_the_real_sample(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        await bring(client, "sample", sample_part())
        body = {
            "needs": ["basic_skills", "equipment"],
            "commune": "93008",
            "reach_km": 10,
            "name_exclusions": True,
        }
        answer = await client.post("/v1/matches", body, key="k")
        assert answer.status == 201, answer.text
        found = answer.json
        assert found["venues"][0]["nom"] == "Bibliothèque Elsa Triolet"
        assert found["venues"][0]["reasons"][0]["text"] == "à 300 m"
        assert {one["need"]: one["coverage"] for one in found["needs"]} == {
            "basic_skills": "covered",
            "equipment": "uncovered",
        }
        assert sum(one["venues"] for one in found["exclusions"]) == len(found["named_exclusions"])
        assert found["within_reach"] == found["eligible"] + len(found["named_exclusions"])
        assert (await client.post("/v1/matches", body, key="k")).json == found
        again = (await client.post("/v1/matches", body, key="k2")).json
        assert again["venues"] == found["venues"]
        assert (await client.post("/v1/matches", body | {"reach_km": 5}, key="k")).status == 422
        assert (await client.get(f"/v1/matches/{found['id']}")).json == found

    async def test_uncovered_needs_are_told_without_a_place(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        await client.post("/v1/venues", venue())
        answer = await client.post("/v1/matches", {"needs": ["leisure"], "commune": "93008", "reach_km": 5})
        assert answer.json["venues"] == []
        await platform.settle()
        completed, uncovered = await platform.events(Topic.MATCHES)
        assert (completed.data.departement, completed.data.cause, completed.data.venue_ids) == (
            "93",
            "request",
            (),
        )
        assert (uncovered.data.need, uncovered.data.departement) == ("leisure", "93")
        assert all("93008" not in event.data.model_dump_json() for event in (completed, uncovered))

    async def test_what_would_widen_the_choice(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        await client.post("/v1/venues", venue(frais_a_charge=["Payant"]))
        body = {"needs": ["basic_skills"], "commune": "93008", "reach_km": 5, "free_only": True}
        found = (await client.post("/v1/matches", body)).json
        assert found["exclusions"] == [{"rule": "cost", "venues": 1, "text": "payant"}]
        assert found["widenings"] == [
            {
                "code": "cost",
                "venues": 1,
                "reach_km": None,
                "text": "en acceptant un lieu payant : 1 lieu au choix",
            }
        ]

    async def test_the_detail_of_a_case_is_sealed(self, platform: PlatformUnderTest) -> None:
        client, case_id = await platform.client(), "11111111-1111-4111-8111-111111111111"
        await platform.vault.create(case_id, "cpam93")
        await client.post("/v1/venues", venue())
        body = {"needs": ["basic_skills"], "commune": "93008", "case_id": case_id}
        made = await client.post("/v1/matches", body)
        assert made.status == 201, made.text
        stored = await platform.store("directory").get(Match, made.json["id"])
        assert stored is not None
        assert stored.plain is None
        assert "93008" not in stored.model_dump_json()
        assert "48.90" not in stored.model_dump_json()
        assert (await client.get(f"/v1/matches/{stored.id}")).json == made.json
        other = await platform.client("caf75/paris/accueil")
        assert (await other.get(f"/v1/matches/{stored.id}")).status == 404
        assert (await other.post("/v1/matches", body)).status == 404
        await platform.vault.destroy(case_id)
        assert (await client.get(f"/v1/matches/{stored.id}")).status == 410

    @pytest.mark.parametrize(
        "change",
        [
            {"commune": None},
            {"latitude": 48.9, "longitude": 2.4},
            {"needs": []},
            {"needs": ["basic_skills", "basic_skills"]},
            {"strict": ["stops"]},
            {"top": 21},
            {"commune": "93999"},
            {"reach_km": -1},
            {"age": 68},
        ],
    )
    async def test_a_bad_question_is_refused(self, platform: PlatformUnderTest, change: dict) -> None:
        body = {"needs": ["basic_skills"], "commune": "93008"} | change
        refused = await (await platform.client()).post("/v1/matches", body)
        assert refused.status == 422, refused.text

    async def test_coordinates_find_their_departement(self, platform: PlatformUnderTest) -> None:
        client = await platform.client()
        body = {"needs": ["basic_skills"], "latitude": 48.9077, "longitude": 2.4386}
        found = (await client.post("/v1/matches", body)).json
        assert (found["departement"], found["reach_km"], found["reach_assumed"]) == ("93", 20.0, True)
