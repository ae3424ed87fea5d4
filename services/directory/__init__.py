"""Directory: the venues of digital mediation, and which of them fit a person's needs."""
