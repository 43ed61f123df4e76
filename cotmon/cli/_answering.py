"""Who answers questions, and from where: a name, and lines of standard input."""

from __future__ import annotations

import getpass
import io
import sys
from typing import TextIO

from cotmon.errors import UsageError


def reviewer_name(asked: str | None) -> str:
    """The name that was given, else the login name.

    Raises:
        UsageError: it is empty, or nobody knows the login name here.
    """
    return clean_name(asked) if asked is not None else _user()


def clean_name(name: str) -> str:
    """A name that can be stored and sent; the system hands over broken UTF-8 as surrogates.

    Raises:
        UsageError: nothing is left of it.
    """
    clean = name.encode("utf-8", "backslashreplace").decode().strip()
    if not clean:
        raise UsageError("--reviewer takes a name")
    return clean


def answers() -> TextIO:
    """Standard input, whatever bytes come."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="backslashreplace")
    return sys.stdin


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user; no such module on Windows
        raise UsageError("nobody knows your name here; say --reviewer NAME") from None
