"""Matching: the same answer as a search written plainly, blanks that are neither yes nor no, and answers on real venues."""

import math
from datetime import date, timedelta
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.directory.matching.columns import row_of
from services.directory.matching.engine import match, named_exclusions
from services.directory.matching.index import Removal, VenueIndex
from services.directory.matching.model import (
    Answer,
    MatchAnswer,
    MatchRequest,
    Point,
    ReasonCode,
    RuleCode,
    WideningCode,
)
from services.directory.matching.needs import need_table
from services.directory.matching.texts import reason_text
from services.directory.matching.widening import widenings
from services.directory.model import Access, Care, Cost, Itinerance, Programme, VenueRecord, venue_id
from shared.events.vocabulary import (
    Adaptation,
    Coverage,
    Modality,
    Need,
    Profile,
    Public,
    StandardService,
    Urgency,
)
from tests.directory.material import BOBIGNY, TODAY, municipalities, record, sample_records

HERE = Point(latitude=BOBIGNY[0], longitude=BOBIGNY[1], departement="93")


def index_of(records: dict[str, VenueRecord], loads: dict[str, int] | None = None) -> VenueIndex:
    index = VenueIndex()
    index.apply([row_of(key, 1, "test", one) for key, one in records.items()])
    for key, load in (loads or {}).items():
        index.change_load(key, load)
    return index


def ask(**changes) -> MatchRequest:
    return MatchRequest(**({"needs": (Need.BASIC_SKILLS,), "position": HERE, "reach_km": 20.0} | changes))


def one(**fields) -> VenueIndex:
    return index_of({venue_id("test", "v"): record(**fields)})


# --- A plain search, written from the rules and sharing no code with the engine ---------------------------------------


def closed(values, wanted) -> Answer:
    if not values:
        return Answer.UNKNOWN
    return Answer.YES if set(values) & set(wanted) else Answer.NO


def plain_need(venue: VenueRecord, need: Need) -> Answer:
    best = Answer.NO
    for way in need_table().needs[need].any_of:
        parts = []
        if way.services:
            parts.append(closed(venue.services, way.services))
        if way.modalities:
            parts.append(closed(venue.modalites_accompagnement, way.modalities))
        if way.programmes:
            parts.append(closed(venue.dispositif_programmes_nationaux, way.programmes))
        if way.itinerance:
            parts.append(closed(venue.itinerance, way.itinerance))
        if way.typologies:
            parts.append(Answer.YES if set(venue.typologie) & set(way.typologies) else Answer.UNKNOWN)
        if way.labels:
            parts.append(Answer.YES if set(venue.formations_labels) & set(way.labels) else Answer.UNKNOWN)
        if way.themes:
            parts.append(Answer.UNKNOWN)
        answer = min(parts)
        if way.only_when_stated and answer is not Answer.YES:
            answer = Answer.NO
        best = max(best, answer)
    return best


def plain_rules(venue: VenueRecord, request: MatchRequest) -> dict[str, tuple[Answer, int]]:
    """Each asked rule's answer, and the points that an unknown costs."""
    found: dict[str, tuple[Answer, int]] = {}
    if request.publics:
        found["publics"] = closed(venue.publics_specifiquement_adresses, request.publics), 40
    if request.free_only:
        costs = set(venue.frais_a_charge)
        answer = {frozenset({Cost.GRATUIT}): Answer.YES, frozenset({Cost.PAYANT}): Answer.NO}
        found["cost"] = answer.get(frozenset(costs), Answer.UNKNOWN), 60
    care = {value for one in request.adaptations for value in need_table().adaptations[one]}
    if care:
        has = care <= set(venue.prise_en_charge_specifique)
        found["care"] = Answer.YES if has else Answer.UNKNOWN, 60
    if request.modality:
        found["modality"] = closed(venue.modalites_accompagnement, {request.modality}), 60
    if request.urgency is Urgency.URGENT:
        now = {Access.SE_PRESENTER, Access.TELEPHONER} & set(venue.modalites_acces) or venue.telephone
        stated = Answer.NO if venue.modalites_acces else Answer.UNKNOWN
        found["reachable"] = Answer.YES if now else stated, 150
    if request.modality is not Modality.A_DISTANCE:
        shut = Access.PAS_DE_PUBLIC in venue.modalites_acces
        found["receives_public"] = Answer.NO if shut else Answer.YES, 0
        moving = venue.itinerance == (Itinerance.ITINERANT,)
        found["stops"] = Answer.UNKNOWN if moving else Answer.YES, 100
    return found


