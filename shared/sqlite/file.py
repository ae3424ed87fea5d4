"""Opening a SQLite file that belongs to one process.

A WAL database with writers in two processes would still be correct, but our log, offsets and wake-ups live in one;
so a second process is refused at start, by an advisory lock on a file beside the database.
"""

import fcntl
import os
from pathlib import Path

import apsw

from shared.errors import RelaisError

# Before 3.51.3 a WAL file used by two connections could be corrupted (SQLite release log, "WAL-reset bug").
OLDEST_SQLITE = (3, 51, 3)
_CACHE_KIB = 16_384
_CHECKPOINT_PAGES = 2_000


class FileInUse(RelaisError):
    """Another process has this file open."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(
            f"{path} is already in use by process {holder or 'unknown'}. One process at a time may run on it: stop "
            "the other one, or give this one its own RELAIS_DATA_DIR."
        )


class FileUnusable(RelaisError):
    """The file can't be opened, or is no database of ours."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} can't be used: {why}. Check RELAIS_DATA_DIR: it must be a folder that this user may write to."
        )


class SqliteTooOld(RelaisError):
    """The SQLite that was found has a known way of losing data."""

    def __init__(self, version: str) -> None:
        wanted = ".".join(str(part) for part in OLDEST_SQLITE)
        super().__init__(
            f"SQLite {version} can corrupt a WAL file; {wanted} or newer is needed (install apsw from its wheel)."
        )


class ExclusiveFile:
    """A database file locked for this process; makes connections to it and gives the lock back at `close`."""

    def __init__(self, path: Path) -> None:
        """Lock the file, made with its folder when missing, readable by its user only.

        Raises:
            FileInUse: another process holds it.
            FileUnusable: the folder can't be made, or the file can't be opened.
            SqliteTooOld: the linked SQLite is older than `OLDEST_SQLITE`.
        """
        version = apsw.sqlite_lib_version()
        if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
            raise SqliteTooOld(version)
        self.path = path
        self._lock: int | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
            self._take_lock(self._lock)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            self.close()
            raise FileUnusable(path, os.strerror(error.errno or 0)) from error
        except FileInUse:
            self.close()
            raise

    def _take_lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileInUse(self.path, os.read(lock, 20).decode(errors="replace").strip()) from None
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())

    def writer(self) -> apsw.Connection:
        """Return a connection that writes: WAL, full sync, deleted content overwritten.

        Raises:
            apsw.Error: it is no database.
        """
        connection = apsw.Connection(str(self.path))
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        except apsw.Error:
            connection.close()
            raise
        return connection

    def reader(self) -> apsw.Connection:
        """Return a connection that only reads; each statement sees every commit made before it."""
        connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        return connection

    def close(self) -> None:
        """Give the lock back; a second call does nothing."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
