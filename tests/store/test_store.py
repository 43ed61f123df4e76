"""Tables and migrations agree; what is stored comes back."""

from importlib.resources import files

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from cotmon.errors import StoreError
from cotmon.records import Scored, Span, Unscored
from cotmon.store import open_store
from cotmon.store.database import NEWEST
from cotmon.store.tables import metadata
from cotmon.store.watches import Thread


@pytest.fixture
def store(tmp_path):
    opened = open_store(f"sqlite:///{tmp_path}/deep/down/scores.db")
    yield opened
    opened.close()


def test_migrations_build_exactly_the_tables(store):
    with store.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == NEWEST
    folder = str(files("cotmon") / "store" / "migrations")
    assert ScriptDirectory(folder).get_current_head() == NEWEST


def test_conversations_of_an_older_database_are_kept_and_have_no_parent(tmp_path):
    url = f"sqlite:///{tmp_path}/old.db"
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(files("cotmon") / "store" / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.exec_driver_sql(
            "INSERT INTO runs (id, key, command, set_hash, owner, started, transcript_threshold,"
            " versions) VALUES ('r', 'r', 'c', 's', 'o:1', '2026', 0.5, '{}')"
        )
        connection.exec_driver_sql(
            "INSERT INTO watched (run, thread, host, began, settled)"
            " VALUES ('r', 't', 'h', '2026', 3)"
        )
    engine.dispose()
    store = open_store(url)
    with store.reading() as connection:
        assert store.watches.threads(connection) == [Thread("r", "t", "h", None, 0, 3, None)]
    store.close()


def test_outcomes_come_back_and_only_transient_ones_give_way(store):
    spans = (Span(1, 3, "a note"), Span(4, 5))
    first = {
        "a" * 32: Scored(0.25, "why \u2028 \x1b", spans),
        "b" * 32: Unscored("too long"),
        "c" * 32: Unscored("timeout", permanent=False),
    }
    with store.begin() as connection:
        store.scores.add(connection, first)
        assert store.scores.load(connection, list(first)) == first
        assert set(store.scores.known(connection, list(first))) == {"a" * 32, "b" * 32}
        store.scores.add(connection, {key: Scored(0.5) for key in first})
        now = store.scores.load(connection, list(first))
    assert now["a" * 32] == first["a" * 32] and now["b" * 32] == first["b" * 32]
    assert now["c" * 32] == Scored(0.5)


def test_a_failed_transaction_keeps_nothing(store):
    with pytest.raises(RuntimeError), store.begin() as connection:
        store.scores.add(connection, {"a" * 32: Scored(0.5)})
        raise RuntimeError
    with store.begin() as connection:
        assert store.scores.known(connection, ["a" * 32]) == {}


def test_a_newer_or_unreachable_database_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    store = open_store(url)
    with store.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(StoreError, match="newer"):
        open_store(url)
    with pytest.raises(StoreError):
        open_store("nonsense")
    (tmp_path / "junk.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"junk\.db"):
        open_store(f"sqlite:///{tmp_path}/junk.db")
