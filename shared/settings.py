"""Settings of the platform: `RELAIS_*` environment variables, read once at start and refused when wrong."""

import base64
import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import RelaisError

PREFIX = "RELAIS_"


class InvalidSettings(RelaisError):
    """The configuration can't be used; says which variable, what is wrong, and what would be right."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(
            "The settings can't be used:\n" + "\n".join(f"  - {problem}" for problem in problems)
        )


def _is_master_key(value: SecretStr) -> SecretStr:
    try:
        raw = base64.b64decode(value.get_secret_value(), validate=True)
    except ValueError as error:  # not base64, or not even ASCII
        raise ValueError("it must be base64 of 32 random bytes (openssl rand -base64 32)") from error
    if len(raw) != 32:
        raise ValueError(f"it decodes to {len(raw)} bytes and must be 32 (openssl rand -base64 32)")
    return value


MasterKey = Annotated[SecretStr, AfterValidator(_is_master_key)]


class PlatformSettings(BaseSettings):
    """Everything a process is told from outside. Secrets have no default and never print."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data_dir: Path = Field(
        Path("var"), description="Where the embedded store and the vault keep their files."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    master_key: MasterKey = Field(
        description="Base64 of 32 random bytes (openssl rand -base64 32): wraps case keys, signs ids, HMACs secrets."
    )
    public_url: str = Field(
        "http://localhost:8080",
        pattern=r"^https?://",
        description="How the outside reaches us: links and token issuer.",
    )
    webhook_allow_private: bool = Field(
        False,
        description="Let webhooks go to private and local addresses: for a demonstration, never in production.",
    )
    token_lifetime_seconds: int = Field(3600, ge=60, le=86_400, description="How long an access token lives.")
    log_level: str = Field(
        "INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$", description="Least level that is logged."
    )

    @field_validator("public_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        if value.endswith("/"):
            raise ValueError("it must not end with a slash")
        return value

    @property
    def master_key_bytes(self) -> bytes:
        """Return the 32 bytes of the master key."""
        return base64.b64decode(self.master_key.get_secret_value())


def load_settings() -> PlatformSettings:
    """Read the environment.

    Raises:
        InvalidSettings: a variable is missing, wrong, or one that starts with `RELAIS_` is not known.
    """
    known = {PREFIX + name.upper() for name in PlatformSettings.model_fields}
    unknown = sorted(
        name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known
    )
    problems = [
        f"{name}: there is no such setting; known ones: {', '.join(sorted(known))}" for name in unknown
    ]
    try:
        settings = PlatformSettings()  # its fields come from the environment
    except ValidationError as error:
        problems += [_problem(item) for item in error.errors(include_input=False, include_url=False)]
        raise InvalidSettings(problems) from None
    if problems:
        raise InvalidSettings(problems)
    return settings


def _problem(item: ErrorDetails) -> str:
    name = str(item["loc"][0])
    meaning = PlatformSettings.model_fields[name].description
    return f"{PREFIX}{name.upper()}: {item['msg'].removeprefix('Value error, ')}. What it is: {meaning}"
