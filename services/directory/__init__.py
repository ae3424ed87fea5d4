"""Directory: the venues of digital mediation, and which of them fit a person's needs.

Owns venues, their sources and imports, matches, and the load of venues. Publishes `VenueSnapshot` and `SourceImported`
(`relais.venues`), `MatchCompleted` and `NeedUncovered` (`relais.matches`). Consumes completed and revised assessments
(to match), referrals (to count the open ones of each venue) and erased cases (to forget their matches).
"""
