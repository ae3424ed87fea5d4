"""Where the parts of this service meet."""

from datetime import timedelta

from services.identity import api
from services.identity.bodies import AuthorizationServerOut
from services.identity.bootstrap import Bootstrap
from services.identity.granting import TokenDesk
from services.identity.keyring import Keyring
from services.identity.registry import Registry
from services.identity.repository import IdentityRepository
from services.identity.secrets import ClientSecrets
from services.identity.throttle import BadSecrets
from shared.http.auth import TokenVerifier
from shared.security.tokens import JwtVerifier, TokenIssuer
from shared.service import Kit, Service


def wire(kit: Kit) -> Service:
    """Build the service; its keys are read, or the first one made, at start."""
    master_key, issuer = kit.settings.master_key_bytes, kit.settings.public_url
    lifetime = timedelta(seconds=kit.settings.token_lifetime_seconds)
    repository = IdentityRepository(kit.store)
    secrets = ClientSecrets(master_key)
    registry = Registry(repository, secrets, kit.clock)
    keyring = Keyring(
        repository, master_key=master_key, clock=kit.clock, ids=kit.ids, token_lifetime=lifetime
    )
    bootstrap = Bootstrap(
        repository=repository,
        registry=registry,
        secrets=secrets,
        master_key=master_key,
        clock=kit.clock,
        ids=kit.ids,
    )
    return Service(
        name="identity",
        routers=api.ROUTERS,
        components={
            IdentityRepository: repository,
            Registry: registry,
            Keyring: keyring,
            Bootstrap: bootstrap,
            AuthorizationServerOut: AuthorizationServerOut.at(issuer),
            TokenDesk: TokenDesk(
                repository=repository,
                secrets=secrets,
                keyring=keyring,
                issuer=TokenIssuer(issuer, kit.clock, kit.ids, lifetime),
                bad_secrets=BadSecrets(kit.clock),
                clock=kit.clock,
            ),
            TokenVerifier: JwtVerifier(issuer, kit.clock, keyring.verifying),
        },
        on_start=(keyring.load, bootstrap.make_operator_node),
        tasks={"signing key rotation": keyring.keep_young},
    )
