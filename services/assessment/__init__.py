"""Assessment: what a person can do online alone, what they need, and how to do it otherwise.

Owns: questionnaires (versioned data), assessments with their sealed answers, guidance pages, interview preferences.
Publishes: `AssessmentCompleted` when a professional retains a result, `AssessmentRevised` when they change it.
Consumes: `CaseErased`, and forgets the case.
"""
