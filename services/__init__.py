"""The services: each owns its data, tells the others only through events, and imports none of them."""
