"""Files of JSON lines in which each line is on disk before `write` returns."""

import json
import os
from pathlib import Path
from typing import Any


class Journal:
    """An append-only file; one writer."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, line: dict[str, Any]) -> None:
        """Append a line and sync it."""
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fsync(self._file)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines; a last one cut short by a kill is left out."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]
