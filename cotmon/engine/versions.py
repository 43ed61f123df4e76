"""Versions that a result depends on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("cotmon", "msgspec", "numpy", "onnxruntime", "sqlalchemy")


def versions() -> dict[str, str]:
    """Python, platform and the packages behind scores, by name; absent ones left out."""
    found = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
