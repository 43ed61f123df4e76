"""Writes docs/commands.md from what `--help` prints. Run: python docs/make_commands.py."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cotmon.cli.commands import COMMANDS

PAGE = Path(__file__).with_name("commands.md")
_HEAD = """# Commands

What each command's `--help` prints (without the frame that a terminal draws around it). Results go
to stdout, progress and notes to stderr. Exit codes: 0 done; 1 a limit that you asked for was
reached; 2 anything else. `cotmon --install-completion` sets up completion for your shell.
`NO_COLOR`, pipes and narrow terminals are respected.

This page is written by `python docs/make_commands.py`.
"""


def page() -> str:
    """The whole page."""
    every = [[], *([name] for name in COMMANDS.names())]
    with ThreadPoolExecutor() as pool:
        parts = pool.map(_section, every)
    return "\n".join([_HEAD, *parts])


def _section(words: list[str]) -> str:
    return f"## {' '.join(['cotmon', *words])}\n\n```text\n{help_text(words)}\n```\n"


def help_text(words: list[str]) -> str:
    """What `cotmon WORDS --help` prints on a plain terminal of 80 columns."""
    plain = {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1", "TYPER_USE_RICH": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "cotmon", *words, "--help"],
        env={**os.environ, **plain, "PYTHONUTF8": "1"},
        capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    lines = done.stdout.strip().replace("python -m cotmon", "cotmon").split("\n")
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
