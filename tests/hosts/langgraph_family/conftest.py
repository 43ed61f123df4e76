"""What tests of LangGraph graphs share."""

import sys
from pathlib import Path

import pytest

from cotmon.hosts import watch

sys.path.insert(0, str(Path(__file__).parent))
from two_tools import Tools


@pytest.fixture
def watched(project):
    """Watches a graph with these settings; gives it and its watcher, which is closed."""
    made = []

    def make(graph, settings="", mode="enforce"):
        found = watch(graph, project(settings, mode))
        made.append(found.cotmon)
        return found, found.cotmon

    yield make
    for one in made:
        one.close()


@pytest.fixture
def tools():
    return Tools()
