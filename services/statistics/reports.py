"""The reports: their columns, what each means, and by what they may be split. Data, in plain French for readers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.statistics.cases import NOT_PROFILED
from shared.events.vocabulary import Need, Profile, ReferralReason


class ReportName(StrEnum):
    """The reports there are."""

    FUNNEL = "funnel"
    DELAYS = "delays"
    REASONS = "reasons"
    NEEDS = "needs"
    PROFILES = "profiles"
    AUTONOMY = "autonomy"


class OwnSplit(StrEnum):
    """By what an institution may split its own figures."""

    NONE = "none"
    QUARTER = "quarter"
    DEPARTEMENT = "departement"
    AGE_BAND = "age_band"
    PROFILE = "profile"
    SERVICE = "service"


class PublishedSplit(StrEnum):
    """By what published figures may be split."""

    NONE = "none"
    QUARTER = "quarter"
    DEPARTEMENT = "departement"
    AGE_BAND = "age_band"
    PROFILE = "profile"


PARENTS: Mapping[str, str] = {
    "answered": "referred",
    "met": "answered",
    "completed": "met",
    "reassessed": "assessed",
    "compared": "reassessed",
    **{f"reason.{reason}": "referred" for reason in ReferralReason},
    **{f"need.{need}": "assessed" for need in Need},
    **{f"profile.{profile}": "assessed" for profile in (*Profile, NOT_PROFILED)},
}
"""The counted column that contains each: every case of the one is in the other."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a report: `counts` names the cases it counts, `figure` the distribution whose median it shows."""

    name: str
    meaning: str
    counts: str
    figure: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report. `published_by` are the splits offered across institutions."""

    name: ReportName
    meaning: str
    columns: tuple[Column, ...]
    published_by: tuple[PublishedSplit, ...] = tuple(PublishedSplit)


_FUNNEL = Report(
    ReportName.FUNNEL,
    "Ce que deviennent les personnes : combien de dossiers ont atteint chaque étape. Un dossier compte une fois par "
    "étape, même après plusieurs orientations ou une réorientation. Les saisies annulées comme erreurs ne comptent pas.",
    (
        Column("assessed", "Au moins un diagnostic retenu par un professionnel.", "assessed"),
        Column("matched", "Au moins un lieu proposé.", "matched"),
        Column("referred", "Au moins une orientation créée.", "referred"),
        Column("answered", "Un lieu a répondu : oui, non, ou liste d'attente.", "answered"),
        Column("met", "La personne a été reçue.", "met"),
        Column("completed", "Un accompagnement est allé à son terme.", "completed"),
        Column("reassessed", "Au moins un second diagnostic retenu.", "reassessed"),
    ),
)

_DELAYS = Report(
    ReportName.DELAYS,
    "Délais médians, en jours, depuis la création de la première orientation du dossier.",
    tuple(
        Column(step, meaning, step, f"hours.{step}", "jours")
        for step, meaning in (
            ("answered", "Jusqu'à la première réponse d'un lieu."),
            ("met", "Jusqu'au premier accueil de la personne."),
            ("completed", "Jusqu'au premier accompagnement mené à son terme."),
        )
    ),
)

_REASON_MEANINGS = {
    ReferralReason.NOT_ELIGIBLE: "La personne ne relève pas de ce lieu.",
    ReferralReason.NO_CAPACITY: "Plus de place.",
    ReferralReason.WAITLIST_ONLY: "Liste d'attente seulement.",
    ReferralReason.SERVICE_NOT_PROVIDED: "Le lieu ne propose pas ce service.",
    ReferralReason.ALREADY_FOLLOWED: "Déjà suivie.",
    ReferralReason.COULD_NOT_CONTACT: "Personne injoignable.",
    ReferralReason.PERSON_DECLINED: "La personne n'a pas souhaité poursuivre.",
    ReferralReason.NO_SHOW: "La personne n'est pas venue.",
    ReferralReason.OUT_OF_AREA: "Hors du secteur du lieu.",
    ReferralReason.MISSING_DOCUMENT: "Document manquant.",
    ReferralReason.LANGUAGE_NOT_COVERED: "Langue non prise en charge.",
    ReferralReason.CARE_NOT_COVERED: "Prise en charge spécifique non assurée.",
    ReferralReason.TEMPORARILY_CLOSED: "Lieu fermé provisoirement.",
    ReferralReason.DATA_ERROR: "Erreur dans les données.",
    ReferralReason.OTHER: "Autre motif.",
}

_REASONS = Report(
    ReportName.REASONS,
    "Pourquoi des orientations n'ont pas abouti : dossiers dont au moins une orientation a été refusée, a échoué ou a "
    "été annulée pour ce motif. Un dossier peut compter sous plusieurs motifs.",
    tuple(Column(reason, _REASON_MEANINGS[reason], f"reason.{reason}") for reason in ReferralReason),
)

_NEED_MEANINGS = {
    Need.ONE_OFF_HELP: "Aide ponctuelle pour une démarche.",
    Need.PROCEDURES: "Apprendre à faire ses démarches en ligne.",
    Need.BASIC_SKILLS: "Apprendre les bases du numérique.",
    Need.ACCESS_POINT: "Un accès à internet et à du matériel.",
    Need.EQUIPMENT: "S'équiper.",
    Need.CONNECTION: "Une connexion.",
    Need.SAFETY: "Se protéger en ligne.",
    Need.EMPLOYMENT: "Le numérique pour l'emploi.",
    Need.PARENTING: "Le numérique et les enfants.",
    Need.DIGITAL_CULTURE: "Comprendre le monde numérique.",
    Need.LEISURE: "Loisirs et création.",
    Need.MANDATE: "Quelqu'un qui fasse à sa place, avec mandat.",
    Need.FRENCH_LITERACY: "Le français, lire et écrire.",
    Need.WRITING_HELP: "Un écrivain public.",
    Need.OUTREACH: "Une aide à domicile ou hors les murs.",
    Need.VAULT: "Un coffre-fort numérique.",
    Need.PAPER_WAY: "La voie non numérique.",
}

_NEEDS = Report(
    ReportName.NEEDS,
    "Besoins retenus par les professionnels au dernier diagnostic. Un dossier peut avoir plusieurs besoins.",
    tuple(Column(need, _NEED_MEANINGS[need], f"need.{need}") for need in Need),
)

_PROFILE_MEANINGS = {
    Profile.LASTING_ASSISTANCE: "Aura toujours besoin de quelqu'un.",
    Profile.FIRST_STEPS: "Premiers pas.",
    Profile.GUIDED_BEGINNER: "Débute, avec de l'aide.",
    Profile.INTERMEDIATE: "Se débrouille pour une partie des usages.",
    Profile.FAMILIARISE_ONLY: "Autonome, découvre seulement les démarches en ligne.",
    Profile.UNDETERMINED: "Diagnostic complet, sans conclusion.",
}

_PROFILES = Report(
    ReportName.PROFILES,
    "Profils retenus au dernier diagnostic complet. Les profils intermédiaires et tous les seuils sont une proposition "
    "non étalonnée. Chaque dossier évalué a exactement un profil, ou aucun.",
    (
        *(Column(profile, _PROFILE_MEANINGS[profile], f"profile.{profile}") for profile in Profile),
        Column(NOT_PROFILED, "Pas de diagnostic complet.", f"profile.{NOT_PROFILED}"),
    ),
    # Split further, profiles make a table of two dimensions, which needs protection of its own.
    published_by=(PublishedSplit.NONE, PublishedSplit.QUARTER),
)

_AUTONOMY = Report(
    ReportName.AUTONOMY,
    "Points gagnés (ou perdus) entre le premier et le dernier diagnostic complet, sur 100 : médiane des dossiers "
    "évalués au moins deux fois.",
    (
        Column("access", "Équipement et connexion.", "compared", "gain.access", "points"),
        Column("skills", "Compétences.", "compared", "gain.skills", "points"),
        Column("autonomy", "Autonomie dans les démarches.", "compared", "gain.autonomy", "points"),
    ),
)

REPORTS: Mapping[ReportName, Report] = {
    report.name: report for report in (_FUNNEL, _DELAYS, _REASONS, _NEEDS, _PROFILES, _AUTONOMY)
}


def with_parents(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return counted columns with all that contain them, each after its parent."""
    ordered: dict[str, None] = {}
    for column in columns:
        chain = [column]
        while (parent := PARENTS.get(chain[-1])) is not None:
            chain.append(parent)
        ordered |= dict.fromkeys(reversed(chain))
    return tuple(ordered)
