"""One scoring thread for all agents of a process: whatever waits is scored together."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLongError
from dataclasses import dataclass, field

from cotmon.engine import Monitor
from cotmon.records import Outcome, Unscored, View

Wanted = Mapping[int, Mapping[str, View]]
"""Monitor index → address → view."""
Late = Callable[[dict[str, Outcome]], None]
AT_ONCE = 512
"""Views of one monitor that are scored together, so that nobody waits for a very long batch."""


@dataclass
class _Job:
    """What one conversation wants of one monitor."""

    monitor: int
    views: Mapping[str, View]
    done: Future[dict[str, Outcome]] = field(default_factory=Future)


class SharedScorer:
    """Scores for many conversations at once.

    Nothing waits for a batch to fill: while one is scored, the next gathers. Remote monitors
    (judges) have a thread each, or they would hold up the local ones.
    """

    def __init__(self, monitors: Sequence[Monitor]) -> None:
        self._monitors = list(monitors)
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._since: float | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="cotmon-scorer", daemon=True)
        self._thread.start()

    def score(
        self,
        wanted: Wanted,
        timeout: float,
        own: Mapping[int, float] | None = None,
        late: Late | None = None,
    ) -> dict[str, Outcome]:
        """An outcome for every address; what is not there in time is unscored, to be tried again.

        Args:
            wanted: monitor index → address → view.
            timeout: seconds.
            own: monitor index → seconds, where a monitor has its own.
            late: told of what came after all, on another thread.
        """
        began = time.monotonic()
        jobs = [_Job(k, views) for k, views in wanted.items()]
        if self._ended:
            return {a: _missing("the watch has ended") for job in jobs for a in job.views}
        self._jobs.put([job for job in jobs if not self._monitors[job.monitor].kind.remote])
        for job in jobs:
            if self._monitors[job.monitor].kind.remote:
                threading.Thread(target=self._answer, args=([job],), daemon=True).start()
        limits = {job.monitor: (own or {}).get(job.monitor, timeout) for job in jobs}
        found: dict[str, Outcome] = {}
        # Of equal limits the last asked first: one waking a turn, not one a monitor.
        for job in sorted(reversed(jobs), key=lambda job: limits[job.monitor]):
            found |= self._wait(job, began, limits[job.monitor], late)
        return found

    def close(self) -> None:
        """Ends the thread once what waits is done."""
        self._ended = True
        self._jobs.put(None)
        self._thread.join()

    def _wait(
        self, job: _Job, began: float, seconds: float, late: Late | None
    ) -> dict[str, Outcome]:
        try:
            return job.done.result(self._patience(job, began, seconds))
        except WaitedTooLongError:
            if late is not None:
                job.done.add_done_callback(lambda done: late(done.result()))
            return dict.fromkeys(job.views, _missing(f"timeout after {seconds * 1000:.0f} ms"))

    def _patience(self, job: _Job, began: float, seconds: float) -> float:
        """What is left of the time; nothing where a step before has hung for longer than that."""
        now = time.monotonic()
        since = self._since if not self._monitors[job.monitor].kind.remote else None
        stuck = since is not None and now - since > seconds
        return 0.0 if stuck else max(0.0, began + seconds - now)

    def _work(self) -> None:
        ended = False
        while not ended:
            jobs: list[_Job] = []
            while not jobs or (not self._jobs.empty() and len(jobs) < 8 * AT_ONCE):
                more = self._jobs.get()
                if more is None:
                    ended = True
                    break
                jobs += more
            self._answer(jobs)

    def _answer(self, jobs: list[_Job]) -> None:
        """Each monitor once over all views that anybody wants of it."""
        by_monitor: dict[int, list[_Job]] = {}
        for job in jobs:
            by_monitor.setdefault(job.monitor, []).append(job)
        for k, asking in by_monitor.items():
            views = {a: view for job in asking for a, view in job.views.items()}
            if not self._monitors[k].kind.remote:
                self._since = time.monotonic()
            outcomes = self._outcomes(self._monitors[k], views)
            if not self._monitors[k].kind.remote:
                self._since = None
            for job in asking:
                job.done.set_result({a: outcomes[a] for a in job.views})

    def _outcomes(self, monitor: Monitor, views: Mapping[str, View]) -> dict[str, Outcome]:
        names = list(views)
        found: dict[str, Outcome] = {}
        try:
            for k in range(0, len(names), AT_ONCE):
                part = names[k : k + AT_ONCE]
                found |= zip(part, monitor.score([views[a] for a in part]), strict=True)
        except Exception as error:  # noqa: BLE001 - this thread serves all agents; it must not end
            reason = _missing(f"scoring failed: {type(error).__name__}: {error}"[:300])
            found |= {a: reason for a in names if a not in found}
        return found


def _missing(reason: str) -> Unscored:
    return Unscored(reason, permanent=False)
