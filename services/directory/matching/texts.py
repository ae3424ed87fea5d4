"""The French sentences of reasons, exclusions and widenings: plain words, for a professional to read with the person."""

from services.directory.matching.model import (
    Answer,
    ExclusionCode,
    Reason,
    ReasonCode,
    RuleCode,
    Widening,
    WideningCode,
)
from services.directory.matching.needs import need_table
from shared.events.vocabulary import Need

TO_VERIFY = "à vérifier : appelez avant d'envoyer"

_RULES: dict[tuple[RuleCode, Answer], str] = {
    (RuleCode.PUBLICS, Answer.YES): "accueille ce public",
    (RuleCode.PUBLICS, Answer.UNKNOWN): "public accueilli non précisé",
    (RuleCode.COST, Answer.YES): "gratuit",
    (RuleCode.COST, Answer.UNKNOWN): "gratuité non précisée ou sous condition",
    (RuleCode.CARE, Answer.YES): "peut répondre aux adaptations demandées",
    (RuleCode.CARE, Answer.UNKNOWN): "adaptations demandées non précisées",
    (RuleCode.MODALITY, Answer.YES): "propose la forme d'aide souhaitée",
    (RuleCode.MODALITY, Answer.UNKNOWN): "forme d'aide non précisée",
    (RuleCode.REACHABLE, Answer.YES): "joignable tout de suite : sans rendez-vous ou par téléphone",
    (RuleCode.REACHABLE, Answer.UNKNOWN): "accueil sans rendez-vous ou téléphone non précisé",
    (RuleCode.STOPS, Answer.UNKNOWN): "lieu itinérant : passage à confirmer",
    (RuleCode.PROFILE, Answer.NO): "forme d'aide peu adaptée à l'autonomie de la personne",
}

_FIXED: dict[ReasonCode, str] = {
    ReasonCode.DISTANCE_UNKNOWN: f"adresse exacte inconnue, dans le même département, {TO_VERIFY}",
    ReasonCode.FREE: "gratuit",
    ReasonCode.WALK_IN: "on peut se présenter sur place",
    ReasonCode.DATA_AGE_UNKNOWN: "date des données inconnue",
    ReasonCode.PREFERRED: "lieu préféré",
}

_EXCLUSIONS: dict[str, str] = {
    RuleCode.PUBLICS: "réservé à d'autres publics",
    RuleCode.COST: "payant",
    RuleCode.CARE: "adaptations demandées non confirmées",
    RuleCode.MODALITY: "ne propose pas la forme d'aide souhaitée",
    RuleCode.REACHABLE: "ni sans rendez-vous, ni par téléphone",
    RuleCode.RECEIVES_PUBLIC: "n'accueille pas de public",
    RuleCode.STOPS: "passage non confirmé",
    ExclusionCode.SERVICE: "ne propose pas le service recherché",
    ExclusionCode.VENUE_EXCLUDED: "écarté à votre demande",
}

_WIDENINGS: dict[WideningCode, str] = {
    WideningCode.COST: "en acceptant un lieu payant",
    WideningCode.MODALITY: "en acceptant une autre forme d'aide",
    WideningCode.PUBLICS: "sans critère de public",
    WideningCode.STRICT: "en acceptant les lieux à vérifier",
    WideningCode.VENUES_EXCLUDED: "en reprenant les lieux écartés",
}


def reason_text(reason: Reason) -> str:
    """One reason in French, such as « à 850 m » or « données vieilles de 14 mois »."""
    if reason.code is ReasonCode.NEED:
        label = need_table().needs[Need(reason.subject)].label
        return f"propose {label}" if reason.answer is Answer.YES else f"{label} : non précisé, {TO_VERIFY}"
    if reason.code is ReasonCode.RULE:
        text = _RULES[RuleCode(reason.subject), Answer(reason.answer)]
        return f"{text}, {TO_VERIFY}" if reason.answer == Answer.UNKNOWN else text
    return _standing(reason)


def _standing(reason: Reason) -> str:
    figure = reason.figure
    match reason.code:
        case ReasonCode.DISTANCE:
            return f"à {distance_text(figure)}"
        case ReasonCode.DATA_AGE:
            return age_text(figure)
        case ReasonCode.LOAD:
            return f"{figure} orientation{'s' if figure > 1 else ''} en cours dans ce lieu"
        case _:
            return _FIXED[reason.code]


def distance_text(metres: int) -> str:
    """A distance as people say it: « 850 m », « 3,4 km », « 27 km ».

    >>> distance_text(853), distance_text(3_420), distance_text(27_300)
    ('850 m', '3,4 km', '27 km')
    """
    if metres < 995:
        return f"{max(10, round(metres / 10) * 10)} m" if metres else "0 m"
    return f"{metres / 1000:.1f} km".replace(".", ",") if metres < 9_950 else f"{metres / 1000:.0f} km"


def age_text(months: int) -> str:
    """How old data is.

    >>> age_text(0), age_text(14), age_text(40)
    ("données de moins d'un mois", 'données vieilles de 14 mois', 'données vieilles de 3 ans')
    """
    if months < 1:
        return "données de moins d'un mois"
    return f"données vieilles de {months} mois" if months < 24 else f"données vieilles de {months // 12} ans"


def exclusion_text(code: str) -> str:
    """Why a venue is not proposed."""
    return _EXCLUSIONS[code]


def widening_text(widening: Widening) -> str:
    """What could be given up, and what it would bring."""
    how = (
        f"en allant jusqu'à {widening.reach_km:.0f} km"
        if widening.code is WideningCode.REACH and widening.reach_km is not None
        else _WIDENINGS[widening.code]
    )
    return f"{how} : {widening.venues} lieu{'x' if widening.venues > 1 else ''} au choix"
