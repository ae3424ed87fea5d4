"""Where the parts of notifications meet."""

from services.notifications.api import ROUTERS
from services.notifications.channels.webhook import HttpSender
from services.notifications.commands import SubscriptionDesk
from services.notifications.dispatcher import Dispatcher
from services.notifications.endpoint_health import EndpointHealth
from services.notifications.handlers import table
from services.notifications.intake import Intake
from services.notifications.lane_worker import LaneWorker
from services.notifications.repository import NotificationRepository
from services.notifications.secret_box import SecretBox
from services.notifications.slots import Slots
from services.notifications.subscription_index import SubscriptionIndex
from services.notifications.sweeper import Sweeper
from shared.service import Kit, Service


def wire(kit: Kit) -> Service:
    """Build the service from its ports."""
    settings, clock = kit.settings, kit.clock
    repository = NotificationRepository(kit.store)
    index = SubscriptionIndex(kit.store, clock)
    health = EndpointHealth(repository, index, clock)
    box = SecretBox(settings.master_key_bytes)
    sender = HttpSender(allow_private=settings.webhook_allow_private)
    worker = LaneWorker(repository, index, health, sender, box, clock, kit.random)
    dispatcher = Dispatcher(worker.serve, repository, index, Slots(health.failing), clock)
    intake = Intake(repository, dispatcher, clock)
    sweeper = Sweeper(repository, index, intake, dispatcher, clock)
    desk = SubscriptionDesk(repository, index, intake, sweeper, box, settings, clock)
    return Service(
        name="notifications",
        routers=ROUTERS,
        components={SubscriptionDesk: desk, NotificationRepository: repository, Dispatcher: dispatcher},
        handlers=table(index=index, intake=intake, repository=repository, public_url=settings.public_url),
        on_start=(index.refresh, sender.start),
        tasks={
            "dispatcher": dispatcher.run,
            "sweeper": sweeper.run,
            "subscription refresh": index.keep_fresh,
        },
        on_stop=(sender.stop,),
        ready=index.problem,
    )