def haversine(a: tuple[float, float], b: tuple[float, float]) -> float:
    (la, oa), (lb, ob) = ([math.radians(x) for x in p] for p in (a, b))
    h = math.sin((lb - la) / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin((ob - oa) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(min(1.0, h)))


def plain_distance(venue: VenueRecord, request: MatchRequest) -> int | None:
    """Metres; -1 for a venue that may be near; None beyond reach."""
    if venue.latitude is None or venue.longitude is None:
        return -1 if venue.departement and venue.departement == request.position.departement else None
    here = (request.position.latitude, request.position.longitude)
    metres = round(haversine(here, (venue.latitude, venue.longitude)))
    return metres if metres <= int(request.reach_used_km * 1000) else None


def plain_score(venue: VenueRecord, request: MatchRequest, metres: int, load: int, today: date) -> int:
    points = {Answer.YES: 300, Answer.UNKNOWN: 90, Answer.NO: 0}
    score = sum(points[plain_need(venue, need)] for need in request.needs)
    reach = max(1, int(request.reach_used_km * 1000))
    score -= metres * 300 // reach
    if metres < 0:
        score -= 600
    score -= sum(cost for answer, cost in plain_rules(venue, request).values() if answer is Answer.UNKNOWN)
    fitting = need_table().profiles.get(request.profile) if request.profile else None
    if fitting:
        score -= {Answer.YES: 0, Answer.UNKNOWN: 20, Answer.NO: 150}[
            closed(venue.modalites_accompagnement, fitting)
        ]
    days = 1826 if venue.date_maj is None else min(max((today - venue.date_maj).days, 0), 1826)
    return score - days * 120 // 1826 - min(load, 20) * 15


def plain_match(records: dict[str, VenueRecord], loads: dict[str, int], request: MatchRequest) -> dict:
    reached, eligible, exclusions = 0, [], {}
    coverage = dict.fromkeys(request.needs, Coverage.UNCOVERED)
    for key, venue in records.items():
        metres = plain_distance(venue, request)
        if metres is None:
            continue
        reached += 1
        answers = {need: plain_need(venue, need) for need in request.needs}
        rules = plain_rules(venue, request)
        out = [
            name
            for name, (answer, _) in rules.items()
            if answer is Answer.NO or (answer is Answer.UNKNOWN and name in request.strict)
        ]
        out += ["venue_excluded"] if key in request.venues_excluded else []
        out += ["service"] if not any(answers.values()) else []
        for name in out:
            exclusions[name] = exclusions.get(name, 0) + 1
        if out:
            continue
        certain = metres >= 0 and all(answer is Answer.YES for answer, _ in rules.values())
        for need, answer in answers.items():
            if answer is Answer.YES and certain:
                coverage[need] = Coverage.COVERED
            elif answer is not Answer.NO and coverage[need] is Coverage.UNCOVERED:
                coverage[need] = Coverage.TO_VERIFY
        score = plain_score(venue, request, metres, loads.get(key, 0), TODAY)
        eligible.append((-score - 250 * (key in request.venues_preferred), key))
    return {
        "venues": [key for _, key in sorted(eligible)[: request.top]],
        "coverage": coverage,
        "exclusions": exclusions,
        "counts": (reached, len(eligible)),
    }


def summary(answer: MatchAnswer) -> dict:
    return {
        "venues": [proposal.venue_id for proposal in answer.proposals],
        "coverage": answer.coverage,
        "exclusions": answer.exclusions,
        "counts": (answer.within_reach, answer.eligible),
    }


def some(values):
    return st.lists(st.sampled_from(list(values)), max_size=3, unique=True).map(tuple)


places = st.one_of(
    st.none(), st.tuples(st.floats(48.6, 49.2), st.floats(2.0, 2.9)), st.sampled_from([BOBIGNY, (48.95, 2.5)])
)


@st.composite
def venues(draw: st.DrawFn) -> VenueRecord:
    place = draw(places)
    return record(
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
        code_insee=draw(st.sampled_from(["93008", "75101", None])),
        services=draw(some(StandardService)),
        modalites_accompagnement=draw(some(Modality)),
        publics_specifiquement_adresses=draw(some(Public)),
        prise_en_charge_specifique=draw(some(Care)),
        frais_a_charge=draw(some(Cost)),
        modalites_acces=draw(some(Access)),
        itinerance=draw(some(Itinerance)),
        dispositif_programmes_nationaux=draw(some(Programme)),
        typologie=draw(some(["PIMMS", "BIB"])),
        telephone=draw(st.sampled_from([None, "+33148952052"])),
        date_maj=draw(st.none() | st.dates(date(2019, 1, 1), TODAY)),
    )


@st.composite
def questions(draw: st.DrawFn, keys: list[str]) -> MatchRequest:
    needs = st.lists(
        st.sampled_from(sorted(set(Need) - {Need.PAPER_WAY})), min_size=1, max_size=4, unique=True
    )
    strict = [RuleCode.PUBLICS, RuleCode.COST, RuleCode.CARE, RuleCode.MODALITY, RuleCode.REACHABLE]
    return ask(
        needs=tuple(draw(needs)),
        reach_km=draw(st.sampled_from([None, 0.0, 1.0, 10.0, 50.0])),
        profile=draw(st.none() | st.sampled_from(list(Profile))),
        publics=frozenset(draw(some(Public))),
        adaptations=frozenset(draw(some(Adaptation))),
        free_only=draw(st.booleans()),
        modality=draw(st.none() | st.sampled_from(list(Modality))),
        urgency=draw(st.sampled_from(list(Urgency))),
        strict=frozenset(draw(some(strict))),
        venues_preferred=frozenset(draw(some(keys))) if keys else frozenset(),
        venues_excluded=frozenset(draw(some(keys))) if keys else frozenset(),
        top=draw(st.integers(1, 20)),
    )


@settings(max_examples=250, deadline=None)
@given(data=st.data(), found=st.lists(venues(), max_size=14))
def test_the_engine_answers_as_an_exhaustive_search_does(
    data: st.DataObject, found: list[VenueRecord]
) -> None:
    records = {venue_id("test", str(number)): venue for number, venue in enumerate(found)}
    loads = {key: data.draw(st.integers(0, 30)) for key in list(records)[:3]}
    request = data.draw(questions(list(records)))
    index = index_of(records, loads)
    expected = plain_match(records, loads, request)
    assert summary(match(request, index, TODAY)) == expected
    named = named_exclusions(request, index)
    counted: dict[str, int] = {}
    for exclusion in named:
        for rule in exclusion.rules:
            counted[rule] = counted.get(rule, 0) + 1
    assert counted == expected["exclusions"]


def sample() -> dict[str, VenueRecord]:
    return {venue_id(one.source or "", one.id): one for one in sample_records()}


@pytest.mark.parametrize("code", ["93008", "36044", "59350", "2B033", "23096", "16102"])
def test_real_venues_are_matched_as_an_exhaustive_search_does(code: str) -> None:
    place = municipalities().by_code(code)
    assert place is not None
    here = Point(latitude=place.latitude, longitude=place.longitude, departement=place.departement)
    request = ask(
        needs=(Need.BASIC_SKILLS, Need.ACCESS_POINT, Need.MANDATE), position=here, free_only=True, top=20
    )
    assert summary(match(request, index_of(sample()), TODAY)) == plain_match(sample(), {}, request)


class TestBlanks:
    """On the real sample: a blank never excludes and never counts as a yes."""

    def strictly(self, **changes) -> tuple[MatchAnswer, MatchAnswer]:
        base = {"needs": (Need.ONE_OFF_HELP,), "reach_km": 200.0, "position": HERE} | changes
        index = index_of(sample())
        (rule,) = base.pop("rule")
        return match(ask(**base), index, TODAY), match(ask(**base, strict=frozenset({rule})), index, TODAY)

    @pytest.mark.parametrize(
        ("rule", "field", "asked"),
        [
            (RuleCode.PUBLICS, "publics_specifiquement_adresses", {"publics": frozenset({Public.FEMMES})}),
            (RuleCode.COST, "frais_a_charge", {"free_only": True}),
            (
                RuleCode.CARE,
                "prise_en_charge_specifique",
                {"adaptations": frozenset({Adaptation.SIGN_LANGUAGE})},
            ),
            (RuleCode.MODALITY, "modalites_accompagnement", {"modality": Modality.ATELIER}),
        ],
    )
    def test_of_a_constraint(self, rule: RuleCode, field: str, asked: dict) -> None:
        near = {
            key: one for key, one in sample().items() if plain_distance(one, ask(reach_km=200.0)) is not None
        }
        blank = sum(not getattr(one, field) for one in near.values())
        assert blank > 100
        lenient, strict = self.strictly(rule=(rule,), **asked)
        stated_no = lenient.exclusions.get(rule, 0)
        assert stated_no <= len(near) - blank
        assert strict.exclusions[rule] >= stated_no + blank

    def test_of_services(self) -> None:
        answer = match(ask(needs=(Need.SAFETY,), reach_km=200.0), index_of(sample()), TODAY)
        near = [one for one in sample().values() if plain_distance(one, ask(reach_km=200.0)) is not None]
        without = sum(bool(one.services) and StandardService.SECURITE not in one.services for one in near)
        assert answer.exclusions["service"] == without

    def test_a_directory_of_blanks_covers_nothing_and_excludes_nobody(self) -> None:
        needs = tuple(need for need in Need if need is not Need.PAPER_WAY)
        request = ask(needs=needs, free_only=True, publics={Public.SENIORS}, urgency=Urgency.URGENT)
        answer = match(request, one(), TODAY)
        assert (answer.within_reach, answer.eligible, answer.exclusions) == (1, 1, {})
        assert set(answer.coverage.values()) == {Coverage.TO_VERIFY}
        assert answer.proposals[0].to_verify


class TestRules:
    def excluded(self, venue: dict, **asked) -> dict[str, int]:
        fields = {"services": (StandardService.OUTILS,)} | venue
        return match(ask(**asked), one(**fields), TODAY).exclusions

    def test_only_a_stated_no_excludes(self) -> None:
        assert self.excluded({"frais_a_charge": (Cost.PAYANT,)}, free_only=True) == {"cost": 1}
        assert self.excluded({"frais_a_charge": (Cost.SOUS_CONDITION,)}, free_only=True) == {}
        public = {"publics_specifiquement_adresses": (Public.JEUNES,)}
        assert self.excluded(public, publics={Public.SENIORS}) == {"publics": 1}
        assert self.excluded(public, publics={Public.SENIORS, Public.JEUNES}) == {}
        assert self.excluded({"services": (StandardService.ACCES,)}) == {"service": 1}

    def test_care_given_to_others_is_not_a_refusal(self) -> None:
        assert (
            self.excluded(
                {"prise_en_charge_specifique": (Care.MOTEURS,)}, adaptations={Adaptation.SIGN_LANGUAGE}
            )
            == {}
        )

    def test_an_urgent_case_wants_a_door_or_a_phone(self) -> None:
        by_mail = {"modalites_acces": (Access.MAIL,)}
        assert self.excluded(by_mail, urgency=Urgency.URGENT) == {"reachable": 1}
        assert self.excluded(by_mail | {"telephone": "+33148952052"}, urgency=Urgency.URGENT) == {}
        assert self.excluded(by_mail) == {}

    def test_a_place_without_public_is_for_remote_help_only(self) -> None:
        shut = {"modalites_acces": (Access.PAS_DE_PUBLIC,)}
        assert self.excluded(shut) == {"receives_public": 1}
        assert self.excluded(shut, modality=Modality.A_DISTANCE) == {}

    def test_a_bus_must_be_asked_where_it_stops(self) -> None:
        venue = {"services": (StandardService.OUTILS,), "itinerance": (Itinerance.ITINERANT,)}
        answer = match(ask(), one(**venue), TODAY)
        assert answer.coverage == {Need.BASIC_SKILLS: Coverage.TO_VERIFY}
        assert "lieu itinérant : passage à confirmer" in " ".join(
            map(reason_text, answer.proposals[0].reasons)
        )

    def test_connection_is_met_by_access_or_by_a_programme(self) -> None:
        by_programme = {
            "services": (StandardService.LOISIRS,),
            "dispositif_programmes_nationaux": (Programme.EMMAUS,),
        }
        answer = match(ask(needs=(Need.CONNECTION,)), one(**by_programme), TODAY)
        assert answer.coverage == {Need.CONNECTION: Coverage.COVERED}
        without = match(ask(needs=(Need.CONNECTION,)), one(services=(StandardService.LOISIRS,)), TODAY)
        assert without.coverage == {Need.CONNECTION: Coverage.UNCOVERED}

    def test_the_paper_way_asks_for_no_venue(self) -> None:
        answer = match(ask(needs=(Need.PAPER_WAY,)), one(services=(StandardService.OUTILS,)), TODAY)
        assert (answer.coverage, answer.proposals) == ({}, ())

    def test_a_class_is_not_suggested_first_for_lasting_assistance_but_stays_possible(self) -> None:
        first, second = sorted(venue_id("test", name) for name in "ab")
        records = {
            first: record(services=(StandardService.OUTILS,), modalites_accompagnement=(Modality.ATELIER,)),
            second: record(
                services=(StandardService.OUTILS,), modalites_accompagnement=(Modality.INDIVIDUEL,)
            ),
        }
        usual = match(ask(), index_of(records), TODAY)
        assisted = match(ask(profile=Profile.LASTING_ASSISTANCE), index_of(records), TODAY)
        assert [one.venue_id for one in usual.proposals] == [first, second]
        assert [one.venue_id for one in assisted.proposals] == [second, first]


class TestRank:
    def order(self, first: VenueRecord, second: VenueRecord, **extra) -> list[str]:
        """Which of two comes first; the first has the lower id, so a tie keeps this order."""
        keys = sorted(venue_id("test", name) for name in "ab")
        answer = match(ask(**extra), index_of(dict(zip(keys, (first, second), strict=True))), TODAY)
        return ["ab"[keys.index(one.venue_id)] for one in answer.proposals]

    skills: ClassVar = {"services": (StandardService.OUTILS,)}

    def test_ties_are_broken_by_id(self) -> None:
        assert self.order(record(**self.skills), record(**self.skills)) == ["a", "b"]

    def test_unknown_comes_after_known(self) -> None:
        assert self.order(record(), record(**self.skills)) == ["b", "a"]

    def test_near_comes_before_far(self) -> None:
        assert self.order(record(**self.skills, latitude=49.0), record(**self.skills)) == ["b", "a"]

    def test_fresh_comes_before_old(self) -> None:
        old, new = TODAY - timedelta(days=900), TODAY - timedelta(days=30)
        assert self.order(record(**self.skills, date_maj=old), record(**self.skills, date_maj=new)) == [
            "b",
            "a",
        ]

    def test_a_busy_venue_falls_back(self) -> None:
        keys = sorted(venue_id("test", name) for name in "ab")
        index = index_of({key: record(**self.skills) for key in keys}, {keys[0]: 3})
        proposals = match(ask(), index, TODAY).proposals
        assert [one.venue_id for one in proposals] == [keys[1], keys[0]]
        assert "3 orientations en cours dans ce lieu" in map(reason_text, proposals[1].reasons)


class TestWidening:
    def test_says_what_would_bring_more(self) -> None:
        records = {
            venue_id("test", "paid"): record(
                services=(StandardService.OUTILS,), frais_a_charge=(Cost.PAYANT,)
            ),
            venue_id("test", "far"): record(services=(StandardService.OUTILS,), latitude=49.0),
        }
        request = ask(reach_km=2.0, free_only=True)
        found = {one.code: one for one in widenings(request, index_of(records), 0, 3)}
        assert found[WideningCode.COST].venues == 1
        assert (found[WideningCode.REACH].venues, found[WideningCode.REACH].reach_km) == (1, 20.0)

    def test_is_silent_when_the_choice_is_wide(self) -> None:
        assert widenings(ask(free_only=True), one(frais_a_charge=(Cost.PAYANT,)), 3, 3) == []


class TestIndex:
    def test_the_order_of_learning_changes_nothing(self) -> None:
        records = dict(list(sample().items())[:300])
        rows = [row_of(key, 1, "s", venue) for key, venue in records.items()]
        at_once, one_by_one = VenueIndex(), VenueIndex()
        at_once.apply(rows)
        for row in reversed(rows):
            one_by_one.put(row)
        assert at_once.revision == one_by_one.revision
        request = ask(position=Point(latitude=47.0, longitude=2.0), reach_km=200.0, top=20)
        assert match(request, at_once, TODAY) == match(request, one_by_one, TODAY)

    @settings(max_examples=60, deadline=None)
    @given(
        steps=st.lists(
            st.tuples(st.integers(0, 8), st.integers(1, 4), st.sampled_from([48.0, 48.9, 49.0, None])),
            max_size=30,
        )
    )
    def test_follows_changes_one_by_one_as_a_dictionary_would(self, steps) -> None:
        index, expected = VenueIndex(), {}
        for name, version, latitude in steps:
            key = venue_id("test", str(name))
            if version == 4:
                index.remove(key)
                expected.pop(key, None)
                continue
            venue = record(latitude=latitude, longitude=2.4 if latitude else None)
            if expected.get(key, (0, None))[0] < version:
                expected[key] = (version, latitude)
            index.put(row_of(key, version, "s", venue))
        assert index.ids() == sorted(expected)
        for key, (version, latitude) in expected.items():
            row = index.row(key)
            assert row is not None
            assert index.version(key) == version
            held = float(index.column("latitude")[row])
            assert (None if math.isnan(held) else held) == latitude
        latitudes = index.column("latitude")[: index.located]
        assert list(latitudes) == sorted(latitudes)
        fresh = VenueIndex()
        fresh.apply(row_of(key, version, "s", record()) for key, (version, _) in expected.items())
        assert index.revision == fresh.revision

    def test_a_source_is_replaced_in_one_step(self) -> None:
        index = VenueIndex()
        kept, gone, other = (venue_id("s", name) for name in ("kept", "gone", "other"))
        index.apply(
            [row_of(kept, 1, "s", record()), row_of(gone, 1, "s", record()), row_of(other, 1, "t", record())]
        )
        index.replace_source("s", [row_of(kept, 2, "s", record())])
        assert index.ids() == sorted([kept, other])
        assert index.version(kept) == 2

    def test_a_removal_among_many_changes(self) -> None:
        index = VenueIndex()
        rows = [row_of(venue_id("s", str(number)), 1, "s", record()) for number in range(200)]
        index.apply(rows)
        index.apply([*(Removal(row.venue_id) for row in rows[:100]), *rows[100:]])
        assert index.ids() == sorted(row.venue_id for row in rows[100:])


def test_golden_bobigny() -> None:
    """Mme L., 68, Bobigny: wants to learn the basics and has no equipment."""
    request = ask(
        needs=(Need.BASIC_SKILLS, Need.ACCESS_POINT),
        reach_km=10.0,
        publics={Public.SENIORS},
        profile=Profile.FIRST_STEPS,
    )
    answer = match(request, index_of(sample()), TODAY)
    names = [sample()[one.venue_id].nom for one in answer.proposals]
    assert names[0] == "Bibliothèque Elsa Triolet"
    assert len(names) == 3
    first = [reason_text(reason) for reason in answer.proposals[0].reasons]
    assert first[0] == "à 300 m"
    assert first[1] == "propose les bases du numérique"
    assert "public accueilli non précisé, à vérifier : appelez avant d'envoyer" in first
    assert first[-1] == "données vieilles de 6 ans"
    assert answer.coverage[Need.BASIC_SKILLS] is Coverage.TO_VERIFY


def test_every_reason_has_a_sentence() -> None:
    index = one(
        services=(StandardService.OUTILS,),
        frais_a_charge=(Cost.GRATUIT,),
        modalites_acces=(Access.SE_PRESENTER,),
    )
    index.change_load(index.ids()[0], 1)
    request = ask(venues_preferred=frozenset(index.ids()), adaptations={Adaptation.READ_ALOUD})
    sentences = [reason_text(reason) for reason in match(request, index, TODAY).proposals[0].reasons]
    assert sentences == [
        "à 0 m",
        "propose les bases du numérique",
        "adaptations demandées non précisées, à vérifier : appelez avant d'envoyer",
        "gratuit",
        "on peut se présenter sur place",
        "date des données inconnue",
        "1 orientation en cours dans ce lieu",
        "lieu préféré",
    ]
    assert match(request, index, TODAY).proposals[0].reasons[-1].code is ReasonCode.PREFERRED
    assert UUID(index.ids()[0])
