"""The commands. A module here defines `command`, a typer function; its docstring is its help."""

from cotmon.plugins import Folder

COMMANDS = Folder("cotmon.cli.commands", "command", "command")
