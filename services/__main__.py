"""`python -m services`: the whole platform in one process, configured by `RELAIS_*`."""

import sys

import uvloop

from services.platform import Platform
from services.server import listen, serve
from shared.errors import RelaisError
from shared.observability.logging import configure_logging
from shared.settings import load_settings


async def run() -> None:
    """Load the settings, start, serve until a signal."""
    settings = load_settings()
    configure_logging(settings.log_level)
    listener = listen(settings)
    await serve(await Platform.start(settings), listener)


def main() -> None:
    """Run; a configuration that can't be used ends with one clear message and exit code 2."""
    try:
        uvloop.run(run())
    except RelaisError as error:
        sys.stderr.write(f"relais: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
