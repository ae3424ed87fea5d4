"""The operator's command line: its help, and what it refuses with one clear message and exit code 2."""

import base64
import os
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import app
from services.directory.errors import SourceOfAnother
from services.server import AddressUnusable, PortInUse, listen
from shared.settings import PlatformSettings
from tests.directory.material import cells, csv_of

KEY = base64.b64encode(b"k" * 32).decode()
COMMANDS = ([], ["import"], ["clients"], ["clients", "create"], ["guidance"], ["guidance", "stale"])


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith("RELAIS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("RELAIS_MASTER_KEY", KEY)
    monkeypatch.setenv("RELAIS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setattr("services.cli.configure_logging", lambda _level: None)  # it is the whole process's


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lieux.csv"
    path.write_bytes(csv_of(cells(telephone="[/b] \x1b[31mappeler")))
    return path


def bring(file: Path, source: str, owner: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["import", str(file), "--source", source, "--owner", owner])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, ended.output


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: list[str]) -> None:
    assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("source", "owner", "named"), [("../Lieux", "cpam93", "source"), ("lieux", "Cpam//", "owner")]
)
def test_an_import_that_names_what_can_not_be_is_refused(
    file: Path, source: str, owner: str, named: str
) -> None:
    code, said = bring(file, source, owner)
    assert code == 2
    assert said.startswith(f"{named}: String should match pattern")


def test_a_report_shows_what_a_file_says_and_obeys_none_of_it(file: Path) -> None:
    code, said = bring(file, "lieux", "cpam93")
    assert code == 0
    assert "[/b]" in said
    assert "\x1b[31m" not in said


def test_the_source_of_another_institution_is_left_alone(file: Path) -> None:
    assert bring(file, "lieux", "cpam93")[0] == 0
    with pytest.raises(SourceOfAnother):
        bring(file, "lieux", "caf75")


def test_a_port_in_use_and_an_address_of_nobody_are_told_apart() -> None:
    settings = PlatformSettings(master_key=KEY)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(PortInUse):
            listen(settings.model_copy(update={"port": taken.getsockname()[1]}))
        with pytest.raises(AddressUnusable, match="RELAIS_HOST"):
            listen(settings.model_copy(update={"host": "192.0.2.1", "port": 0}))
