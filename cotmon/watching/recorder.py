"""Writes what was watched, on a thread of its own, so that an agent need not wait for a disk."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sqlalchemy.exc import OperationalError

from cotmon.errors import StoreError
from cotmon.store import Store

_log = logging.getLogger(__name__)
Write = Callable[[Any], None]
"""Takes a connection in a transaction."""
Lost = Callable[[Any, int, str], None]
"""Takes a connection, how many writes were lost, and why; so that the store knows too."""
PAUSE = 0.2
"""Seconds before a database that could not be reached is tried once more."""


class Recorder:
    """Writes in the order of asking, many at once where they wait.

    Attributes:
        failures: writes that were lost; what they held is in no store.
    """

    def __init__(self, store: Store, lost: Lost | None = None) -> None:
        self._store, self._lost = store, lost
        self._waiting: queue.SimpleQueue[tuple[Write, Future[None]] | None] = queue.SimpleQueue()
        self.failures = 0
        self._owed, self._why = 0, ""
        self._ending = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="cotmon-recorder", daemon=True)
        self._thread.start()

    def write(self, what: Write) -> Future[None]:
        """Writes soon; the future ends when it is on disk, or with the StoreError."""
        done: Future[None] = Future()
        with self._ending:
            if self._ended:
                done.set_exception(StoreError("the watch has ended; nothing is written any more"))
            else:
                self._waiting.put((what, done))
        return done

    def flush(self) -> None:
        """Waits until all that was asked for is on disk.

        Raises:
            StoreError: the last of it could not be written.
        """
        self.write(lambda _: None).result()

    def close(self) -> None:
        """Writes what waits, then ends."""
        with self._ending:
            self._ended = True
            self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, ended = [first], False
            while not self._waiting.empty():
                more = self._waiting.get()
                if more is None:
                    ended = True
                    break
                batch.append(more)
            self._write(batch)
            if ended:
                return

    def _write(self, batch: list[tuple[Write, Future[None]]]) -> None:
        """All in one transaction; a row that cannot be written does not lose the others."""
        error = self._try(batch)
        if error is not None and isinstance(error.__cause__, OperationalError):
            time.sleep(PAUSE)
            error = self._try(batch)
        elif error is not None and len(batch) > 1:
            for one in batch:
                self._write([one])
            return
        if error is not None:
            self._give_up(batch, error)

    def _try(self, batch: list[tuple[Write, Future[None]]]) -> Exception | None:
        try:
            with self._store.begin() as connection:
                for what, _ in batch:
                    what(connection)
                if self._owed and self._lost is not None:
                    self._lost(connection, self._owed, self._why)
        except Exception as error:  # noqa: BLE001 - whatever it is, the agent must not feel it
            return error
        self._owed = 0
        for _, done in batch:
            done.set_result(None)
        return None

    def _give_up(self, batch: list[tuple[Write, Future[None]]], error: Exception) -> None:
        self.failures += len(batch)
        self._owed += len(batch)
        self._why = str(error)
        _log.error("watching could not be written down: %s", error)
        for _, done in batch:
            done.set_exception(StoreError(str(error)))
