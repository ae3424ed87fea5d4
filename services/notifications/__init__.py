"""Notifications: who is told what happened, and the proof of every attempt to tell them.

Owns subscriptions (endpoints of institutions and partners), deliveries with their attempts, and lanes (the order of
one aggregate's events at one endpoint).
Publishes: `DeliveryExhausted`, `EndpointDisabled`.
Consumes: every type of `relais.assessments`, `relais.matches` and `relais.referrals`, and `CaseErased`.

Path of one event: `handlers.py` → `intake.py` (delivery added, lane pushed) → `dispatcher.py` (a slot, fairly) →
`lane_worker.py` (attempt, outcome) → `channels/webhook.py`.
"""
