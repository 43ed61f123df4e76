"""Draws docs/images/replay.svg: what `make demo` prints. Run: python docs/make_picture.py."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

from rich.console import Console

from cotmon.engine import content_hash, load_monitors, result_of, score
from cotmon.engine.choice import choose
from cotmon.formats import read
from cotmon.models import Models
from cotmon.records import Result, Transcript
from cotmon.report.table import print_one

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "replay.svg"
LOG = "examples/release-notes.jsonl"
WIDTH = 104


def demo_result() -> Result:
    """The demo log under the default set, as `cotmon replay` judges it; nothing is stored."""
    choice = choose([], [], judges=False)
    monitors = load_monitors(choice.folders, Models())
    transcript = next(item for item in read(LOG) if isinstance(item, Transcript))
    batches = list(score([transcript], monitors, lambda _: {}))
    judged = batches[-1].finished[0]
    cards = [monitor.card for monitor in monitors]
    judging = choice.judging(monitors)
    return result_of(judged, cards, "demo", judging, content_hash(transcript))


def picture(result: Result) -> str:
    """The table as SVG, in whatever monospaced font the reader has."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), highlight=False, force_terminal=True
    )
    print_one(console, result, ["cotmon report latest"])
    svg = console.export_svg(title=f"cotmon replay {LOG}")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


if __name__ == "__main__":
    os.chdir(ROOT)
    if not Path(LOG).is_file():
        sys.exit(f"{LOG} is missing")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(demo_result()), "utf-8")
