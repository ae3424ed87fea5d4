"""The first clients: a demonstration that can be made at every start, and the operator's own command."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.identity.bodies import NewClient
from services.identity.bootstrap import Credentials
from services.identity.model import Client, ClientKind
from shared.security.caller import Scope
from tests.identity.callers import Identity, basic
from tests.support.platform import running_platform

GRANT = {"grant_type": "client_credentials"}


async def test_each_client_of_the_demonstration_gets_its_token(identity: Identity) -> None:
    demo = await identity.demonstration("venue-1", "venue-2")
    scopes = {}
    for credentials in (demo.institution, demo.partner, demo.operator):
        answer = await identity.ask_as(credentials)
        assert answer.status == 200
        scopes[credentials.node] = set(answer.json["scope"].split())
    assert scopes["operator"] == {"institutions:manage", "clients:manage"}
    assert "referrals:answer" in scopes["pimms-demo"]
    assert {"assessments:write", "referrals:write", "cases:erase"} <= scopes["cpam-demo"]
    assert "referrals:answer" not in scopes["cpam-demo"]


async def test_its_tree_is_whole(identity: Identity) -> None:
    await identity.demonstration()
    listed = (await (await identity.operator()).get("/v1/institutions")).json["items"]
    assert {item["id"]: item["kind"] for item in listed} == {
        "operator": "operator",
        "cpam-demo": "institution",
        "cpam-demo/bobigny": "body",
        "cpam-demo/bobigny/accueil": "service",
        "pimms-demo": "partner",
    }


async def test_it_gives_the_same_after_a_restart(tmp_path: Path) -> None:
    async with running_platform(tmp_path, names=("identity",)) as platform:
        first = await Identity(platform).demonstration()
        assert await Identity(platform).demonstration() == first
    async with running_platform(tmp_path, names=("identity",)) as platform:
        identity = Identity(platform)
        assert await identity.demonstration() == first
        assert (await identity.ask_as(first.institution)).status == 200


async def test_another_installation_has_other_secrets(identity: Identity, tmp_path: Path) -> None:
    first = await identity.demonstration()
    other_key = "b" * 43 + "="
    async with running_platform(tmp_path / "other", names=("identity",), master_key=other_key) as platform:
        second = await Identity(platform).demonstration()
    assert second.operator.client_secret != first.operator.client_secret
    secrets = {client.client_secret for client in (first.institution, first.partner, first.operator)}
    assert len(secrets) == 3


async def test_it_repairs_what_was_changed_meanwhile(identity: Identity) -> None:
    first = await identity.demonstration("venue-1")
    operator = await identity.operator()
    await operator.post(f"/v1/clients/{first.institution.client_id}/rotate-secret", {"grace_hours": 0})
    await operator.post(f"/v1/clients/{first.operator.client_id}/disable")
    again = await identity.demonstration("venue-2")
    assert again == first
    for credentials in (again.institution, again.operator):
        assert (await identity.ask_as(credentials)).status == 200
    partner = await operator.get(f"/v1/clients/{again.partner.client_id}")
    assert partner.json["venues"] == ["venue-2"]


async def test_an_operator_makes_the_first_client_of_a_real_installation(identity: Identity) -> None:
    wanted = NewClient(
        node="cpam93/bobigny",
        kind=ClientKind.INSTITUTION,
        name="Logiciel",
        scopes=frozenset({Scope.CLIENTS_MANAGE, Scope.ASSESSMENTS_READ}),
    )
    made = await identity.bootstrap.make_first_client(wanted)
    assert made.secret is not None
    answer = await identity.ask_as(Credentials(made.client.id, made.secret, wanted.node))
    client = identity.bearing(answer.json["access_token"], "cpam93/bobigny")
    listed = (await client.get("/v1/clients")).json["items"]
    assert [item["id"] for item in listed] == [made.client.id]
    nodes = (await (await identity.operator()).get("/v1/institutions")).json["items"]
    assert {node["id"] for node in nodes} == {"operator", "cpam93", "cpam93/bobigny"}


async def test_each_call_makes_another_client(identity: Identity) -> None:
    wanted = NewClient(
        node="operator",
        kind=ClientKind.OPERATOR,
        name="Exploitant",
        scopes=frozenset({Scope.CLIENTS_MANAGE}),
    )
    made = [await identity.bootstrap.make_first_client(wanted) for _ in range(2)]
    assert made[0].client.id != made[1].client.id
    for one in made:
        answer = await identity.ask(GRANT, headers=basic(one.client.id, one.secret or ""))
        assert answer.status == 200


def test_what_cannot_be_is_refused_before_anything_is_made() -> None:
    with pytest.raises(ValidationError, match="at least one venue"):
        NewClient(
            node="pimms-93",
            kind=ClientKind.PARTNER,
            name="Partenaire",
            scopes=frozenset({Scope.REFERRALS_ANSWER}),
        )


async def test_no_secret_is_stored_in_clear(identity: Identity) -> None:
    demo = await identity.demonstration()
    stored = [client async for client in identity.platform.store("identity").scan(Client)]
    text = "".join(client.model_dump_json() for client in stored)
    assert len(stored) == 3
    for credentials in (demo.institution, demo.partner, demo.operator):
        assert credentials.client_secret not in text
