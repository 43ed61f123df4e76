"""Runs, transcripts and scores in a database: SQLite by default, PostgreSQL by URL."""

from cotmon.store.database import Store, default_url, open_store
from cotmon.store.runs import NewReading, Reading, RunRow

__all__ = ["NewReading", "Reading", "RunRow", "Store", "default_url", "open_store"]
