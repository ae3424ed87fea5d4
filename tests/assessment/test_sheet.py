"""The person's sheet, through HTTP: simple, honest about what it is, without a profile's name."""

from datetime import timedelta
from html.parser import HTMLParser

import pytest

from shared.events.vocabulary import Profile
from tests.assessment.http_material import an_assessment
from tests.assessment.material import AT_EASE, MRS_L, Chosen
from tests.support.platform import PlatformUnderTest

pytestmark = pytest.mark.services("assessment")


class _Sentences(HTMLParser):
    """Collects the text that a person reads."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._in_style:
            self.texts.append(" ".join(data.split()))


async def _sheet(platform: PlatformUnderTest, chosen: Chosen, **changes: object) -> str:
    client = await platform.client()
    created = await an_assessment(client, chosen, **changes)
    answer = await client.get(created["links"]["sheet"])
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    return answer.text


async def test_it_says_what_it_is_and_how_to_have_it_looked_at_again(platform: PlatformUnderTest) -> None:
    page = await _sheet(platform, MRS_L, retain={})
    for said in (
        "Un ordinateur a calculé cette proposition",
        "pas une décision",
        "revoir cette feuille",
        "non relue",
    ):
        assert said in page
    assert '<html lang="fr">' in page


async def test_it_never_prints_a_profile_a_score_or_an_answer(platform: PlatformUnderTest) -> None:
    page = (await _sheet(platform, {**MRS_L, "learning_ability": "not_now"}, retain={})).lower()
    for profile in Profile:
        assert profile.value not in page
    for word in (
        "profil",
        "score",
        "assistance durable",
        "premiers pas",
        "débutant",
        "large_print",
        "bobigny",
    ):
        assert word not in page


async def test_it_prints_both_ways_of_a_procedure(platform: PlatformUnderTest) -> None:
    page = await _sheet(platform, {**MRS_L, "procedures_needed": ["health_cover", "retirement"]})
    assert page.index("Sans internet") < page.index("Sur internet")
    for said in (
        "Demander ma retraite",
        "complémentaire santé solidaire",
        "3960",
        "12504",
        "professionnel doit encore",
    ):
        assert said in page


async def test_its_sentences_are_short(platform: PlatformUnderTest) -> None:
    reader = _Sentences()
    reader.feed(
        await _sheet(platform, {**MRS_L, "procedures_needed": ["minimum_income", "retirement"]}, retain={})
    )
    sentences = [one for text in reader.texts for one in text.replace("?", ".").split(". ")]
    assert len(sentences) > 20
    assert [one for one in sentences if len(one.split()) > 25] == []


async def test_what_was_read_more_than_a_year_ago_is_not_printed(platform: PlatformUnderTest) -> None:
    platform.clock.advance(timedelta(days=366))
    page = await _sheet(platform, MRS_L)
    assert "3960" not in page
    assert "Demandez de l'aide au professionnel" in page


async def test_someone_who_needs_nothing_is_told_so(platform: PlatformUnderTest) -> None:
    assert "Vous n'avez pas besoin d'aide pour le moment" in await _sheet(platform, AT_EASE)


async def test_someone_of_whom_too_little_is_known_is_not_told_they_need_nothing(
    platform: PlatformUnderTest,
) -> None:
    page = await _sheet(platform, {})
    assert "Nous devons encore parler ensemble" in page
    assert "pas besoin d'aide" not in page


async def test_a_screen_says_its_band_in_plain_words(platform: PlatformUnderTest) -> None:
    screen = {key: MRS_L[key] for key in ("internet_use", "equipment_connection", "procedures_alone")}
    page = await _sheet(platform, screen, depth="screen")
    assert "Une personne peut faire les démarches avec vous." in page


async def test_guidance_is_read_by_procedure_with_its_sources(platform: PlatformUnderTest) -> None:
    client = await platform.client()
    every = (await client.get("/v1/guidance")).json["items"]
    (one,) = (await client.get("/v1/guidance", procedure="minimum_income")).json["items"]
    assert {page["id"] for page in every} == {"retirement_pension", "health_cover", "minimum_income"}
    assert one["online"]
    assert {way["kind"] for way in one["without_internet"]} == {
        "paper_form",
        "counter",
        "phone",
        "assisted_point",
    }
    for fact in one["without_internet"]:
        assert fact["source"].startswith("https://")
        assert fact["checked"] == "2026-11-23"
    assert (await client.get("/v1/guidance", procedures="minimum_income")).status == 422
