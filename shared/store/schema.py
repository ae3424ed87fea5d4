"""The embedded engine's tables: made on first use, and given the columns that a newer release's indexes need."""

import apsw

from shared.bus.topics import TOPICS
from shared.store.columns import column_name, index_fields, order_columns, read_field
from shared.store.port import Document, Index

_BACKFILL_ROWS = 1_000


def prepare_log(connection: apsw.Connection) -> None:
    """Make the log (a table for each topic) and the table of positions, where they are missing."""
    for topic, settings in TOPICS.items():
        connection.execute(
            f'CREATE TABLE IF NOT EXISTS "log__{topic}" '
            "(position INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, body BLOB, at REAL NOT NULL)"
        )
        if settings.compacted:  # to find what a newer record has replaced
            connection.execute(f'CREATE INDEX IF NOT EXISTS "log__{topic}__key" ON "log__{topic}" (key)')
    connection.execute(
        "CREATE TABLE IF NOT EXISTS positions "
        "(consumers TEXT NOT NULL, topic TEXT NOT NULL, next INTEGER NOT NULL, PRIMARY KEY (consumers, topic)) WITHOUT ROWID"
    )


def prepare_table(connection: apsw.Connection, table: str, model: type[Document]) -> None:
    """Make a document table with its columns and indexes; fill the columns that are new to it."""
    connection.execute(
        f'CREATE TABLE IF NOT EXISTS "{table}" (id TEXT PRIMARY KEY, version INTEGER NOT NULL, body TEXT NOT NULL)'
    )
    present = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
    missing = [field for field in index_fields(model) if column_name(field) not in present]
    for field in missing:
        connection.execute(f'ALTER TABLE "{table}" ADD COLUMN {column_name(field)}')
    if missing:
        _backfill(connection, table, model, missing)
    _prepare_indexes(connection, table, model)


def _prepare_indexes(connection: apsw.Connection, table: str, model: type[Document]) -> None:
    """Make the indexes that are declared as they are declared, and drop those of another release."""
    wanted = {f"{table}__{index.name}": _index_sql(table, index) for index in model.indexes}
    query = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
    present = {str(name): str(sql) for name, sql in connection.execute(query, (table,))}
    for name, sql in present.items():
        if wanted.get(name) != sql:
            connection.execute(f'DROP INDEX "{name}"')
    for name, sql in wanted.items():
        if present.get(name) != sql:
            connection.execute(sql)


def _index_sql(table: str, index: Index) -> str:
    columns = [*(column_name(field) for field in index.equals), *order_columns(index)]
    condition = f" WHERE {order_columns(index)[0]} IS NOT NULL" if index.sparse else ""
    return f'CREATE INDEX "{table}__{index.name}" ON "{table}" ({", ".join(columns)}){condition}'


def _backfill(connection: apsw.Connection, table: str, model: type[Document], fields: list[str]) -> None:
    changes = ", ".join(f"{column_name(field)} = ?" for field in fields)
    last = ""
    page = f'SELECT id, body FROM "{table}" WHERE id > ? ORDER BY id LIMIT ?'
    while rows := connection.execute(page, (last, _BACKFILL_ROWS)).fetchall():
        for row in rows:
            identifier, body = str(row[0]), str(row[1])
            last = identifier
            document = model.model_validate_json(body)
            values = [read_field(document, field) for field in fields]
            connection.execute(f'UPDATE "{table}" SET {changes} WHERE id = ?', (*values, identifier))
