"""The store port (aggregates saved with their outgoing events) and its engines."""
