"""The words that services exchange: closed lists used in events, APIs and pages.

They are part of the published language: a value may be added inside `.v1`, never renamed or removed.
"""

from enum import StrEnum


class Band(StrEnum):
    """What a three-question screen may conclude."""

    HELP_NOW = "help_now"
    LEARN = "learn"
    AUTONOMOUS = "autonomous"
    UNDETERMINED = "undetermined"


class Profile(StrEnum):
    """Digital-autonomy profile of a full assessment.

    Source: the two ends are those reported by CNAV Île-de-France (2017, retired people, 14 structures);
    the three between are Relais's own uncalibrated proposal.
    """

    LASTING_ASSISTANCE = "lasting_assistance"
    FIRST_STEPS = "first_steps"
    GUIDED_BEGINNER = "guided_beginner"
    INTERMEDIATE = "intermediate"
    FAMILIARISE_ONLY = "familiarise_only"
    UNDETERMINED = "undetermined"


class Need(StrEnum):
    """What a person needs; the directory maps each to services, modalities and programmes, as data."""

    ONE_OFF_HELP = "one_off_help"
    PROCEDURES = "procedures"
    BASIC_SKILLS = "basic_skills"
    ACCESS_POINT = "access_point"
    EQUIPMENT = "equipment"
    CONNECTION = "connection"
    SAFETY = "safety"
    EMPLOYMENT = "employment"
    PARENTING = "parenting"
    DIGITAL_CULTURE = "digital_culture"
    LEISURE = "leisure"
    MANDATE = "mandate"
    FRENCH_LITERACY = "french_literacy"
    WRITING_HELP = "writing_help"
    OUTREACH = "outreach"
    VAULT = "vault"
    PAPER_WAY = "paper_way"


class Adaptation(StrEnum):
    """What makes a venue usable for the person: never a cause, never a diagnosis."""

    READ_ALOUD = "read_aloud"
    LARGE_PRINT = "large_print"
    SIGN_LANGUAGE = "sign_language"
    STEP_FREE = "step_free"
    SLOWER_PACE = "slower_pace"
    LANGUAGE_ENGLISH = "language_english"
    LANGUAGE_OTHER = "language_other"
    CANNOT_COME_ALONE = "cannot_come_alone"
    LEGAL_REPRESENTATIVE = "legal_representative"


class Public(StrEnum):
    """Publics of the national standard v1.0.2 (`publics_specifiquement_adresses`), verbatim."""

    JEUNES = "Jeunes"
    ETUDIANTS = "Étudiants"
    FAMILLES = "Familles et/ou enfants"
    SENIORS = "Seniors"
    FEMMES = "Femmes"


class StandardService(StrEnum):
    """What a venue offers, from the national standard v1.0.2 (`services`), verbatim."""

    DEMARCHES = "Aide aux démarches administratives"
    OUTILS = "Maîtrise des outils numériques du quotidien"
    INSERTION = "Insertion professionnelle via le numérique"
    SECURITE = "Utilisation sécurisée du numérique"
    PARENTALITE = "Parentalité et éducation avec le numérique"
    LOISIRS = "Loisirs et créations numériques"
    CULTURE = "Compréhension du monde numérique"
    ACCES = "Accès internet et matériel informatique"
    ACQUISITION = "Acquisition de matériel informatique à prix solidaire"


class Modality(StrEnum):
    """How help is given, from the national standard v1.0.2 (`modalites_accompagnement`), verbatim."""

    EN_AUTONOMIE = "En autonomie"
    INDIVIDUEL = "Accompagnement individuel"
    ATELIER = "Dans un atelier collectif"
    A_DISTANCE = "À distance"


class AgeBand(StrEnum):
    """Ten-year age bands: the finest age that leaves the sealed part of a case."""

    UNDER_20 = "under_20"
    FROM_20 = "20_29"
    FROM_30 = "30_39"
    FROM_40 = "40_49"
    FROM_50 = "50_59"
    FROM_60 = "60_69"
    FROM_70 = "70_79"
    FROM_80 = "80_89"
    FROM_90 = "90_and_over"
    UNKNOWN = "unknown"


class Urgency(StrEnum):
    """`urgent` means a right is at stake within ten days (deadlines 1 / 2 / 3 working days)."""

    STANDARD = "standard"
    URGENT = "urgent"


class Coverage(StrEnum):
    """Per need: is it within reach of the person?"""

    COVERED = "covered"
    TO_VERIFY = "to_verify"
    UNCOVERED = "uncovered"


class ReferralKind(StrEnum):
    """`signpost`: the person goes alone with a slip and nothing personal is sent."""

    INDIVIDUAL = "individual"
    WORKSHOP = "workshop"
    SIGNPOST = "signpost"


class ReferralState(StrEnum):
    """States of a referral; `referral/model.py` holds the only table of moves."""

    REQUESTED = "requested"
    ACKNOWLEDGED = "acknowledged"
    WAITLISTED = "waitlisted"
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    ON_HOLD = "on_hold"
    COMPLETED = "completed"
    FAILED = "failed"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    HANDED_OVER = "handed_over"
    LAPSED = "lapsed"
    ENTERED_IN_ERROR = "entered_in_error"


class ReferralReason(StrEnum):
    """Coded reasons of a decline, failure, hold, cancellation or correction."""

    NOT_ELIGIBLE = "not_eligible"
    NO_CAPACITY = "no_capacity"
    WAITLIST_ONLY = "waitlist_only"
    SERVICE_NOT_PROVIDED = "service_not_provided"
    ALREADY_FOLLOWED = "already_followed"
    COULD_NOT_CONTACT = "could_not_contact"
    PERSON_DECLINED = "person_declined"
    NO_SHOW = "no_show"
    OUT_OF_AREA = "out_of_area"
    MISSING_DOCUMENT = "missing_document"
    LANGUAGE_NOT_COVERED = "language_not_covered"
    CARE_NOT_COVERED = "care_not_covered"
    TEMPORARILY_CLOSED = "temporarily_closed"
    DATA_ERROR = "data_error"
    OTHER = "other"


class ActorKind(StrEnum):
    """Who moves a referral."""

    PRESCRIBER = "prescriber"
    PARTNER = "partner"
    CLOCK = "clock"
    SYSTEM = "system"


class Channel(StrEnum):
    """The way an answer reached us; `api` is the partner's own software."""

    API = "api"
    PHONE = "phone"
    POST = "post"
    COUNTER = "counter"
    EMAIL_LINK = "email_link"


class Attendance(StrEnum):
    """Whether the person came to an appointment."""

    SEEN = "seen"
    NO_SHOW = "no_show"
    EXCUSED = "excused"
    CANCELLED = "cancelled"


class AutonomyAfter(StrEnum):
    """Autonomy at the end of a referral, as the partner saw it."""

    ACCOMPANIED = "accompanied"
    PARTLY_AUTONOMOUS = "partly_autonomous"
    AUTONOMOUS = "autonomous"
    NOT_SEEN = "not_seen"
