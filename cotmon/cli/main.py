"""The entry point: imports the asked command only, so that help and errors come at once."""

from __future__ import annotations

import ast
import functools
import io
import logging
import os
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from cotmon.cli.commands import COMMANDS
from cotmon.errors import CotmonError
from cotmon.text.display import escaped

_HELP = """Reads an agent's log, scores every step for steganography, unfaithfulness and scheming.

Start with: cotmon replay LOG
"""


def run() -> None:
    """Runs the command line and exits: 0 done, 1 an asked-for limit reached, 2 anything else."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know ASCII only
    logging.basicConfig(format="cotmon: %(message)s", level=logging.WARNING, stream=sys.stderr)
    try:
        _app(_asked(sys.argv[1:]))()
    except CotmonError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        _fail("stopped")
    except OSError as error:
        _drop_stdout()
        _fail(f"{error.filename or 'output'}: {error.strerror or error}")
    except Exception:  # noqa: BLE001 - promise 10: exit code 1 means that a limit was reached
        traceback.print_exc()
        _fail("this is a bug in cotmon; the lines above say where")


def _drop_stdout() -> None:
    """Whatever is still to be flushed has nowhere to go; Python would complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str) -> None:
    sys.stderr.write(f"cotmon: {escaped(message)}\n")
    sys.exit(2)


def _asked(words: list[str]) -> str | None:
    """The command among the words typed; while the shell completes, it hands them over apart."""
    if "_COTMON_COMPLETE" in os.environ:
        words = os.environ.get("COMP_WORDS", os.environ.get("_TYPER_COMPLETE_ARGS", "")).split()[1:]
    return next((word for word in words if not word.startswith("-")), None)


def _app(asked: str | None) -> typer.Typer:
    app = typer.Typer(
        help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=True
    )
    app.callback()(_options)
    for name in COMMANDS.names():
        function = _guarded(COMMANDS.load(name)) if name == asked else _stub(name)
        app.command(name)(function)
    return app


def _guarded(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with the end of its reader (`| head`) as exit code 2; typer would say 1."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            _drop_stdout()
            sys.exit(2)

    return guarded


def _stub(name: str) -> Callable[[], None]:
    """Stands in for a command that was not asked for, with its help but without its imports."""

    def stub() -> None:
        raise AssertionError(f"the command {name} was not loaded")

    spec = find_spec(f"{COMMANDS.package}.{name}")
    if spec is not None and spec.origin is not None:
        for node in ast.parse(Path(spec.origin).read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == "command":
                stub.__doc__ = ast.get_docstring(node)
    return stub


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"cotmon {version('cotmon')}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass
