"""Groups drawn with replacement: how often each is in each draw."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

IntArray: TypeAlias = NDArray[np.int64]
Groups: TypeAlias = Sequence[Hashable] | NDArray[Any]

BLOCK_CELLS = 4_000_000  # cases × draws worked on at once: about 200 MB at the peak


def owners(groups: Groups) -> tuple[IntArray, int]:
    """For each case the number of its group, and how many groups there are.

    The numbers follow the groups' names, so that the order of the cases changes no draw.
    """
    members = list(groups.tolist() if isinstance(groups, np.ndarray) else groups)
    places = {name: place for place, name in enumerate(sorted(set(members), key=repr))}
    return np.array([places[member] for member in members], dtype=np.int64), len(places)


def group_draws(groups: int, draws: int, cases: int, seed: int) -> Iterator[IntArray]:
    """Blocks (groups, draws) of how often each group was drawn, small enough for so many cases.

    The first block is one column of ones, the data as they are; `draws` columns follow. They
    depend on the seed (PCG64), the number of groups and nothing else.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    yield np.ones((groups, 1), dtype=np.int64)
    block = max(1, BLOCK_CELLS // max(cases, 1))
    for start in range(0, draws, block):
        columns = [_draw(groups, rng) for _ in range(min(block, draws - start))]
        yield np.stack(columns, axis=1)


def _draw(groups: int, rng: np.random.Generator) -> IntArray:
    if not groups:
        return np.zeros(0, dtype=np.int64)
    return np.bincount(rng.integers(0, groups, groups), minlength=groups)
