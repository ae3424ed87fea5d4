"""The only list of topics. Kafka's are checked against it at start; the embedded log has one table for each.

Partitions are fixed: growing means a new topic and a migration, because the key decides the partition.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Topic(StrEnum):
    """Names on the wire: `relais.<plural>`."""

    ASSESSMENTS = "relais.assessments"
    MATCHES = "relais.matches"
    REFERRALS = "relais.referrals"
    VENUES = "relais.venues"
    DELIVERIES = "relais.deliveries"
    CASES = "relais.cases"


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """`compacted`: only the newest message of each key is kept, so each must be a full snapshot."""

    partitions: int = 12
    retention: timedelta = timedelta(days=396)  # 13 months, domain §9
    max_message_bytes: int = 1_048_576
    compacted: bool = False


TOPICS: dict[Topic, TopicSettings] = {
    Topic.ASSESSMENTS: TopicSettings(),
    Topic.MATCHES: TopicSettings(),
    Topic.REFERRALS: TopicSettings(),
    Topic.VENUES: TopicSettings(compacted=True),
    Topic.DELIVERIES: TopicSettings(),
    Topic.CASES: TopicSettings(),
}
