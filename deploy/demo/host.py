"""Fresh platforms for the demonstration, the benchmarks and the crash tests: a folder, credentials, a process that can be killed."""

import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from services.identity.bootstrap import Demonstration
from services.platform import Platform
from services.trial import demonstration, load_sample
from shared.settings import PlatformSettings

START_SECONDS = 60
STOP_SECONDS = 30


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class Host:
    """One platform in a folder of its own, on a fixed free port, so that it can be stopped, killed and started again."""

    folder: Path
    log_level: str = "WARNING"
    port: int = field(default_factory=free_port)
    master_key: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        """Return the address of the platform."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> PlatformSettings:
        """Return the settings that its process reads from the environment."""
        return PlatformSettings.model_validate(
            {
                "data_dir": self.folder,
                "port": self.port,
                "master_key": self.master_key,
                "public_url": self.base,
                "webhook_allow_private": True,
                "log_level": self.log_level,
            }
        )

    async def prepare(self, console: Console) -> Demonstration:
        """Load the sample venues and make the demonstration's clients, before the process is started."""
        platform = await Platform.start(self.settings())
        try:
            await load_sample(platform, console)
            return await demonstration(platform)
        finally:
            await platform.stop()

    def start(self) -> None:
        """Start the process and return once it is ready.

        Raises:
            RuntimeError: it ended, or was not ready in time.
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RELAIS_")}
        environment |= {
            "RELAIS_DATA_DIR": str(self.folder),
            "RELAIS_PORT": str(self.port),
            "RELAIS_MASTER_KEY": self.master_key,
            "RELAIS_PUBLIC_URL": self.base,
            "RELAIS_WEBHOOK_ALLOW_PRIVATE": "true",
            "RELAIS_LOG_LEVEL": self.log_level,
        }
        self.process = subprocess.Popen([sys.executable, "-m", "services"], env=environment)
        self._wait_ready()

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Ask the process to stop; return its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"the platform ended with code {self.process.returncode}")
            try:
                with urllib.request.urlopen(f"{self.base}/readyz", timeout=2) as answer:  # noqa: S310 - our own address
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise RuntimeError(f"the platform was not ready within {START_SECONDS} s")
