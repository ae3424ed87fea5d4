"""Pages made for people, not for machines."""
