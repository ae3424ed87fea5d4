"""The tree of institutions over HTTP; refusals first."""

import pytest

from shared.security.caller import Scope
from tests.identity.callers import Identity


class TestMake:
    async def test_anonymous_and_without_the_scope(self, identity: Identity) -> None:
        body = {"id": "cpam93", "name": "CPAM 93"}
        assert (await identity.platform.anonymous().post("/v1/institutions", body)).status == 401
        other = await identity.administrator("cpam93", scopes=[Scope.CLIENTS_MANAGE])
        refused = await other.post("/v1/institutions", body)
        assert (refused.status, refused.json["scope"]) == (403, "institutions:manage")

    async def test_an_administrator_makes_nodes_below_its_own_only(self, identity: Identity) -> None:
        await identity.tree("cpam93", "cpam93/bobigny", "cnav")
        administrator = await identity.administrator("cpam93/bobigny")
        for node in ("cnav/idf", "cpam93/pantin", "cpam93/bobigny", "cpam93", "autre", "cpam93/bobigny2"):
            refused = await administrator.post("/v1/institutions", {"id": node, "name": "x"})
            assert refused.status == 403, node
            assert refused.json["type"] == "/problems/outside-own-tree"
        made = await administrator.post(
            "/v1/institutions", {"id": "cpam93/bobigny/accueil", "name": "Accueil"}
        )
        assert made.status == 201

    async def test_the_parent_comes_first(self, identity: Identity) -> None:
        operator = await identity.operator()
        refused = await operator.post("/v1/institutions", {"id": "cpam93/bobigny", "name": "Bobigny"})
        assert (refused.status, refused.json["parent"]) == (409, "cpam93")

    async def test_a_path_is_taken_once(self, identity: Identity) -> None:
        await identity.tree("cpam93")
        operator = await identity.operator()
        for node in ("cpam93", "operator"):
            refused = await operator.post("/v1/institutions", {"id": node, "name": "Une autre"})
            assert (refused.status, refused.json["type"]) == (409, "/problems/node-exists")
        assert (await operator.get("/v1/institutions/cpam93")).json["name"] == "Nœud cpam93"

    async def test_what_does_not_fit_is_named(self, identity: Identity) -> None:
        operator = await identity.operator()
        for body, field in (
            ({"id": "CPAM 93", "name": "x"}, "body.id"),
            ({"id": "a/b/c/d", "name": "x"}, "body.id"),
            ({"id": "a", "name": ""}, "body.name"),
            ({"id": "a", "name": "1 84 12 76 451 089 46"}, "body.name"),
            ({"id": "a", "name": "x", "kind": "operator"}, "body.kind"),
            ({"id": "a/b", "name": "x", "kind": "partner"}, "body"),
            ({"id": "a", "name": "x", "colour": "red"}, "body.colour"),
        ):
            refused = await operator.post("/v1/institutions", body)
            assert refused.status == 422, body
            assert [error["field"] for error in refused.json["errors"]] == [field]
            assert "1 84 12" not in refused.text

    async def test_a_repeat_makes_one_node(self, identity: Identity) -> None:
        operator = await identity.operator()
        body = {"id": "cpam93", "name": "CPAM 93"}
        first = await operator.post("/v1/institutions", body, key="k1")
        again = await operator.post("/v1/institutions", body, key="k1")
        assert (again.status, again.json) == (201, first.json)
        other_body = await operator.post("/v1/institutions", body | {"name": "Autre"}, key="k1")
        assert (other_body.status, other_body.json["type"]) == (422, "/problems/idempotency-key-reused")
        other_key = await operator.post("/v1/institutions", body, key="k2")
        assert other_key.status == 409

    async def test_a_node_knows_what_it_is(self, identity: Identity) -> None:
        operator = await identity.operator()
        kinds = {}
        for body in (
            {"id": "cpam93"},
            {"id": "cpam93/bobigny"},
            {"id": "cpam93/bobigny/accueil"},
            {"id": "pimms-93", "kind": "partner"},
        ):
            made = (await operator.post("/v1/institutions", body | {"name": "x"})).json
            kinds[made["id"]] = (made["kind"], made["parent"])
        assert kinds == {
            "cpam93": ("institution", None),
            "cpam93/bobigny": ("body", "cpam93"),
            "cpam93/bobigny/accueil": ("service", "cpam93/bobigny"),
            "pimms-93": ("partner", None),
        }


class TestRead:
    @pytest.fixture(autouse=True)
    async def grown(self, identity: Identity) -> None:
        await identity.tree("cpam93", "cpam93/bobigny", "cpam93/bobigny/accueil", "cpam93/pantin", "cnav")

    async def test_sight_follows_the_subtree(self, identity: Identity) -> None:
        seen = {
            "operator": [
                "operator",
                "cpam93",
                "cpam93/bobigny",
                "cpam93/bobigny/accueil",
                "cpam93/pantin",
                "cnav",
            ],
            "cpam93": ["cpam93", "cpam93/bobigny", "cpam93/bobigny/accueil", "cpam93/pantin"],
            "cpam93/bobigny": ["cpam93/bobigny", "cpam93/bobigny/accueil"],
            "cpam93/bobigny/accueil": ["cpam93/bobigny/accueil"],
            "cpam9": [],
            "msa": [],
        }
        for node, expected in seen.items():
            client = await identity.administrator(node)
            listed = (await client.get("/v1/institutions")).json
            assert {item["id"] for item in listed["items"]} == set(expected), node
            assert listed["next"] is None
            for one in seen["operator"]:
                read = await client.get(f"/v1/institutions/{one}")
                assert read.status == (200 if one in expected else 404), (node, one)

    async def test_unknown_and_elses_look_the_same(self, identity: Identity) -> None:
        client = await identity.administrator("cnav")
        elses = await client.get("/v1/institutions/cpam93")
        unknown = await client.get("/v1/institutions/caf93")
        assert elses.text.replace("cpam93", "caf93") == unknown.text

    async def test_pages_hold_each_node_once(self, identity: Identity) -> None:
        client = await identity.administrator("cpam93")
        found, after = [], None
        while True:
            page = (await client.get("/v1/institutions", limit=3, after=after)).json
            found += [item["id"] for item in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert sorted(found) == ["cpam93", "cpam93/bobigny", "cpam93/bobigny/accueil", "cpam93/pantin"]

    async def test_another_institutions_cursor_is_refused(self, identity: Identity) -> None:
        cursor = (await (await identity.administrator("cpam93")).get("/v1/institutions", limit=1)).json[
            "next"
        ]
        refused = await (await identity.administrator("cnav")).get("/v1/institutions", after=cursor)
        assert refused.status == 400

    async def test_a_path_that_is_none_is_refused(self, identity: Identity) -> None:
        client = await identity.administrator("cpam93")
        for path in ("CPAM", "a/b/c/d", "..%2F..", "%00"):
            assert (await client.get(f"/v1/institutions/{path}")).status in (404, 422)
