"""`python -m cotmon`."""

from cotmon.cli.main import run

run()
