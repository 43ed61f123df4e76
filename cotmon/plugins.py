"""Discovery: a module in a package *is* its registration.

A file `cotmon/formats/inspect.py` that defines `FORMAT` is the format `inspect`. Other
distributions add theirs under the entry-point group of the package's name
(`cotmon.formats`). Names are listed without importing anything; only what is asked for is
imported.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from cotmon.errors import PluginError, UnknownNameError


@dataclass(frozen=True, slots=True)
class Folder:
    """One extensible package.

    Attributes:
        package: dotted name, also the entry-point group of strangers.
        attribute: the name each module must define.
        noun: what one of them is called in messages.
    """

    package: str
    attribute: str
    noun: str

    def names(self) -> list[str]:
        """All names, sorted, without importing any of them."""
        return sorted({*_own(self.package), *_foreign(self.package)})

    def load(self, name: str) -> Any:
        """The object a module defines.

        Raises:
            UnknownNameError: nothing is called that.
            PluginError: it is broken, or a stranger uses a built-in's name.
        """
        own, foreign = _own(self.package), _foreign(self.package)
        if name in own and name in foreign:
            raise PluginError(
                f"{self.noun} {name!r} is built in, and {_origin(foreign[name])} brings one of the "
                "same name; remove or rename that one"
            )
        if name in own:
            module = importlib.import_module(f"{self.package}.{name}")
            return self._attribute_of(module, f"{self.package}.{name}")
        if name in foreign:
            return self._load_foreign(foreign[name])
        raise UnknownNameError(name, self.noun, self.names())

    def _load_foreign(self, point: EntryPoint) -> Any:
        try:
            loaded = point.load()
        except Exception as error:
            raise PluginError(
                f"{self.noun} {point.name!r} of {_origin(point)} cannot be imported: {error!r}"
            ) from error
        return getattr(loaded, self.attribute, loaded)

    def _attribute_of(self, module: object, where: str) -> Any:
        try:
            return getattr(module, self.attribute)
        except AttributeError:
            raise PluginError(f"{where} must define {self.attribute}") from None


@cache
def _own(package: str) -> frozenset[str]:
    path = importlib.import_module(package).__path__
    return frozenset(m.name for m in pkgutil.iter_modules(path) if not m.name.startswith("_"))


@cache
def _foreign(package: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=package)}


def _origin(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
