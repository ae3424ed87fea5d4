"""Identity: who may call Relais, and as whom.

Owns the tree of institutions, the clients with their secrets, and the keys that sign access tokens. It publishes no
event and listens to none: a token carries what the other services need to know of its client.
"""
