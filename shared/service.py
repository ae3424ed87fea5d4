"""What a service is made of, and what it is given: the two ends of every `wiring.py`.

`wire(kit) -> Service` is a service's only composition point. `kit` holds the ports; the service holds routers,
consumers and background tasks; `services.platform` starts and stops them.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from shared.bus.port import Bus
from shared.clock import Clock
from shared.events.envelope import Event
from shared.events.payload import Payload
from shared.ids import Ids
from shared.settings import PlatformSettings
from shared.store.port import Store
from shared.vault.port import Vault

Handler = Callable[[Event[Any]], Awaitable[None]]
Handlers = Mapping[type[Payload], Handler]


@dataclass(frozen=True, slots=True)
class Kit:
    """The ports a service may use. `vault` is None for the services that may not open anything."""

    settings: PlatformSettings
    store: Store
    bus: Bus
    clock: Clock
    ids: Ids
    random: random.Random
    vault: Vault | None = None


Task = Callable[[], Awaitable[None]]
Check = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Service:
    """A wired service.

    `components` are what its routes ask for by type. `handlers` is its table of events, read by the consumer group
    `relais.<name>`. `on_start` runs in order before anything is served (load an index, make a key); `tasks` run
    until they are cancelled at the stop, and end their last unit of work when that happens; `on_stop` runs last.
    `ready` gives None, or the reason why the service must not yet be sent requests.
    """

    name: str
    routers: Sequence[APIRouter] = ()
    components: Mapping[type, object] = field(default_factory=dict)
    handlers: Handlers = field(default_factory=dict)
    on_start: Sequence[Task] = ()
    tasks: Mapping[str, Task] = field(default_factory=dict)
    on_stop: Sequence[Task] = ()
    ready: Check = lambda: None
