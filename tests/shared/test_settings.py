"""Settings are refused at start when wrong, each with its name, the problem and what would be right."""

import base64
import os

import pytest

from shared.settings import InvalidSettings, PlatformSettings, load_settings

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("RELAIS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RELAIS_MASTER_KEY", KEY)


def refusal() -> str:
    with pytest.raises(InvalidSettings) as refused:
        load_settings()
    return str(refused.value)


def test_a_master_key_is_all_it_takes() -> None:
    settings = load_settings()
    assert settings.master_key_bytes == b"k" * 32
    assert settings.port == 8080


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAIS_PORT", "0")
    monkeypatch.setenv("RELAIS_PUBLIC_URL", "https://relais.example")
    monkeypatch.setenv("RELAIS_WEBHOOK_ALLOW_PRIVATE", "true")
    settings = load_settings()
    assert (settings.port, settings.public_url, settings.webhook_allow_private) == (
        0,
        "https://relais.example",
        True,
    )


def test_a_missing_key_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELAIS_MASTER_KEY")
    assert "RELAIS_MASTER_KEY" in (message := refusal())
    assert "openssl rand -base64 32" in message


@pytest.mark.parametrize(
    "value", ["", "short", "é" * 44, "!" * 44, base64.b64encode(b"k" * 31).decode(), KEY + "=", KEY[:-1]]
)
def test_a_wrong_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RELAIS_MASTER_KEY", value)
    message = refusal()
    assert "RELAIS_MASTER_KEY" in message
    assert "openssl rand -base64 32" in message
    assert not value or value not in message


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("RELAIS_PORT", "http", "Port to listen on"),
        ("RELAIS_PORT", "70000", "65535"),
        ("RELAIS_PORT", "", "Port to listen on"),
        ("RELAIS_LOG_LEVEL", "LOUD", "DEBUG|INFO|WARNING|ERROR"),
        ("RELAIS_PUBLIC_URL", "ftp://x", "https?://"),
        ("RELAIS_PUBLIC_URL", "https://x/", "must not end with a slash"),
        ("RELAIS_TOKEN_LIFETIME_SECONDS", "1", "60"),
        ("RELAIS_WEBHOOK_ALLOW_PRIVATE", "perhaps", "boolean"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, right: str
) -> None:
    monkeypatch.setenv(name, value)
    message = refusal()
    assert f"- {name}: " in message
    assert right in message


@pytest.mark.parametrize("name", ["RELAIS_PROT", "relais_prot", "Relais_Prot"])
def test_a_variable_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "8080")
    message = refusal()
    assert f"- {name}: " in message
    assert "RELAIS_PORT" in message


def test_every_problem_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAIS_PORT", "x")
    monkeypatch.setenv("RELAIS_LOG_LEVEL", "x")
    monkeypatch.setenv("RELAIS_NOTHING", "x")
    assert refusal().count("\n  - ") == 3


def test_secrets_never_print() -> None:
    settings = load_settings()
    for text in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.model_dump()}"):
        assert KEY not in text


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in PlatformSettings.model_fields.items() if not field.description] == []
