"""What the demonstration sends: Mme L., 68, of Bobigny, without equipment, who wants to learn. She is invented.

The phone number is one of those that the regulator reserves for fiction (ARCEP: 01 99 00 xx xx).
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

QUESTIONNAIRE = {"id": "relais", "version": "2026-1"}
BOBIGNY = "93008"
AGREEMENT_TEXT = (
    "J'accepte que mes coordonnées et le résumé de mon besoin soient transmis au lieu choisi avec moi. "
    "Je peux changer d'avis à tout moment."
)

_SKILLS = (
    "skill_pointing_typing",
    "skill_searching",
    "skill_sending_file",
    "skill_creating_account",
    "skill_filling_form",
    "skill_scams",
)


def first_interview() -> dict[str, Any]:
    """Return Mme L.'s first assessment, retained as proposed."""
    answers = {
        "internet_use": "never",
        "equipment_connection": "none",
        "procedures_alone": "with_help",
        "device": "none",
        "connection": "none",
        "no_connection_reason": "cost",
        "email": "none",
        "main_obstacle": "fear",
        "helper": "relative",
        "learning_will": "yes",
        "learning_ability": "yes",
        "wishes": "daily_tools",
        "mobility": "nearby",
        "procedures_needed": "retirement",
        "procedure_urgency": "no_hurry",
        "rights_given_up": "once",
        "schooling": "primary",
        "adaptations": "slower_pace",
    }
    return _interview(answers, skill="not_at_all")


def second_interview(case_id: str) -> dict[str, Any]:
    """Return the reassessment, three months of workshops later."""
    answers = {
        "internet_use": "sometimes",
        "equipment_connection": "partly",
        "procedures_alone": "with_help",
        "device": "own_phone_or_tablet",
        "printing": "neither",
        "connection": "mobile_only",
        "email": "with_help",
        "main_obstacle": "fear",
        "helper": "association",
        "learning_will": "yes",
        "learning_ability": "yes",
        "wishes": "procedures",
        "mobility": "nearby",
        "procedures_needed": "none",
        "rights_given_up": "no",
        "schooling": "primary",
        "adaptations": "slower_pace",
    }
    return {"case_id": case_id, **_interview(answers, skill="with_help")}


def referral(venue_id: str, assessment: dict[str, Any], match_id: str, now: datetime) -> dict[str, Any]:
    """Return a referral to a venue with the person's agreement to share her contact and what she needs."""
    before = (now - timedelta(minutes=5)).isoformat()
    return {
        "case_id": assessment["case_id"],
        "kind": "individual",
        "venue_id": venue_id,
        "needs": assessment["retained"]["needs"][:2],
        "departement": "93",
        "age_band": "60_69",
        "assessment_id": assessment["id"],
        "match_id": match_id,
        "legal_basis": {"basis": "public_task", "register_entry": "MIN-2026-04"},
        "information_given": {"notice_version": "notice-2026-1", "channel": "spoken", "given_at": before},
        "agreement": {
            "given": True,
            "purposes": ["share_contact", "share_summary"],
            "recipients": [{"venue_id": venue_id}],
            "method": "spoken",
            "said_at": before,
            "ends_at": (now + timedelta(days=180)).isoformat(),
            "text_sha256": hashlib.sha256(AGREEMENT_TEXT.encode()).hexdigest(),
        },
        "contact": {
            "name": "Mme L.",
            "way": "phone",
            "phone": "+33 1 99 00 12 34",
            "safe_times": "le matin",
            "may_leave_message": True,
        },
        "summary": "Souhaite apprendre à utiliser une tablette pour suivre sa retraite.",
    }


def appointment(now: datetime) -> dict[str, Any]:
    """Return an appointment in eight days."""
    return {
        "appointment": {
            "at": (now + timedelta(days=8)).isoformat(),
            "mode": "on_site",
            "minutes": 60,
            "place": "Salle 2",
        }
    }


OUTCOME = {
    "outcome": {
        "services_given": ["Maîtrise des outils numériques du quotidien"],
        "autonomy_after": "partly_autonomous",
        "equipment_obtained": True,
        "connection_obtained": True,
        "next_step": True,
    }
}


def _interview(answers: dict[str, str], *, skill: str) -> dict[str, Any]:
    given: list[dict[str, Any]] = [
        {"question": question, "choices": [choice]} for question, choice in answers.items()
    ]
    given += [{"question": name, "choices": [skill], "known_by": "seen"} for name in _SKILLS]
    return {
        "depth": "full",
        "questionnaire": QUESTIONNAIRE,
        "answers": given,
        "about": {"age_band": "60_69", "commune": BOBIGNY, "publics": ["Seniors"], "free_only": True},
        "retain": {"person_wish": "learn"},
    }
