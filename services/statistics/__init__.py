"""Statistics: what becomes of people, counted from events only.

Owns: one fact for each assessment, match and referral, with a pseudonym of its case; the cube built from them.
Publishes: nothing.
Consumes: `AssessmentCompleted`, `AssessmentRevised`, `MatchCompleted`, `ReferralCreated` and every transition of a
referral; `CaseErased`, and unlinks the case's facts.
"""
