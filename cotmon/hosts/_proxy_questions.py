"""Questions to people, and the requests that wait for their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from cotmon.watching import Decision, Watcher

EVERY = 0.5
"""Seconds between looks into the store, one for all that wait."""


class Questions:
    """Waits for answers that people give through the store."""

    def __init__(self, watcher: Watcher, pool: ThreadPoolExecutor) -> None:
        self._watcher, self._pool = watcher, pool
        self._waiting: dict[str, tuple[Decision, list[asyncio.Future[None]]]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def answered(self, decisions: Sequence[Decision], limit: float) -> None:
        """Returns when all of them are answered, or after so many seconds."""
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in decisions]
        for decision, future in zip(decisions, futures, strict=True):
            self._waiting.setdefault(decision.key, (decision, []))[1].append(future)
        if self._looking is None or self._looking.done():
            self._looking = loop.create_task(self._look())
        try:
            await asyncio.wait(futures, timeout=limit)
        finally:
            for future in futures:
                future.cancel()

    async def _look(self) -> None:
        """Looks until nobody waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            asked = [decision for decision, _ in self._waiting.values()]
            for key in await loop.run_in_executor(self._pool, self._settled, asked):
                for future in self._waiting.pop(key)[1]:
                    if not future.done():
                        future.set_result(None)
            for key, (_, futures) in list(self._waiting.items()):
                if all(future.done() for future in futures):
                    del self._waiting[key]
            await asyncio.sleep(EVERY if self._waiting else 0)

    def _settled(self, asked: Sequence[Decision]) -> list[str]:
        """Keys of those that wait no longer; a store that cannot be read answers nothing."""
        try:
            return [d.key for d in asked if self._watcher.state(d) != "pending"]
        except Exception as error:  # noqa: BLE001 - no answer is no approval; it is asked again
            self._watcher.fault(error)
            return []
