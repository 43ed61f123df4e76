"""What the figures share: CPU clocks, stores of their own, and the line each prints."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cotmon.cli._replaying import Replaying
from cotmon.content import find_set, members
from cotmon.engine import Judging, load_monitors
from cotmon.engine.choice import set_hash
from cotmon.formats import Options, cotmon_jsonl, read
from cotmon.models import Models
from cotmon.records import Transcript
from cotmon.store import open_store

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package
from invented import acting, as_chat, thinking


def pytest_collection_modifyitems(items):
    """In order: a table of figures is read from above."""
    items.sort(key=lambda item: item.location)


def cpu(work: Callable[[], object], best_of: int = 3) -> float:
    """Least CPU seconds of this process for the work."""
    return min(_once(work) for _ in range(best_of))


def _once(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


@dataclass(frozen=True)
class Ran:
    """What one process took."""

    cpu: float
    wall: float
    code: int


def process(*words: str, best_of: int = 3, **more) -> Ran:
    """The fastest of several runs of one Python command, by CPU seconds."""
    return min((_process(words, more) for _ in range(best_of)), key=lambda ran: ran.cpu)


def _process(words: tuple[str, ...], more: dict) -> Ran:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, check=False, **more)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(spent, wall, done.returncode)


class Bench:
    """The tools of one benchmark."""

    thinking = staticmethod(thinking)
    acting = staticmethod(acting)
    cpu = staticmethod(cpu)
    process = staticmethod(process)

    @staticmethod
    def rules():
        """The default set's monitors that are rules."""
        folders = [f for f in members(find_set("default")) if f.manifest.kind == "rules"]
        return load_monitors(folders, Models())

    @staticmethod
    def counting(monitor):
        return replace(monitor, kind=_Counting(monitor.kind))

    @staticmethod
    def line(name: str, figure: float, unit: str, most=None, least=None):
        """Prints one figure, its target, and whether it was met."""
        target = f"≤ {most:g}" if most is not None else f"≥ {least:,g}" if least else ""
        met = (most is None or figure <= most) and (least is None or figure >= least)
        shown = f"{figure:,.0f}" if figure >= 1000 else f"{figure:.3g}"
        verdict = ("ok" if met else "missed") if target else ""
        print(f"\n{name:<64} {shown:>8} {unit:<18} {target:>9}  {verdict}", end="")


@pytest.fixture(scope="session")
def bench():
    return Bench


@pytest.fixture
def honest():
    """Transcripts of the honest runs that come with cotmon."""
    folder = Path(__file__).parents[2] / "datasets" / "honest-runs"
    return lambda: [item for item in read(folder) if isinstance(item, Transcript)]


@pytest.fixture
def replayed(tmp_path):
    return Replayed(tmp_path)


class Replayed:
    """Replays a log in process into a store of its own, as the command does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = self._stores = 0

    def write(self, transcripts, chat: bool = False) -> Path:
        path = self._folder / f"log{len(list(self._folder.iterdir()))}.jsonl"
        path.write_bytes(b"".join(map(as_chat if chat else cotmon_jsonl.write, transcripts)))
        return path

    def run(self, log: Path, monitors, new: bool = False) -> int:
        """Number of steps that were scored; `new` begins with an empty store."""
        self._runs += 1
        self._stores += new
        store = open_store(f"sqlite:///{self._folder}/{self._stores}.db")
        run, hashed, steps = f"r{self._runs:05}", set_hash(monitors, Judging(0.75)), []
        row = {
            "id": run, "key": run, "command": "", "set_hash": hashed, "started": "",
            "transcript_threshold": 0.75, "versions": {},
        }  # fmt: skip
        with store.begin() as connection:
            store.runs.start(connection, row, [m.card for m in monitors])
        work = Replaying(
            store=store, run=run, set_hash=hashed, monitors=monitors, judging=Judging(0.75),
            whole=False, progress=steps.append,
        )  # fmt: skip
        for _ in work.items([str(log)], Options()):
            pass
        store.close()
        return sum(steps)


class _Counting:
    """A kind that counts the characters it is handed: the text and all context."""

    remote = False

    def __init__(self, kind) -> None:
        self._kind = kind
        self.seen = 0

    def score(self, views):
        self.seen += sum(len(v.text) + sum(len(p.text) for p in v.parts) for v in views)
        return self._kind.score(views)
