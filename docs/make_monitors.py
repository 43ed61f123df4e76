"""Writes docs/monitors.md from the shipped monitor folders. Run: python docs/make_monitors.py."""

from __future__ import annotations

from pathlib import Path

from cotmon.content import MonitorFolder, find_monitors, find_set, load_toml, members
from cotmon.content.monitors import CUE_FOLDERS

PAGE = Path(__file__).with_name("monitors.md")
_HEAD = """# The shipped monitors, and what each of them misses

A log without flags is not a safe agent. It is a log in which these monitors found nothing, and
each of them is blind to something: read the last column before you trust a quiet result. A
monitor's own page, its card, says more and gives figures where there are any.

- **●** runs by default (`monitors/sets/default.toml`). Judges run when you name a `--model`;
  others when you ask for them with `-m NAME`.
- **threshold**: the score by hand, which fixes the monitor's scale. Where a figure follows, honest
  runs decide instead: the monitor was calibrated on so many honest groups, and the default set
  marks from the score that `cotmon calibrate --honest datasets/honest-work` prints. The others are
  uncalibrated: nobody knows yet how often an honest agent reaches them.

This page is written by `python docs/make_monitors.py`; `cotmon list monitors` lists those of
your installation, your own monitors included.
"""
_COLUMNS = (
    "| monitor | default | cue | kind | view | threshold | sees | misses |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
)


def page() -> str:
    """The whole page."""
    default = {folder.name for folder in members(find_set("default"))}
    shipped = [f for f in find_monitors().values() if f.place == "shipped"]
    parts = [_HEAD]
    for cue in CUE_FOLDERS:
        rows = [_row(f, f.name in default) for f in shipped if f.name.startswith(f"{cue}/")]
        if rows:
            parts.append(f"\n## {cue.capitalize()}\n\n{_COLUMNS}" + "".join(rows))
    return "".join(parts)


def _row(folder: MonitorFolder, default: bool) -> str:
    manifest = folder.manifest
    card = f"[{folder.name}](../monitors/{folder.name}/README.md)"
    cells = (
        card,
        "●" if default else "",
        ", ".join(manifest.cues),
        manifest.kind,
        manifest.view,
        _threshold(folder),
        manifest.summary,
        manifest.misses,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _threshold(folder: MonitorFolder) -> str:
    by_hand = f"{folder.manifest.threshold.value:g} {folder.manifest.threshold.basis}"
    path = folder.path / "calibration.toml"
    if not path.is_file():
        return by_hand
    return f"{by_hand}; calibrated on {load_toml(path)['groups']}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
