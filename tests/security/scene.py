"""One institution's real work, made through the public API: what no other institution may ever see a trace of."""

from dataclasses import dataclass, field
from typing import Any

from services.identity.bootstrap import Bootstrap
from shared.security.caller import Scope
from tests.assessment.http_material import an_interview
from tests.directory.material import cells, csv_of
from tests.referral.material import MUNICIPALITY, PERSONAL_WORDS, SUMMARY, agreement_body, referral_body
from tests.support.http import Answer, ApiClient
from tests.support.platform import PlatformUnderTest

OWNER = "cpam93/bobigny"
REFERENCE = "dossier-93-0042"
SUBSCRIBER = "http://127.0.0.1:9/secret-path"
"""Nothing listens there: the deliveries of this scene stay undelivered."""

OWN_SCOPES = frozenset(Scope) - {Scope.REFERRALS_ANSWER}
PARTNER_SCOPES = frozenset({Scope.REFERRALS_ANSWER, Scope.SUBSCRIPTIONS_MANAGE, Scope.VENUES_READ})


@dataclass
class Scene:
    """The ids of what was made by their names, and the words that give any of it away."""

    platform: PlatformUnderTest
    owner: ApiClient
    partner: ApiClient
    ids: dict[str, str] = field(default_factory=dict)
    words: set[str] = field(default_factory=set)

    @property
    def traces(self) -> set[str]:
        """Return every text that belongs to the owner alone. A venue's record is public: its id is not among them."""
        return self.words | {value for name, value in self.ids.items() if name != "venue_id"}

    async def made(
        self, name: str, client: ApiClient, path: str, body: Any, **options: Any
    ) -> dict[str, Any]:
        """POST what makes a resource, keep its id under a name."""
        return self._kept(name, await client.post(path, body, **options))

    def _kept(self, name: str, answer: Answer) -> dict[str, Any]:
        assert answer.status in (201, 202), (name, answer.text)
        self.ids[name] = answer.json["id"]
        made: dict[str, Any] = answer.json
        return made


async def build_scene(platform: PlatformUnderTest) -> Scene:
    """Make one of everything that the API can make; the owner and its partner do it as they would in earnest."""
    owner = await platform.client(OWNER, scopes=tuple(OWN_SCOPES))
    scene = Scene(platform, owner, partner=platform.anonymous())
    await _make_identity(scene)
    await _make_directory(scene)
    scene.partner = await platform.client(
        "pimms-93", scopes=tuple(PARTNER_SCOPES), venues=[scene.ids["venue_id"]], agent="partner-agent-1"
    )
    await _make_subscription(scene)
    await _make_case(scene)
    await platform.settle()
    await _find_what_events_made(scene)
    return scene


async def _make_identity(scene: Scene) -> None:
    bootstrap = scene.platform.platform.services["identity"].components[Bootstrap]
    assert isinstance(bootstrap, Bootstrap)
    await bootstrap.make_operator_node()
    operator = await scene.platform.client("operator", scopes=tuple(OWN_SCOPES), agent="operator-1")
    for node in ("cpam93", OWNER):
        made = await operator.post("/v1/institutions", {"id": node, "name": f"Nom de {node}"})
        assert made.status == 201, made.text
    scene.ids["node"] = OWNER
    scene.words.add(f"Nom de {OWNER}")
    body = {"node": OWNER, "kind": "institution", "name": "Logiciel secret", "scopes": ["assessments:read"]}
    client = await scene.made("client_id", scene.owner, "/v1/clients", body, key="client")
    scene.words |= {"Logiciel secret", client["client_secret"]}


async def _make_directory(scene: Scene) -> None:
    record = {
        "id": "v-1",
        "nom": "PIMMS de Bobigny",
        "commune": "Bobigny",
        "code_postal": "93000",
        "code_insee": "93008",
        "latitude": 48.906579,
        "longitude": 2.442389,
        "services": ["Maîtrise des outils numériques du quotidien"],
    }
    await scene.made("venue_id", scene.owner, "/v1/venues", record, key="venue")
    answer = await scene.owner.request(
        "POST",
        "/v1/imports?source=secret-source",
        data=csv_of(cells(id="v-2", nom="Médiathèque")),
        headers={"Idempotency-Key": "import", "Content-Type": "text/csv"},
    )
    assert answer.status == 202, answer.text
    scene.ids["import_id"] = answer.json["id"]


async def _make_subscription(scene: Scene) -> None:
    body = {"url": SUBSCRIBER, "event_types": ["*"]}
    made = await scene.made("subscription_id", scene.owner, "/v1/subscriptions", body, key="subscription")
    scene.words |= {SUBSCRIBER, made["secret"]}


async def _make_case(scene: Scene) -> None:
    path = "/v1/assessments"
    made = await scene.made("assessment_id", scene.owner, path, an_interview(retain={}), key="assessment")
    case_id = scene.ids["case_id"] = made["case_id"]
    body = {"needs": ["basic_skills"], "commune": "93008", "case_id": case_id}
    await scene.made("match_id", scene.owner, "/v1/matches", body, key="match")
    venue_id = scene.ids["venue_id"]
    referral = referral_body(
        case_id=case_id,
        venue_id=venue_id,
        client_reference=REFERENCE,
        agreement=agreement_body(recipients=[{"venue_id": venue_id}]),
    )
    await scene.platform.settle()  # a venue is known to referrals once its event is heard
    await scene.made("referral_id", scene.owner, "/v1/referrals", referral, key="referral")
    # A commune's code and the word courriel stand in the records of venues, which are public.
    scene.words |= {REFERENCE, SUMMARY, *PERSONAL_WORDS} - {MUNICIPALITY, "courriel"}


async def _find_what_events_made(scene: Scene) -> None:
    deliveries = (await scene.owner.get("/v1/deliveries")).json["items"]
    scene.ids["delivery_id"] = deliveries[0]["id"]
