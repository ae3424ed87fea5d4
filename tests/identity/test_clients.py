"""Clients over HTTP; refusals first. Nobody gives, or takes over, more than it holds."""

from datetime import timedelta
from typing import Any

import pytest

from services.identity.model import Client
from shared.security.caller import Scope
from tests.identity.callers import ADMINISTRATOR, Identity, a_client, basic
from tests.support.http import Answer

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture(autouse=True)
async def grown(identity: Identity) -> None:
    await identity.tree("cpam93", "cpam93/bobigny", "cpam93/pantin", "cnav", "pimms-93")


async def token_for(identity: Identity, client: dict[str, Any], secret: str | None = None) -> Answer:
    return await identity.ask(GRANT, headers=basic(client["id"], secret or client["client_secret"]))


class TestMake:
    async def test_anonymous_and_without_the_scope(self, identity: Identity) -> None:
        assert (await identity.platform.anonymous().post("/v1/clients", a_client())).status == 401
        other = await identity.administrator(scopes=[Scope.INSTITUTIONS_MANAGE])
        assert (await other.post("/v1/clients", a_client())).status == 403

    async def test_who_acts_must_be_said(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        administrator.agent = None
        assert (await administrator.post("/v1/clients", a_client())).status == 400

    async def test_a_scope_it_does_not_hold_cannot_be_given(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        for scope in set(Scope) - set(ADMINISTRATOR) - {Scope.REFERRALS_ANSWER}:
            refused = await administrator.post("/v1/clients", a_client(scopes=["assessments:read", scope]))
            assert (refused.status, refused.json["scopes"]) == (403, [scope])
        assert (await administrator.get("/v1/clients")).json["items"] == []

    async def test_a_node_outside_its_own_tree_cannot_be_given(self, identity: Identity) -> None:
        administrator = await identity.administrator("cpam93/bobigny")
        for node in ("cnav", "cpam93", "cpam93/pantin"):
            refused = await administrator.post("/v1/clients", a_client(node=node))
            assert (refused.status, refused.json["type"]) == (403, "/problems/outside-own-tree")
        assert (await administrator.post("/v1/clients", a_client())).status == 201

    async def test_the_node_must_exist(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        assert (await administrator.post("/v1/clients", a_client(node="cpam93/nulle-part"))).status == 404

    async def test_venues_it_does_not_answer_for_cannot_be_given(self, identity: Identity) -> None:
        body = a_client(node="pimms-93", kind="partner", scopes=["referrals:answer"], venues=["v1", "v2"])
        scopes = (Scope.CLIENTS_MANAGE, Scope.REFERRALS_ANSWER)
        partner = await identity.platform.client("pimms-93", scopes=scopes, venues=["v1"])
        refused = await partner.post("/v1/clients", body)
        assert (refused.status, refused.json["venues"]) == (403, ["v2"])
        assert (await partner.post("/v1/clients", body | {"venues": ["v1"]})).status == 201
        institution = await identity.administrator("pimms-93", scopes=scopes)
        assert (await institution.post("/v1/clients", body | {"venues": ["v1"]})).status == 403

    async def test_what_does_not_hold_together_is_refused(self, identity: Identity) -> None:
        operator = await identity.operator()
        bodies: list[dict[str, Any]] = [
            {"venues": ["v1"]},
            {"kind": "partner", "scopes": ["referrals:answer"]},
            {"scopes": ["referrals:answer"]},
            {"kind": "operator"},
            {"node": "operator"},
            {"scopes": []},
            {"scopes": ["everything"]},
            {"name": " "},
            {"kind": "partner", "venues": ["v 1"]},
            {"secret": "mine"},
        ]
        for changes in bodies:
            refused = await operator.post("/v1/clients", a_client(**changes))
            assert refused.status == 422, changes

    async def test_the_operator_gives_what_it_does_not_hold_itself(self, identity: Identity) -> None:
        operator = await identity.operator()
        body = a_client(node="pimms-93", kind="partner", scopes=["referrals:answer"], venues=["v1"])
        made = await operator.post("/v1/clients", body)
        assert made.status == 201
        assert made.json["venues"] == ["v1"]
        assert (await operator.post("/v1/clients", a_client(scopes=["cases:erase"]))).status == 201

    async def test_the_secret_is_shown_once_and_stored_nowhere(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        made = await administrator.post("/v1/clients", a_client(), key="k1")
        secret = made.json["client_secret"]
        assert made.headers["Cache-Control"] == "no-store"
        assert len(secret) == len("rls_") + 43
        read = await administrator.get(f"/v1/clients/{made.json['id']}")
        listed = await administrator.get("/v1/clients")
        stored = await identity.platform.store("identity").get(Client, made.json["id"])
        assert stored is not None
        for text in (read.text, listed.text, stored.model_dump_json()):
            assert secret not in text
        assert stored.secrets[0].digest not in read.text + listed.text + made.text

    async def test_a_repeat_makes_one_client_and_does_not_show_the_secret_again(
        self, identity: Identity
    ) -> None:
        administrator = await identity.administrator()
        first = await administrator.post("/v1/clients", a_client(), key="k1")
        again = await administrator.post("/v1/clients", a_client(), key="k1")
        assert (again.status, again.json) == (201, first.json | {"client_secret": None})
        assert len((await administrator.get("/v1/clients")).json["items"]) == 1
        assert (await token_for(identity, first.json)).status == 200
        other = await administrator.post("/v1/clients", a_client(name="Autre"), key="k1")
        assert (other.status, other.json["type"]) == (422, "/problems/idempotency-key-reused")

    async def test_two_clients_have_two_secrets(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        made = [(await administrator.post("/v1/clients", a_client())).json for _ in range(2)]
        assert made[0]["client_secret"] != made[1]["client_secret"]
        assert made[0]["id"] != made[1]["id"]


class TestRead:
    async def test_sight_follows_the_subtree(self, identity: Identity) -> None:
        operator = await identity.operator()
        made = {
            node: (await operator.post("/v1/clients", a_client(node=node))).json["id"]
            for node in ("cpam93", "cpam93/bobigny", "cnav")
        }
        for node, expected in {
            "operator": {"cpam93", "cpam93/bobigny", "cnav"},
            "cpam93": {"cpam93", "cpam93/bobigny"},
            "cpam93/bobigny": {"cpam93/bobigny"},
            "cpam93/pantin": set(),
            "msa": set(),
        }.items():
            client = await identity.administrator(node)
            listed = (await client.get("/v1/clients")).json["items"]
            assert {item["node"] for item in listed} == expected, node
            for other, client_id in made.items():
                read = await client.get(f"/v1/clients/{client_id}")
                assert read.status == (200 if other in expected else 404), (node, other)

    async def test_unknown_is_not_found(self, identity: Identity) -> None:
        assert (await (await identity.operator()).get("/v1/clients/nobody")).status == 404


class TestRotateSecret:
    async def test_out_of_sight_is_not_found(self, identity: Identity) -> None:
        made = (await (await identity.administrator()).post("/v1/clients", a_client())).json
        other = await identity.administrator("cnav")
        assert (await other.post(f"/v1/clients/{made['id']}/rotate-secret", {})).status == 404
        assert (await token_for(identity, made)).status == 200

    async def test_a_client_that_holds_more_cannot_be_taken_over(self, identity: Identity) -> None:
        body = a_client(scopes=["assessments:read", "cases:erase"])
        made = (await (await identity.operator()).post("/v1/clients", body)).json
        refused = await (await identity.administrator()).post(f"/v1/clients/{made['id']}/rotate-secret", {})
        assert (refused.status, refused.json["scopes"]) == (403, ["cases:erase"])
        assert (await token_for(identity, made)).status == 200

    async def test_the_old_secret_is_accepted_for_the_grace_and_no_longer(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        made = (await administrator.post("/v1/clients", a_client())).json
        path = f"/v1/clients/{made['id']}/rotate-secret"
        rotated = (await administrator.post(path, {"grace_hours": 2})).json
        assert rotated["client_secret"] != made["client_secret"]
        assert [secret["ends_at"] for secret in rotated["secrets"]] == ["2026-11-23T11:00:00Z", None]
        assert (await token_for(identity, made)).status == 200
        assert (await token_for(identity, rotated)).status == 200
        identity.platform.clock.advance(timedelta(hours=2))
        assert (await token_for(identity, made)).status == 401
        assert (await token_for(identity, rotated)).status == 200

    async def test_without_grace_a_leaked_secret_ends_at_once(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        made = (await administrator.post("/v1/clients", a_client())).json
        path = f"/v1/clients/{made['id']}/rotate-secret"
        await administrator.post(path, {"grace_hours": 0})
        assert (await token_for(identity, made)).status == 401

    async def test_at_most_two_secrets_are_accepted(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        made = (await administrator.post("/v1/clients", a_client())).json
        path = f"/v1/clients/{made['id']}/rotate-secret"
        second = (await administrator.post(path)).json
        third = (await administrator.post(path)).json
        answers = [(await token_for(identity, client)).status for client in (made, second, third)]
        assert answers == [401, 200, 200]

    async def test_a_repeat_rotates_once(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        made = (await administrator.post("/v1/clients", a_client())).json
        path = f"/v1/clients/{made['id']}/rotate-secret"
        rotated = (await administrator.post(path, {}, key="r1")).json
        again = (await administrator.post(path, {}, key="r1")).json
        assert again == rotated | {"client_secret": None}
        assert (await token_for(identity, rotated)).status == 200

    async def test_a_grace_beyond_a_week_is_refused(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        made = (await administrator.post("/v1/clients", a_client())).json
        path = f"/v1/clients/{made['id']}/rotate-secret"
        for hours in (-1, 169):
            assert (await administrator.post(path, {"grace_hours": hours})).status == 422


class TestDisable:
    async def test_out_of_sight_is_not_found(self, identity: Identity) -> None:
        made = (await (await identity.administrator()).post("/v1/clients", a_client())).json
        other = await identity.administrator("cnav")
        assert (await other.post(f"/v1/clients/{made['id']}/disable")).status == 404
        assert (await token_for(identity, made)).status == 200

    async def test_it_ends_both_secrets_and_new_ones(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        made = (await administrator.post("/v1/clients", a_client())).json
        rotated = (await administrator.post(f"/v1/clients/{made['id']}/rotate-secret")).json
        disabled = await administrator.post(f"/v1/clients/{made['id']}/disable")
        assert disabled.json["disabled_at"] == "2026-11-23T09:00:00Z"
        for client in (made, rotated):
            assert (await token_for(identity, client)).status == 401
        refused = await administrator.post(f"/v1/clients/{made['id']}/rotate-secret")
        assert (refused.status, refused.json["type"]) == (409, "/problems/client-disabled")

    async def test_again_keeps_the_first_time(self, identity: Identity) -> None:
        administrator = await identity.administrator()
        made = (await administrator.post("/v1/clients", a_client())).json
        first = await administrator.post(f"/v1/clients/{made['id']}/disable")
        identity.platform.clock.advance(timedelta(days=1))
        again = await administrator.post(f"/v1/clients/{made['id']}/disable")
        assert again.json["disabled_at"] == first.json["disabled_at"]
