"""`POST /oauth/token`, as RFC 6749 has it; refusals first."""

from datetime import timedelta

from joserfc import jwt
from joserfc.jwk import KeySet

from services.identity.throttle import TOLERATED, WATCHED, WINDOW, BadSecrets
from shared.security.tokens import ALGORITHM
from tests.identity.callers import Identity, a_client, basic
from tests.support.clock import ManualClock
from tests.support.http import Answer

GRANT = {"grant_type": "client_credentials"}


def refused(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status, answer.text
    assert answer.json["error"] == code
    assert set(answer.json) == {"error", "error_description"}
    assert answer.headers["Cache-Control"] == "no-store"


class TestRequest:
    async def test_json_is_not_a_form(self, identity: Identity) -> None:
        answer = await identity.platform.anonymous().request("POST", "/oauth/token", json=GRANT)
        refused(answer, 400, "invalid_request")

    async def test_the_grant_type_is_needed(self, identity: Identity) -> None:
        refused(await identity.ask({"client_id": "a", "client_secret": "b"}), 400, "invalid_request")

    async def test_other_grants_are_refused(self, identity: Identity) -> None:
        for grant in ("password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS"):
            refused(await identity.ask({"grant_type": grant}), 400, "unsupported_grant_type")

    async def test_a_form_that_cannot_be_read_is_refused(self, identity: Identity) -> None:
        start = "grant_type=client_credentials&"
        too_many = "&".join(f"a{number}=b" for number in range(30))
        for rest in ("grant_type=client_credentials", "scope=%ff%fe", "scope=é", too_many):
            refused(await identity.ask(start + rest), 400, "invalid_request")

    async def test_credentials_stand_in_one_place(self, identity: Identity) -> None:
        demo = (await identity.demonstration()).institution
        header = basic(demo.client_id, demo.client_secret)
        twice = GRANT | {"client_id": demo.client_id, "client_secret": demo.client_secret}
        refused(await identity.ask(twice, headers=header), 400, "invalid_request")
        refused(await identity.ask(GRANT | {"client_id": "other"}, headers=header), 400, "invalid_request")


class TestProof:
    async def test_an_unknown_client_and_a_wrong_secret_look_the_same(self, identity: Identity) -> None:
        demo = (await identity.demonstration()).institution
        unknown = await identity.ask(GRANT, headers=basic("nobody", demo.client_secret))
        wrong = await identity.ask(GRANT, headers=basic(demo.client_id, demo.client_secret + "x"))
        for answer in (unknown, wrong):
            refused(answer, 401, "invalid_client")
            assert answer.headers["WWW-Authenticate"].startswith("Basic")
        assert unknown.text == wrong.text

    async def test_a_header_that_cannot_be_read_proves_nothing(self, identity: Identity) -> None:
        for header in ("Bearer abc", "Basic", "Basic ???", "Basic bm9jb2xvbg==", "Basic //79", "Digest a=b"):
            refused(await identity.ask(GRANT, headers={"Authorization": header}), 401, "invalid_client")

    async def test_no_credentials_prove_nothing(self, identity: Identity) -> None:
        refused(await identity.ask(GRANT), 401, "invalid_client")
        refused(await identity.ask(GRANT | {"client_id": "a", "client_secret": ""}), 401, "invalid_client")

    async def test_another_clients_secret_is_wrong(self, identity: Identity) -> None:
        demo = await identity.demonstration()
        header = basic(demo.institution.client_id, demo.partner.client_secret)
        refused(await identity.ask(GRANT, headers=header), 401, "invalid_client")

    async def test_a_disabled_client_gets_no_token(self, identity: Identity) -> None:
        demo = (await identity.demonstration()).institution
        assert (await identity.ask_as(demo)).status == 200
        operator = await identity.operator()
        assert (await operator.post(f"/v1/clients/{demo.client_id}/disable")).status == 200
        refused(await identity.ask_as(demo), 401, "invalid_client")

    async def test_too_many_bad_secrets_are_told_to_slow_down(self, identity: Identity) -> None:
        demo = await identity.demonstration()
        bad = basic(demo.institution.client_id, "bad")
        for _ in range(TOLERATED):
            refused(await identity.ask(GRANT, headers=bad), 401, "invalid_client")
        slowed = await identity.ask(GRANT, headers=bad)
        refused(slowed, 429, "temporarily_unavailable")
        assert slowed.headers["Retry-After"] == "60"
        assert (await identity.ask_as(demo.institution)).status == 200, "the right secret always passes"
        other = await identity.ask(GRANT, headers=basic(demo.partner.client_id, "bad"))
        refused(other, 401, "invalid_client")
        identity.platform.clock.advance(WINDOW)
        refused(await identity.ask(GRANT, headers=bad), 401, "invalid_client")


class TestScope:
    async def test_a_scope_that_the_client_does_not_have_is_refused(self, identity: Identity) -> None:
        demo = (await identity.demonstration()).operator
        for scope in ("assessments:read", "clients:manage assessments:read", "nothing", "clients:manage,x"):
            refused(await identity.ask_as(demo, scope=scope), 400, "invalid_scope")

    async def test_the_token_carries_only_what_was_asked(self, identity: Identity) -> None:
        demo = (await identity.demonstration()).operator
        answer = await identity.ask_as(demo, scope="clients:manage")
        assert answer.json["scope"] == "clients:manage"
        client = identity.bearing(answer.json["access_token"], "operator")
        assert (await client.get("/v1/clients")).status == 200
        assert (await client.get("/v1/institutions")).status == 403

    async def test_without_a_scope_it_carries_all_the_client_has(self, identity: Identity) -> None:
        demo = (await identity.demonstration()).operator
        for form in ({}, {"scope": ""}, {"scope": "  "}):
            answer = await identity.ask_as(demo, **form)
            assert answer.json["scope"] == "clients:manage institutions:manage"


class TestToken:
    async def test_the_answer_is_that_of_the_rfc(self, identity: Identity) -> None:
        demo = (await identity.demonstration()).institution
        answer = await identity.ask(GRANT, headers=basic(demo.client_id, demo.client_secret))
        assert answer.status == 200
        assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope"}
        assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 3600)
        assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")

    async def test_others_can_verify_it_with_the_published_keys(self, identity: Identity) -> None:
        demo = (await identity.demonstration("venue-9")).partner
        answer = await identity.ask_as(demo)
        keys = await identity.platform.anonymous().get("/.well-known/jwks.json")
        token = jwt.decode(
            answer.json["access_token"], KeySet.import_key_set(keys.json), algorithms=[ALGORITHM]
        )
        assert token.header["typ"] == "at+jwt"
        assert token.claims["iss"] == "http://localhost:8080"
        assert token.claims["sub"] == demo.client_id
        assert (token.claims["node"], token.claims["venues"]) == ("pimms-demo", ["venue-9"])
        assert token.claims["exp"] - token.claims["iat"] == 3600

    async def test_it_opens_routes_until_it_expires(self, identity: Identity) -> None:
        answer = await identity.ask_as((await identity.demonstration()).operator)
        client = identity.bearing(answer.json["access_token"], "operator")
        identity.platform.clock.advance(timedelta(seconds=3599))
        assert (await client.get("/v1/clients")).status == 200
        identity.platform.clock.advance(timedelta(seconds=1))
        assert (await client.get("/v1/clients")).status == 401

    async def test_two_tokens_are_never_the_same(self, identity: Identity) -> None:
        demo = (await identity.demonstration()).institution
        tokens = {(await identity.ask_as(demo)).json["access_token"] for _ in range(3)}
        assert len(tokens) == 3

    async def test_a_client_made_by_the_api_can_use_its_secret(self, identity: Identity) -> None:
        await identity.tree("cpam93", "cpam93/bobigny")
        administrator = await identity.administrator()
        made = await administrator.post("/v1/clients", a_client())
        answer = await identity.ask(GRANT, headers=basic(made.json["id"], made.json["client_secret"]))
        assert answer.json["scope"] == "assessments:read"


async def test_the_metadata_names_the_routes_that_answer(identity: Identity) -> None:
    anonymous = identity.platform.anonymous()
    metadata = (await anonymous.get("/.well-known/oauth-authorization-server")).json
    issuer = metadata["issuer"]
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert (await anonymous.get(metadata["jwks_uri"].removeprefix(issuer))).status == 200
    asked = await anonymous.request("POST", metadata["token_endpoint"].removeprefix(issuer), data=GRANT)
    assert asked.json["error"] == "invalid_client"


async def test_no_private_part_of_a_key_is_published(identity: Identity) -> None:
    (key,) = (await identity.platform.anonymous().get("/.well-known/jwks.json")).json["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_the_throttle_remembers_a_bounded_number_of_clients() -> None:
    throttle = BadSecrets(ManualClock())
    for _ in range(TOLERATED):
        assert throttle.count("first") is None
    assert throttle.count("first") is not None
    for number in range(WATCHED):
        throttle.count(str(number))
    assert throttle.count("first") is None
