"""Which needs the answers point to, in what order, and why."""

from pydantic import BaseModel, ConfigDict

from services.assessment.answers import AnswerSet
from services.assessment.conditions import Situation
from services.assessment.questionnaire import Priority
from shared.events.vocabulary import Need

ORDER = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)


class NeedReason(BaseModel):
    """The rule that pointed to a need, in words for the professional."""

    model_config = ConfigDict(frozen=True)

    rule: str
    because: str


class ProposedNeed(BaseModel):
    """A need with the highest priority among the rules that point to it."""

    model_config = ConfigDict(frozen=True)

    need: Need
    priority: Priority
    reasons: tuple[NeedReason, ...]


def propose_needs(answer_set: AnswerSet, situation: Situation) -> tuple[ProposedNeed, ...]:
    """Needs by priority, then in the order of the questionnaire's rules; each need once."""
    priorities: dict[Need, Priority] = {}
    reasons: dict[Need, list[NeedReason]] = {}
    for rule in answer_set.questionnaire.needs:
        if rule.when.holds(situation):
            known = priorities.get(rule.need, rule.priority)
            priorities[rule.need] = min(known, rule.priority, key=ORDER.index)
            reasons.setdefault(rule.need, []).append(NeedReason(rule=rule.id, because=rule.because))
    proposed = [
        ProposedNeed(need=need, priority=priority, reasons=tuple(reasons[need]))
        for need, priority in priorities.items()
    ]
    return tuple(sorted(proposed, key=lambda one: ORDER.index(one.priority)))
