"""Judging beside the event loop: hears, judges and asks in threads, so that no stream stalls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from cotmon.hosts._gate import refused, unjudged, verdict
from cotmon.hosts._proxy_questions import Questions
from cotmon.hosts._proxy_threads import Taken, Talk, Threads
from cotmon.hosts._wire import Look
from cotmon.hosts._wire_keys import after, key_of
from cotmon.models.chat import Endpoint
from cotmon.records import Step
from cotmon.watching import Decision, Glimpse, Outputs, Said, Watcher

WORKERS = 256
"""Threads that wait for scores; the more wait at once, the more are scored together."""
NOBODY = "nobody answered in time"

T = TypeVar("T")


class Judging:
    """What the answers of one proxy are put to.

    Attributes:
        watcher, threads: shared by all requests.
        trusted: who speaks where a turn is deferred; None where none is.
    """

    def __init__(self, watcher: Watcher, hold: float, trusted: Endpoint | None) -> None:
        self.watcher, self.trusted = watcher, trusted
        self.threads = Threads(watcher)
        self._hold = hold
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="cotmon-judging")
        self._questions = Questions(watcher, self._pool)

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """The result of work done in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: work(*arguments))

    async def hear(self, taken: Taken, agent: str | None) -> None:
        """Takes in what is new in a request."""
        async with taken.talk.turn:
            found = await self.run(self.watcher.conversation, taken.talk.thread, agent)
            await self.run(found.hear, taken.new)

    async def refused(self, talk: Talk, said: Said, hearing: asyncio.Task[None]) -> frozenset[int]:
        """Positions of the calls that must not go on; waits for people where they are asked.

        Args:
            talk: the conversation.
            said: a generation with an id.
            hearing: what it answers, being heard.
        """
        try:
            await asyncio.shield(hearing)
            async with talk.turn:
                conversation = await self.run(self.watcher.conversation, talk.thread)
                decisions = await self.run(conversation.judge, said)
            asked = await self.run(self._ask, said, decisions)
        except Exception as error:  # noqa: BLE001 - nothing passes because watching failed
            self.watcher.fault(error)
            return refused([unjudged(self.watcher, call.name) for call in said.calls])
        if asked:
            talk.said = said
            await self._questions.answered(asked, self._hold)
            await self.run(self._close, asked)
        if not said.calls:
            return frozenset()
        return await self.run(self._final, decisions)

    async def weigh(
        self, talk: Talk, said: Said, hearing: asyncio.Task[None], outputs: Outputs
    ) -> None:
        """Judges one of several outputs of a turn; nobody is asked about it yet."""
        await asyncio.shield(hearing)
        async with talk.turn:
            conversation = await self.run(self.watcher.conversation, talk.thread)
            await self.run(conversation.judge, said, outputs)

    def close(self) -> None:
        """Ends the threads and writes what waits."""
        self._pool.shutdown(cancel_futures=True)
        self.watcher.close()

    def _ask(self, said: Said, decisions: Sequence[Decision]) -> list[Decision]:
        """Puts the questions that nobody has answered; spends no approval."""
        asked: list[Decision] = []
        for decision, call in zip(decisions, said.calls, strict=False):
            if decision.enforced and decision.level == "ask":
                self.watcher.ask(decision, call.arguments)
                asked.append(decision)
        return [d for d in asked if self.watcher.state(d) == "pending"]

    def _close(self, asked: Sequence[Decision]) -> None:
        """Withdraws questions that are still open, so that no late answer goes nowhere."""
        for decision in asked:
            try:
                if self.watcher.state(decision) == "pending":
                    self.watcher.answer(decision.key, approve=False, who="cotmon", why=NOBODY)
            except Exception as error:  # noqa: BLE001 - no answer is no approval
                self.watcher.fault(error)

    def _final(self, decisions: Sequence[Decision]) -> frozenset[int]:
        return refused([verdict(self.watcher, decision) for decision in decisions])


def name_of(talk: Talk, said: Said) -> str:
    """The id of a generation, the same for the same place of the same conversation."""
    return after(talk.end, key_of(said.chat))


class Looking:
    """One growing generation, scored in the background as its steps are finished."""

    def __init__(self, judging: Judging, tools: Sequence[str]) -> None:
        self._judging, self._tools = judging, tools
        self._glimpse = Glimpse(judging.watcher)
        self._steps: list[Step] = []
        self._task: asyncio.Task[None] | None = None
        self._worst = 0.0
        self._stop = False

    def look(self, words: Look) -> None:
        """Answers from what is known so far, and has what is new scored."""
        self._steps += self._glimpse.grow(words.channel, words.text)
        if self._steps and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._score())
        words.stop = self._stop

    def close(self) -> None:
        """Nothing grows any more."""
        if self._task is not None:
            self._task.cancel()

    async def _score(self) -> None:
        while self._steps and not self._stop:
            steps, self._steps = self._steps, []
            try:
                found = await self._judging.run(self._glimpse.suspicion, steps)
            except Exception as error:  # noqa: BLE001 - it is judged again when it is whole
                self._judging.watcher.fault(error)
                return
            self._worst = max(self._worst, found)
            self._stop = self._glimpse.forbids(self._worst, self._tools)
