"""Runs, transcripts and scores in a database: SQLite by default, PostgreSQL by URL."""

from cotmon.store.database import Store, default_url, open_store
from cotmon.store.names import new_id, now
from cotmon.store.runs import NewReading, Reading, RunRow

__all__ = ["NewReading", "Reading", "RunRow", "Store", "default_url", "new_id", "now", "open_store"]
