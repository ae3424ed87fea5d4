"""Notifications through its public doors: events and commands in, HTTP requests at a real receiver out."""
