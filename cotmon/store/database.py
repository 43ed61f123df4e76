"""Opens the database, brings its tables up to date, and hands out the store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from platformdirs import user_data_path
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cotmon.content import project_file, store_url
from cotmon.errors import StoreError
from cotmon.store.evaluations import Evaluations
from cotmon.store.reviews import Reviews
from cotmon.store.runs import Runs
from cotmon.store.scores import Scores
from cotmon.store.transcripts import Transcripts
from cotmon.store.watches import Watches

NEWEST = "0004"
"""The revision these tables have; see `migrations/versions`."""
_BEGIN = "sqlite_begin"


class Store:
    """One open database.

    Attributes:
        url: as given, without a password.
        runs, transcripts, scores, reviews, evaluations, watches: its parts.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        self.url = engine.url.render_as_string(hide_password=True)
        self.runs = Runs()
        self.transcripts = Transcripts()
        self.scores = Scores()
        self.reviews = Reviews()
        self.evaluations = Evaluations()
        self.watches = Watches()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction that may write; others that write wait for it.

        Raises:
            StoreError: the database refused; nothing of the transaction is kept.
        """
        with self._transaction(self._writing) as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One transaction that only reads, and waits for nobody.

        Raises:
            StoreError: the database refused.
        """
        with self._transaction(self._engine) as connection:
            yield connection

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            with engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreError(f"{self.url}: {_first_line(error)}") from error

    def close(self) -> None:
        """Lets go of all connections."""
        self._engine.dispose()


def default_url() -> str:
    """That of the project, else SQLite in the user's data folder.

    Raises:
        ContentError: the project's file is wrong.
    """
    path = project_file()
    if path is not None and (url := store_url(path)) is not None:
        return url
    return f"sqlite:///{user_data_path('cotmon') / 'cotmon.db'}"


def open_store(url: str | None = None) -> Store:
    """The store at this URL, its tables built or brought up to date.

    Raises:
        StoreError: it cannot be opened, or was made by a newer cotmon.
    """
    wanted = default_url() if url is None else url
    try:
        engine = create_engine(wanted)
        if (database := make_url(wanted).database) and engine.dialect.name == "sqlite":
            Path(database).parent.mkdir(parents=True, exist_ok=True)
            event.listen(engine, "connect", _tune_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        _migrate(engine)
    except (SQLAlchemyError, ArgumentError, ImportError, OSError) as error:
        raise StoreError(f"{_hide(wanted)}: cannot be opened: {_first_line(error)}") from error
    return Store(engine)


def _tune_sqlite(connection: Any, _: object) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "busy_timeout=60000",
        "cache_size=-65536",  # 64 MB: outcomes arrive in random order of their addresses
    ):
        connection.execute(f"PRAGMA {pragma}")
    # The driver would begin transactions by rules of its own, and none for CREATE TABLE.
    connection.isolation_level = None


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _migrate(engine: Engine) -> None:
    """Brings the tables up to date, whole or not at all, also where two start at once.

    Alembic costs half a second to import, so it is asked only where there is work.
    """
    with engine.begin() as connection:
        if _revision(connection) == NEWEST:
            return
    with engine.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"}).begin() as connection:
        if _revision(connection) != NEWEST:  # still: another process may have been first
            _upgrade(connection)


def _revision(connection: Connection) -> str | None:
    """The revision of the tables; None where there are none.

    Raises:
        StoreError: a newer cotmon made them.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    current: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if current is not None and current > NEWEST:
        raise StoreError(f"made by a newer cotmon (tables {current}, this one knows {NEWEST})")
    return current


def _upgrade(connection: Connection) -> None:
    config = import_module("alembic.config").Config()
    config.set_main_option("script_location", str(files("cotmon") / "store" / "migrations"))
    config.attributes["connection"] = connection
    import_module("alembic.command").upgrade(config, "head")


def _hide(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "the database URL"


def _first_line(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).partition("\n")[0]
